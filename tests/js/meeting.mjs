// Two laptops of the fleet meet by the address that one types on its page: each takes the other's cases along, and who
// reaches the hub first brings the other's receipts home.
// Begun as journey.mjs says.

import assert from "node:assert/strict";
import { check, play } from "./journey.mjs";
import { Officer } from "./officer.mjs";
import { Reader } from "./reader.mjs";

const LOOPBACK = "127.0.0.1:0";
const LINE = {
  sex: "P", service: "DUK-KK", village: "53.02.01.1001", status: "received", officer: "Yefta Nabuasa",
  started: "2026-11-21T09:00:00+08:00", consent: true,
};

/** Laptops of V01 and V02, each with cases of its own that the hub, which is away, has not got: where it listened. */
async function prepare(programs) {
  programs.ask("hub-server", "hub", ["init", "--district", "53.02"]);
  const hub = await programs.start("hub-server", "hub", ["run", "--listen", LOOPBACK, "--web", LOOPBACK]);
  for (const [home, unit] of [["van", "V01"], ["other", "V02"]]) {
    const [{ ticket }] = programs.ask("hub-server", "hub", ["invite", "--unit", unit]);
    programs.ask("van-agent", home, ["enroll", ticket]);
  }
  // Each knows of the other by the hub alone.
  for (const home of ["van", "other"]) programs.ask("van-agent", home, ["sync"]);
  await hub.stop();
  for (const [home, names] of [["van", ["Dorkas Fallo", "Nahak"]], ["other", ["Rosa Sae"]]]) {
    const input = names.map((name) => JSON.stringify({ ...LINE, name })).join("\n");
    programs.ask("van-agent", home, ["record", "--file", "-"], { input });
  }
  return hub.ready.quic;
}

async function meeting(programs, browser, pictures) {
  const listen = await prepare(programs);
  const run = (home) => programs.start("van-agent", home, ["run", "--web", LOOPBACK, "--peers", LOOPBACK]);
  const van = await run("van");
  const other = await run("other");
  /** Somebody at the page of a laptop. */
  const at = async ({ ready }) => {
    const reader = await Reader.open(browser, pictures);
    await reader.go(ready.url);
    const site = new URL(ready.url).origin;
    const officer = new Officer(reader);
    const custody = async () => {
      await reader.go(`${site}/custody`);
      const terms = await reader.terms();
      return ["Masih di laptop", "Dititipkan", "Sudah di pusat"].map((name) => Number(terms[name]));
    };
    /** Meets the laptop that listens at an address, by the page's button. */
    const meet = async (address) => {
      await reader.go(`${site}/carry`);
      await officer.fill("address", address);
      await officer.button("Tukar sekarang");
    };
    return { reader, site, officer, custody, meet, page: reader.page };
  };
  const first = await at(van);
  const second = await at(other);
  const met = (one) => one.page.locator("[role=status].good").innerText();

  await check("where nobody listens the page says what to do, and nothing is lost", async () => {
    await first.meet("127.0.0.1:9");
    assert.match(await first.page.locator("[role=alert]").innerText(), /Tidak berhasil\..+/s);
    first.reader.complaints.length = 0;
    assert.deepEqual(await first.custody(), [2, 0, 0]);
  });
  await check("two laptops meet by a button: each carries the other's cases, and both pages say so", async () => {
    await second.reader.go(`${second.site}/carry`);
    const shown = await second.page.locator("#here").innerText();
    assert.equal(shown, other.ready.peers, "the other's page shows the address to type");
    await first.meet(shown);
    assert.match(await met(first), /Sudah bertukar dengan V02A/);
    const told = await first.officer.text();
    assert.match(told, /Dibawa untuk V02A: \d+ perubahan/);
    assert.match(told, /V02A membawa untuk laptop ini/);
    assert.match(told, new RegExp(`V02A\\s+[^\\n]*${other.ready.peers}`));
    await first.reader.audit("carry-met-id", "id");
    assert.deepEqual(await first.custody(), [0, 2, 0]);
    assert.match(await first.officer.text(), /Catatan V02A/);
    await second.reader.go(`${second.site}/carry`);
    assert.match(await second.officer.text(), /Dibawa untuk V01A: \d+ perubahan[^]*V01A membawa untuk laptop ini/);
    assert.deepEqual(await second.custody(), [0, 1, 0]);
    assert.deepEqual(programs.ask("van-agent", "other", ["find", "Dorkas"]).filter(({ slip }) => slip), [],
      "what is carried is not the carrier's to read");
  });
  await check("one of them reaches the hub: its own and the other's are there", async () => {
    // The first one never comes into coverage.
    await first.reader.go(`${first.site}/sync`);
    await first.page.keyboard.press("Alt+x");
    await first.page.getByText("Pertukaran dihentikan").waitFor();
    const hub = await programs.start("hub-server", "hub", ["run", "--listen", listen, "--web", LOOPBACK]);
    await second.officer.reconcile(second.site);
    assert.deepEqual((await second.custody()).slice(0, 2), [0, 0]);
    const names = programs.ask("hub-server", "hub", ["case", "list"]).map(({ name }) => name).filter(Boolean);
    assert.deepEqual(names.sort(), ["Dorkas Fallo", "Nahak", "Rosa Sae"]);
    await hub.stop();
    await second.reader.go(`${second.site}/carry`);
    assert.match(await second.officer.text(), /Bukti pusat dalam perjalanan ke V01A/);
    await second.reader.audit("carry-homeward-id", "id");
  });
  await check("at the next meeting, called from the other side, the hub's receipts come home", async () => {
    assert.deepEqual(await first.custody(), [0, 2, 0], "what is carried is not at the hub before its receipt is here");
    await second.meet(van.ready.peers);
    assert.match(await met(second), /Sudah bertukar dengan V01A/);
    assert.deepEqual(await first.custody(), [0, 0, 2]);
    assert.match(await first.page.locator("[role=status]").first().innerText(), /^Aman dihapus/);
  });
  await check("the page of a meeting is there in English", async () => {
    await first.reader.speak("en");
    await first.reader.go(`${first.site}/carry`);
    await first.officer.fill("address", other.ready.peers);
    await first.officer.next();
    assert.match(await met(first), /V02A/);
    await first.reader.audit("carry-met-en", "en");
  });
  for (const { reader } of [first, second]) await reader.context.close();
}

await play(meeting);
