// An officer works through the queue on its page, by the keyboard: whoever is not there, whoever goes home, whoever comes
// for a document, and the ways in which somebody leaves in the middle of a sheet.
// Begun as journey.mjs says.

import assert from "node:assert/strict";
import { check, play } from "./journey.mjs";
import { Officer, prepare, start } from "./officer.mjs";
import { Reader } from "./reader.mjs";

const VILLAGE = "53.02.01.1001";

async function queue(programs, browser, pictures) {
  await prepare(programs);
  let van = await start(programs);
  const reader = await Reader.open(browser, pictures);
  const { page } = reader;
  const officer = new Officer(reader);
  const site = () => new URL(van.ready.url).origin;
  const ask = (...parts) => programs.ask("van-agent", "van", parts);
  const states = () => {
    const tickets = ask("queue", "list").filter(({ ticket }) => ticket);
    return Object.fromEntries(tickets.map(({ ticket, state }) => [ticket, state]));
  };
  const called = () => page.locator(".who").innerText();
  /** Draws a ticket of each class. */
  const take = async (...classes) => {
    for (const name of classes) await officer.button(`Ambil nomor: ${name}`);
  };
  /** Calls the next one, whose ticket it must be. */
  const call = async (ticket) => {
    await officer.next("Alt+q");
    await officer.next("Alt+c");
    assert.match(await called(), new RegExp(ticket));
  };
  /** Serves whoever is called, which leads elsewhere; Enter alone does it. */
  const serve = async (place) => {
    await page.locator("button[value=served]:focus").waitFor();
    await officer.go("Enter", place);
  };
  /** What Today counts of the queue, by its words. */
  const today = async () => {
    await officer.go("Alt+h", "**/");
    const terms = await reader.terms();
    const counts = ["umum", "prioritas", "ambil dokumen"].map((name) => terms[`Menunggu: ${name}`]);
    return [...counts, terms["Dilewati"], terms["Dilayani"]].map(Number);
  };
  await reader.go(van.ready.url);
  await officer.go("Alt+g", "**/officer");
  await officer.fill("officer", "Yefta Nabuasa");
  await officer.go("Enter", "**/");

  await check("numbers on paper, priority first, and the same numbers after a crash", async () => {
    await officer.next("Alt+q");
    await take("umum", "umum", "prioritas", "ambil dokumen");
    assert.match(await page.locator(".big").innerText(), /C-A001/);
    await reader.audit("queue-drawn-id", "id");
    assert.deepEqual(await today(), [2, 1, 1, 0, 0]);
    await call("B-A001");
    await van.kill();
    van = await start(programs);
    reader.requested.clear();
    await reader.go(van.ready.url);
    await officer.next("Alt+q");
    assert.match(await called(), /B-A001/);
    await reader.audit("queue-called-id", "id");
    await officer.next("Alt+q");
    await serve("**/record?class=priority");
    assert.equal(await page.locator("#priority").inputValue(), "other", "the ticket's class goes with it");
    assert.deepEqual(states(), { "A-A001": "waiting", "A-A002": "waiting", "B-A001": "served", "C-A001": "waiting" });
    assert.deepEqual(await today(), [2, 0, 1, 0, 1]);
    await officer.next("Alt+q");
    await take("umum");
    assert.equal(states()["A-A003"], "waiting", "numbers go on where they were");
  });
  await check("who is not there is skipped and called again at the end; who goes home is called no more", async () => {
    await call("A-A001");
    await officer.button("Tidak datang, lewati");
    assert.match(await page.locator("tr", { hasText: "umum" }).innerText(), /A-A002 A-A003\s+A-A001/);
    assert.deepEqual(await today(), [2, 0, 1, 1, 1]);
    await call("A-A002");
    await officer.button("Pulang tanpa dilayani");
    assert.equal(states()["A-A002"], "left");
    assert.deepEqual(await today(), [1, 0, 1, 1, 1]);
    await call("C-A001");
    await serve("**/handover");
    await call("A-A003");
    await serve("**/record?class=general");
    await call("A-A001");
    await serve("**/record?class=general");
    assert.deepEqual(await today(), [0, 0, 0, 0, 4]);
    await officer.next("Alt+q");
    await officer.next("Alt+c");
    assert.equal(await page.locator(".who").count(), 0, "nobody is left to be called");
  });
  await check("who leaves in the middle of a sheet: Tunda, Simpan kurang berkas, Hapus isian", async () => {
    const served = async (ticket, name) => {
      await officer.next("Alt+q");
      await take("umum");
      await call(ticket);
      await serve("**/record?class=general");
      await officer.fill("name", name);
      await page.locator("#sex").selectOption("L");
      await officer.fill("born", "1980");
      await officer.fill("village", VILLAGE);
      await officer.fill("add", "DUK-KK");
      await officer.next();
    };
    const found = (name) => ask("find", name).filter((row) => row.slip);
    await served("A-A004", "Simon Tunda");
    await officer.button("Tunda");
    assert.equal(await page.locator("#name").inputValue(), "");
    await page.locator(".half-typed summary").press("Enter");
    assert.match(await page.locator(".half-typed").innerText(), /Simon Tunda/);
    assert.deepEqual(found("Simon"), [], "no number is used up");
    await served("A-A005", "Paulus Kurang");
    await officer.button("Simpan kurang berkas");
    assert.match(await officer.text(), /TERSIMPAN di laptop ini[^]*kurang berkas[^]*Yang masih harus dibawa/);
    assert.deepEqual(found("Paulus").map(({ status }) => status), ["incomplete"]);
    await served("A-A006", "Daniel Hapus");
    await reader.forget();
    assert.deepEqual(found("Daniel"), []);
    await page.locator(".half-typed summary").press("Enter");
    assert.doesNotMatch(await page.locator(".half-typed").innerText(), /Daniel/);
    assert.equal(ask("custody")[0].forms, 1, "what was put off waits");
    await officer.link(/Simon Tunda/);
    await officer.go("Alt+s", "**/saved/*");
    assert.deepEqual(found("Simon").map(({ status }) => status), ["incomplete"]);
  });
  await check("the queue is there in English", async () => {
    await officer.next("Alt+q");
    await take("umum");
    await reader.speak("en");
    await officer.next("Alt+q");
    await officer.next("Alt+c");
    await reader.audit("queue-called-en", "en");
    await officer.button("Not here, skip");
    assert.match(await officer.text(), /Skipped[^]*A-A007/);
  });
  await reader.context.close();
}

await play(queue);
