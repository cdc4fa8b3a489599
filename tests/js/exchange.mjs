// The page of the exchange over a link that comes and goes: how far it is, a stop in the middle, a cut in words, and an
// end that the page tells by itself.
// Begun as journey.mjs says.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { VILLAGE, hub } from "./depot.mjs";
import { check, play } from "./journey.mjs";
import { Officer, start } from "./officer.mjs";
import { Reader } from "./reader.mjs";

const CASES = 150;
/** Bytes that get through before the link is cut: the handshake and a part of the batch. */
const CUT_BYTES = 3_500;
/** Bytes of a scan that takes a while over a slow link. */
const SCAN_BYTES = 300_000;

async function exchange(programs, browser, pictures) {
  const depot = await hub(programs);
  const { link } = depot;
  const [{ ticket }] = programs.ask("hub-server", "hub", ["invite", "--unit", "V01"]);
  programs.ask("van-agent", "van", ["enroll", ticket]);
  await link.say("cut");
  const van = await start(programs);
  const site = new URL(van.ready.url).origin;
  const reader = await Reader.open(browser, pictures);
  const { page } = reader;
  const officer = new Officer(reader);
  let written = 0;
  const record = (count) => {
    const line = (_, index) => JSON.stringify({ name: `Warga ${written + index}`, sex: "L", service: "DUK-KK", village: VILLAGE,
      status: "received", notes: randomBytes(24).toString("hex"), officer: "Yefta Nabuasa", started: "2026-11-21T09:00:00+08:00", consent: true });
    const input = Array.from({ length: count }, line).join("\n");
    written += programs.ask("van-agent", "van", ["record", "--file", "-"], { input }).at(-1).saved;
  };
  const on_laptop = () => programs.ask("van-agent", "van", ["custody"])[0].on_laptop;
  /** Opens the page; which exchange it tells of. */
  const open = async () => {
    await reader.go(`${site}/sync`);
    return page.locator("#progress").getAttribute("data-seen");
  };
  /** Nobody is dialled until somebody starts it. */
  const rest = async () => {
    await open();
    await page.keyboard.press("Alt+x");
    await page.getByText("Pertukaran dihentikan, semua yang terkirim tersimpan").waitFor();
    await page.waitForLoadState();
  };
  await reader.go(van.ready.url);

  await check("a link that breaks is told in words, and once it is back the rest goes by itself", async () => {
    record(CASES);
    await open();
    await page.locator("#progress", { hasText: "Menghubungi pusat" }).waitFor();
    await rest();
    assert.equal(await page.locator("#progress").innerText(), "");
    assert.match(await officer.text(), /Belum di pusat\s+\d+ perubahan/);
    // Where no datagrams pass, a break is noticed at once.
    await link.say("block-udp");
    await link.say("restore");
    await link.say(`cut-after ${CUT_BYTES}`);
    await page.keyboard.press("Alt+s");
    await page.locator("[role=status].open", { hasText: "sambungan terputus; yang sudah terkirim tidak dikirim ulang" }).waitFor();
    assert.equal(on_laptop(), CASES, "nothing is at the hub that has no receipt");
    await reader.audit("sync-broken-id", "id");
    await reader.speak("en");
    await open();
    await page.locator("[role=status].open", { hasText: "the link broke off; what was sent is not sent again" }).waitFor();
    await reader.audit("sync-broken-en", "en");
    await reader.speak("id");
    const before = await open();
    await link.say("restore");
    await officer.ended(before);
    assert.match(await officer.text(), /Pertukaran terakhir selesai[^]*Belum di pusat\s+Tidak ada/);
    assert.equal(on_laptop(), 0);
  });
  await check("how far it is stands on the page while it goes on; stopped in the middle, started again, it comes to its end", async () => {
    await rest();
    record(1);
    const [{ slip }] = programs.ask("van-agent", "van", ["case", "list"]);
    const scan = join(programs.root, "scan.pdf");
    writeFileSync(scan, randomBytes(SCAN_BYTES));
    programs.ask("van-agent", "van", ["case", "attach", slip, scan]);
    await link.say("profile vsat");
    await open();
    await officer.next("Alt+s");
    // The facts are there before the scan is, of which the page tells the bytes that are left.
    const progress = page.locator("#progress", { hasText: /\d+ perubahan terkirim\..*lampiran.*KB/ });
    await progress.waitFor();
    await page.locator("[role=status].good").waitFor();
    let loads = 0;
    page.on("load", () => (loads += 1));
    const told = await progress.innerText();
    await page.waitForFunction((before) => document.getElementById("progress").textContent !== before, told);
    assert.equal(loads, 0, "it is told without the page anew");
    await rest();
    await reader.audit("sync-stopped-id", "id");
    assert.equal(programs.ask("van-agent", "van", ["custody"])[0].attachments, 1, "the scan is still here alone");
    await link.say("profile clean");
    await officer.reconcile(site);
    const [custody] = programs.ask("van-agent", "van", ["custody"]);
    assert.deepEqual([custody.on_laptop, custody.attachments], [0, 0]);
  });
  await link.close();
  await reader.context.close();
}

await play(exchange);
