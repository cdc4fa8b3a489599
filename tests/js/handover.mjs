// Products at the desk: aboard, into a family's hands against a signature, a bundle for somebody who signs for all of it,
// and back to stock, by the keyboard.
// Begun as journey.mjs says.

import assert from "node:assert/strict";
import { check, play } from "./journey.mjs";
import { Officer, prepare, start } from "./officer.mjs";
import { Reader } from "./reader.mjs";

/** Signs on the pad with the mouse. */
async function sign(page) {
  const pad = page.locator("#signature");
  await pad.scrollIntoViewIfNeeded();
  const { x, y, width, height } = await pad.boundingBox();
  await page.mouse.move(x + width / 5, y + height / 2);
  await page.mouse.down();
  for (const [right, down] of [[0.4, 0.2], [0.6, 0.8], [0.8, 0.4]]) {
    await page.mouse.move(x + width * right, y + height * down);
  }
  await page.mouse.up();
}

/** Three products that the hub marked ready, and the hub away: their cases. */
async function ready(programs, listen) {
  const record = ([name, service]) => programs.ask("van-agent", "van", ["record", "--name", name, "--sex", "P", "--born", "1988-03-01",
    "--mother", "Maria Fallo", "--village", "53.02.01.1001", "--service", service, "--status", "complete",
    "--officer", "Yefta Nabuasa", "--consent", "true"])[0].slip;
  const slips = [["Dorkas Fallo", "DUK-KK"], ["Ala'ang", "DUK-LAHIR"], ["O'a", "DUK-LAHIR"]].map(record);
  const hub = await programs.start("hub-server", "hub", ["run", "--listen", listen, "--web", "127.0.0.1:0"]);
  programs.ask("van-agent", "van", ["sync"]);
  for (const slip of slips) {
    for (const state of ["issued", "ready"]) {
      programs.ask("hub-server", "hub", ["case", "amend", slip, "--as-agency", "DUK", "--set", `status=${state}`]);
    }
  }
  programs.ask("van-agent", "van", ["sync"]);
  await hub.stop();
  return programs.ask("van-agent", "van", ["case", "list"]).filter((row) => slips.includes(row.slip));
}

