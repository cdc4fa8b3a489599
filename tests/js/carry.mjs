// A laptop gives a stick to another by its page, takes back who signed for it, and exchanges with the hub while the
// page tells how far that is.
// Begun as journey.mjs says.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { check, play } from "./journey.mjs";
import { Officer } from "./officer.mjs";
import { Reader } from "./reader.mjs";

const LINE = {
  name: "Dorkas Fallo", sex: "P", service: "DUK-KK", village: "53.02.01.1001", status: "received",
  officer: "Yefta Nabuasa", started: "2026-11-21T09:00:00+08:00", consent: true,
};

async function carry(programs, browser, pictures) {
  programs.ask("hub-server", "hub", ["init", "--district", "53.02"]);
  const loopback = "127.0.0.1:0";
  let hub = await programs.start("hub-server", "hub", ["run", "--listen", loopback, "--web", loopback]);
  const listen = hub.ready.quic;
  for (const [home, unit] of [["van", "V01"], ["other", "V02"]]) {
    const [{ ticket }] = programs.ask("hub-server", "hub", ["invite", "--unit", unit]);
    programs.ask("van-agent", home, ["enroll", ticket]);
  }
  for (const home of ["van", "other"]) programs.ask("van-agent", home, ["sync"]);
  await hub.stop();
  programs.ask("van-agent", "van", ["record", "--file", "-"], { input: JSON.stringify(LINE) });
  const stick = join(programs.root, "stick");
  mkdirSync(stick);
  const van = await programs.start("van-agent", "van", ["run", "--web", loopback]);
  const site = new URL(van.ready.url).origin;
  const reader = await Reader.open(browser, pictures);
  const { page } = reader;
  const officer = new Officer(reader);
  const main = () => page.locator("main").innerText();
  await reader.go(van.ready.url);

  await check("a bundle is written to the stick by the keyboard", async () => {
    await page.keyboard.press("Alt+w");
    await page.waitForURL("**/carry");
    assert.match(await main(), /tidak disandikan/);
    assert.match(await main(), /Laptop ini tidak menunggu laptop lain: jalankan programnya dengan --peers/);
    await reader.audit("carry-id", "id");
    await page.locator("#chosen").fill(stick);
    await page.keyboard.press("Enter");
    await page.waitForURL("**/carry?folder=*");
    const answered = page.waitForResponse((answer) => answer.request().method() === "POST");
    await page.keyboard.press("Alt+s");
    assert.equal((await answered).status(), 200);
    await page.waitForLoadState();
    const [written] = readdirSync(stick);
    assert.ok((await page.locator("[role=status]").innerText()).includes(written));
    programs.ask("van-agent", "other", ["bundle", "import", join(stick, written)]);
    await reader.audit("carry-written-id", "id");
  });
  await check("a folder that is not there is told, and nothing is lost", async () => {
    const nowhere = join(stick, "nowhere");
    await reader.go(`${site}/carry?folder=${encodeURIComponent(nowhere)}`);
    assert.match(await page.locator("[role=alert]").innerText(), /tidak ada.*flashdisk terpasang.*Tidak ada yang hilang/s);
    assert.equal(await page.locator("#chosen").inputValue(), nowhere);
    assert.equal(await page.getByRole("button", { name: "Tulis titipan" }).count(), 0);
    reader.complaints.length = 0;
    await reader.go(`${site}/carry`);
    const offered = await page.locator("#chosen").inputValue();
    assert.ok(offered === "" || statSync(offered).isDirectory(), offered);
    assert.equal(await page.locator("#no-stick").count(), offered === "" ? 1 : 0);
  });
  await check("of a bundle with a changed byte the part is named, and nothing of it is taken", async () => {
    const [written] = readdirSync(stick);
    const bytes = readFileSync(join(stick, written));
    bytes[bytes.length - 200] ^= 1;
    writeFileSync(join(stick, "rusak.bundle"), bytes);
    await reader.go(`${site}/carry?folder=${encodeURIComponent(stick)}`);
    const answered = page.waitForResponse((answer) => answer.request().method() === "POST");
    await page.getByRole("button", { name: "rusak.bundle" }).press("Enter");
    assert.equal((await answered).status(), 422);
    await page.waitForLoadState();
    assert.match(await page.locator("[role=alert]").innerText(), /Bagian \d+ berkas titipan ini berubah atau rusak/);
    rmSync(join(stick, "rusak.bundle"));
    reader.complaints.length = 0;
  });
  await check("what the other laptop signed is carried, with its note behind it", async () => {
    programs.ask("van-agent", "other", ["bundle", "export", join(stick, "back.bundle")]);
    await reader.go(`${site}/carry?folder=${encodeURIComponent(stick)}`);
    const answered = page.waitForResponse((answer) => answer.request().method() === "POST");
    await page.getByRole("button", { name: "back.bundle" }).press("Enter");
    assert.equal((await answered).status(), 200);
    await page.waitForLoadState();
    assert.match(await main(), /V02A membawa untuk laptop ini/);
    await reader.go(`${site}/custody`);
    const terms = await reader.terms();
    assert.deepEqual([terms["Masih di laptop"], terms["Dititipkan"], terms["Sudah di pusat"]], ["0", "1", "0"]);
    assert.match(await page.locator("[role=status]").innerText(), /^Belum aman dihapus/);
    assert.match(await main(), /Catatan V02A/);
    await reader.audit("custody-carried-id", "id");
  });
  await check("the page of the exchange shows its end by itself", async () => {
    await reader.go(`${site}/sync`);
    await reader.audit("sync-id", "id");
    hub = await programs.start("hub-server", "hub", ["run", "--listen", listen, "--web", loopback]);
    await officer.reconcile(site);
    assert.match(await main(), /Pertukaran terakhir selesai/);
    await reader.go(`${site}/custody`);
    const terms = await reader.terms();
    assert.deepEqual([terms["Dititipkan"], terms["Sudah di pusat"]], ["0", "1"]);
    assert.match(await page.locator("[role=status]").innerText(), /^Aman dihapus/);
    await reader.audit("custody-id", "id");
  });
  await check("stopped, it stays stopped until somebody starts it", async () => {
    await reader.go(`${site}/sync`);
    // The page tells it by itself before the browser has come back from the button.
    const back = page.waitForEvent("load");
    await page.keyboard.press("Alt+x");
    await back;
    await page.getByText("Pertukaran dihentikan").waitFor();
    // Where it came anew by itself, it takes no keys until it is whole.
    await page.waitForLoadState();
    await page.locator("#budget").selectOption("200000");
    const begun = page.waitForEvent("load");
    await page.keyboard.press("Alt+s");
    await begun;
    await page.getByText("Pertukaran terakhir selesai").waitFor();
    await hub.stop();
  });
  await check("the other language tells the same", async () => {
    for (const path of ["/carry", "/custody", "/sync"]) {
      await reader.go(site + path);
      await reader.speak("en");
      await reader.audit(`${path.slice(1)}-en`, "en");
    }
  });
  await van.stop();
  await reader.context.close();
}

await play(carry);