async function handover(programs, browser, pictures) {
  const finished = await ready(programs, await prepare(programs));
  const van = await start(programs);
  const site = new URL(van.ready.url).origin;
  const reader = await Reader.open(browser, pictures);
  const { page } = reader;
  const officer = new Officer(reader);
  /** Holds a page to its promises in English, and comes back to it in Indonesian. */
  const english = async (url, name) => {
    await reader.speak("en");
    await reader.go(url);
    await reader.audit(`${name}-en`, "en");
    await reader.speak("id");
    await reader.go(url);
  };
  await reader.go(van.ready.url);

  await check("products: a missing collector is refused in words, one is handed over, some are entrusted, one goes back", async () => {
    const state = (slip) => programs.ask("van-agent", "van", ["case", "show", slip])[0].status;
    await reader.go(`${site}/handover`);
    for (const box of await page.locator("tbody input").all()) await box.press("Space");
    await reader.audit("handover-id", "id");
    await english(`${site}/handover`, "handover");
    for (const box of await page.locator("tbody input").all()) await box.press("Space");
    await page.getByRole("button", { name: "Muat ke unit" }).press("Enter");
    await page.waitForURL("**/handover?done=*");
    assert.deepEqual(finished.map(({ slip }) => state(slip)), ["loaded", "loaded", "loaded"]);

    await officer.fill("q", finished[0].slip);
    await officer.go("Enter", "**/handover?q=*");
    assert.match(await page.locator(".who").innerText(), new RegExp(finished[0].name));
    await page.locator("input[value=family]").press("Space");
    await officer.next("Alt+s");
    assert.match(await page.locator("[role=alert]").innerText(), /Tulis nama yang mengambil/);
    reader.complaints.length = 0;
    assert.equal(state(finished[0].slip), "loaded");
    await reader.audit("handover-one-id", "id");
    assert.ok(await page.locator("input[value=family]").isChecked(), "who collects stays chosen");
    await officer.fill("with", "Rosa Fallo");
    await officer.next("Alt+s");
    assert.match(await page.locator("[role=alert]").innerText(), /bagaimana penerimaan dibuktikan/);
    reader.complaints.length = 0;
    assert.equal(await page.locator("#with").inputValue(), "Rosa Fallo", "what was typed stays");
    await page.locator("input[value=pad]").press("Space");
    await officer.next("Alt+s");
    assert.match(await page.locator("[role=alert]").innerText(), /Belum ada tanda tangan/);
    reader.complaints.length = 0;
    await sign(page);
    await english(`${site}/handover?q=${encodeURIComponent(finished[0].slip)}`, "handover-one");
    await page.locator("input[value=family]").press("Space");
    await officer.fill("with", "Rosa Fallo");
    await page.locator("input[value=pad]").press("Space");
    await sign(page);
    await officer.next("Alt+s");
    const [given] = programs.ask("van-agent", "van", ["case", "show", finished[0].slip]);
    const { state: last, collected_by, collected_how, with: taken_by } = given.events.at(-1);
    assert.deepEqual([last, collected_by, collected_how, taken_by], ["handed_over", "family", "pad", "Rosa Fallo"]);
    assert.deepEqual(given.attachments.map(({ kind, type }) => `${kind} ${type}`), ["signature image/png"]);
    await reader.go(`${site}/case/${given.case}`);
    assert.match(await officer.text(), /Diambil oleh: Rosa Fallo, keluarga · Bukti: tanda tangan di layar/);
    await reader.go(`${site}/handover`);

    for (const at of [1, 2]) {
      await officer.fill("scan", finished[at].slip);
      await officer.next();
      assert.equal(await officer.focus(), "scan", "the next one is scanned without a key");
    }
    assert.match(await officer.text(), /2 dipilih/);
    await officer.fill("scan", "tidak ada");
    await officer.next();
    reader.complaints.length = 0;
    assert.equal(await page.locator("tbody input:checked").count(), 2, "what was chosen stays chosen");
    await officer.fill("with", "Pak Sae");
    await officer.next("Enter");
    assert.deepEqual([1, 2].map((at) => state(finished[at].slip)), ["loaded", "loaded"], "Enter in the name's field gives nothing away");
    await page.locator("button[value=entrust]:focus").waitFor();
    await officer.go("Enter", "**/handover?holder=*");
    assert.deepEqual([1, 2].map((at) => state(finished[at].slip)), ["with_collector", "with_collector"]);
    await reader.audit("handover-list-id", "id");
    await page.emulateMedia({ media: "print" });
    const paper = await page.locator("main").innerText();
    assert.match(paper, /Unit V01 ·[^]*Tanda tangan penerima titipan: Pak Sae/);
    assert.ok(await page.locator(".thumb").first().isVisible() && !(await page.locator("tbody input").first().isVisible()));
    await page.emulateMedia({ media: "screen" });
    await english(page.url(), "handover-list");
    await page.locator("tbody input").first().press("Space");
    await page.getByRole("button", { name: /Daftar kembali/ }).press("Enter");
    await page.waitForURL("**/handover?done=*");
    assert.deepEqual([1, 2].map((at) => state(finished[at].slip)).sort(), ["handed_over", "with_collector"]);
    const left = [1, 2].find((at) => state(finished[at].slip) === "with_collector");
    await reader.go(`${site}/handover?q=${encodeURIComponent(finished[left].slip)}`);
    await officer.fill("reason", "tidak ditemukan");
    // Enter in the reason is about the reason, never about handing over.
    await page.locator("#reason").press("Enter");
    await page.waitForURL("**/handover?done=*");
    assert.match(await officer.text(), /Kembali ke stok/);
    assert.equal(state(finished[left].slip), "ready");
  });
  await reader.context.close();
}

await play(handover);
