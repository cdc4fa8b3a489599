// A team closes its day on the page, by the keyboard: what is half typed must be decided first, then the seal, which
// the hub takes by typing before anything has arrived, and by the exchange.
// Begun as journey.mjs says.

import assert from "node:assert/strict";
import { join } from "node:path";
import { check, play } from "./journey.mjs";
import { prepare } from "./officer.mjs";
import { Reader } from "./reader.mjs";

const SEAL_CHARACTERS = 154;
const CITIZENS = [
  ["Dorkas Fallo", "P", "DUK-KK"],
  ["Nahak", "L", "TAS-AUT"],
  ["Yohanis Nope", "L", "DUK-KIA"],
];

function record(programs) {
  const line = ([name, sex, service], index) =>
    JSON.stringify({ name, sex, service, village: "53.02.01.1001", status: "received", officer: "Yefta Nabuasa",
      started: "2026-11-21T09:00:00+08:00", consent: true, ref: `day-${index}` });
  const input = CITIZENS.map(line).join("\n");
  programs.ask("van-agent", "van", ["record", "--file", "-"], { input });
}

async function day(programs, browser, pictures) {
  const listen = await prepare(programs);
  const loopback = "127.0.0.1:0";
  const van = await programs.start("van-agent", "van", ["run", "--web", loopback]);
  const site = new URL(van.ready.url).origin;
  const reader = await Reader.open(browser, pictures);
  const { page } = reader;
  const main = () => page.locator("main").innerText();
  const press = async (key, place) => {
    const arrives = page.waitForURL(place);
    await page.keyboard.press(key);
    await arrives;
    await page.waitForLoadState();
  };
  const onPage = async () => (await page.locator(".seal").innerText()).replaceAll(/\s/g, "");
  const shown = () => programs.ask("van-agent", "van", ["day", "show"])[0];
  let seal;

  await check("with nothing written there is nothing to seal, and the page says so", async () => {
    await reader.go(van.ready.url);
    await page.getByRole("link", { name: "Tutup hari" }).press("Enter");
    await page.waitForURL("**/day");
    assert.match(await main(), /belum ada yang ditulis/i);
    assert.equal(await page.locator("form[action='/day']").count(), 0);
    await reader.audit("day-empty-id", "id");
    programs.ask("van-agent", "van", ["day", "close"], { exit: 1 });
  });
  await check("the day is not closed while a form is half typed, and its name leads back to it", async () => {
    record(programs);
    await reader.go(`${site}/record`);
    await page.locator("#nik").fill("53020");
    await page.locator("#kept", { hasText: "tersimpan sementara" }).waitFor();
    assert.equal(shown().forms.length, 1, "digits of a NIK are somebody's");
    assert.equal(programs.ask("van-agent", "van", ["custody"])[0].forms, 1, "custody counts what is to be decided");
    await reader.go(`${site}/record`);
    assert.equal(await page.locator(".half-typed li").count(), 1, "it is kept all the same");
    await page.locator("#name").fill("Belum Selesai Diketik");
    await page.locator("#kept", { hasText: "tersimpan sementara" }).waitFor();
    await page.reload();
    assert.equal(await page.locator(".half-typed li").count(), 2, "whatever else is typed");
    await reader.go(`${site}/day`);
    assert.match(await main(), /3 permohonan/);
    assert.match(await main(), /Belum Selesai Diketik/);
    await page.locator("#leader").fill("Maria Taek");
    const answered = page.waitForResponse((answer) => answer.request().method() === "POST");
    await page.keyboard.press("Alt+t");
    assert.equal((await answered).status(), 409);
    await page.waitForLoadState();
    assert.equal(await page.locator("#leader").inputValue(), "Maria Taek", "the name that was typed is kept");
    assert.match(await page.locator("[role=alert]").innerText(), /Hari belum ditutup.*Tidak ada yang hilang/s);
    reader.complaints.length = 0;
    await reader.audit("day-refused-id", "id");
    assert.equal(shown().seal, null);
    programs.ask("van-agent", "van", ["day", "close"], { exit: 1 });
    await page.getByRole("link", { name: /Belum Selesai Diketik/ }).press("Enter");
    await page.waitForURL("**/record?form=*");
    await reader.forget();
  });
  await check("what is half typed is decided on the page: kept for the next visit, saved, or deleted", async () => {
    const names = ["Tunda Saja", "Hapus Saja", "Yustina Kase"];
    for (const name of names) {
      await reader.go(`${site}/record`);
      await page.locator("#name").fill(name);
      if (name === "Yustina Kase") {
        await page.locator("#sex").selectOption("P");
        await page.locator("#born").fill("1990");
        await page.locator("#village").fill("53.02.01.1001");
        await page.locator("#officer").fill("Yefta Nabuasa");
        await page.locator("#add").fill("DUK-KK");
        await press("Enter", "**/record?form=*");
      }
      await page.locator("#notes").fill("pulang dulu");
      await page.locator("#kept", { hasText: "tersimpan sementara" }).waitFor();
    }
    const decide = async (name, button) => {
      const arrives = page.waitForEvent("load");
      await page.locator("#decide ~ ul li", { hasText: name }).getByRole("button", { name: new RegExp(`^${button}:`) }).press("Enter");
      await arrives;
    };
    await reader.go(`${site}/day`);
    await reader.audit("day-decide-id", "id");
    await decide("Hapus Saja", "Simpan kurang berkas");
    assert.match(await page.locator("[role=alert]").innerText(), /Belum tersimpan.*Tidak ada yang hilang/s);
    reader.complaints.length = 0;
    await decide("Hapus Saja", "Hapus isian");
    assert.match(await main(), /tidak dapat dikembalikan[^]*Hapus Saja/);
    await press("Escape", "**/day");
    await decide("Hapus Saja", "Hapus isian");
    await press("Alt+y", "**/day");
    await decide("53020", "Hapus isian");
    await press("Alt+y", "**/day");
    await decide("Yustina Kase", "Simpan kurang berkas");
    assert.deepEqual(shown().forms.map((form) => form.name), ["Tunda Saja"]);
    await decide("Tunda Saja", "Tunda");
    const day = shown();
    assert.deepEqual([day.forms, day.custody.forms, day.cases], [[], 1, 4]);
    const [saved] = programs.ask("van-agent", "van", ["find", "Yustina Kase"]);
    assert.equal(saved.status, "incomplete");
    assert.equal(await page.locator("#decide").count(), 0);
  });
  await check("closing the day gives a seal of 154 characters, in groups and as a picture", async () => {
    await reader.go(`${site}/day`);
    assert.ok(await page.locator("#print").isVisible(), "the counts are printed before they are sealed, too");
    await page.locator("#leader").fill("Maria Taek");
    await press("Enter", "**/day");
    await page.locator(".seal").waitFor();
    seal = await onPage();
    assert.equal(seal.length, SEAL_CHARACTERS);
    assert.match(seal, /^[0-9A-HJKMNP-TV-Z]+$/);
    assert.equal(await page.locator(".seal span").count(), 22);
    const picture = await page.locator("svg.qr").boundingBox();
    assert.ok(picture.width >= 150 && picture.width === picture.height, JSON.stringify(picture));
    assert.match(await main(), /Maria Taek/);
    assert.equal(await page.locator("form[action='/day']").count(), 0, "nothing is left to seal");
    await reader.audit("day-id", "id");
    assert.match(await main(), /Seluruh biaya[^]*sesudah segel ini belum ada lagi yang ditulis/, "after the counts");
    await page.emulateMedia({ media: "print" });
    assert.match(await main(), /Yang ditutup segel ini[^]*Dinas[^]*Seluruh biaya/, "the counts stay, on paper too");
    await page.emulateMedia({ media: "screen" });
    const day = shown();
    assert.equal(day.seal.services.reduce((sum, { cases }) => sum + cases, 0), 4);
    assert.deepEqual([day.seal.seal, day.seal.leader, day.changes], [seal, "Maria Taek", 0]);
    const [again] = programs.ask("van-agent", "van", ["day", "close"]);
    assert.deepEqual([again.seal, again.again], [seal, true]);
  });
  await check("the page is there in English", async () => {
    await reader.speak("en");
    await page.waitForLoadState();
    assert.match(await main(), /The day is closed/);
    await reader.audit("day-en", "en");
    await reader.speak("id");
    await page.waitForLoadState();
  });
  await check("a seal that is typed at the hub says how much is missing, and a wrong character is refused", async () => {
    const groups = seal.toLowerCase().match(/.{7}/g);
    const [added] = programs.ask("hub-server", "hub", ["seal", "add", ...groups]);
    assert.deepEqual([added.new, added.signature, added.chain], [true, "right", "not_yet"]);
    assert.equal(added.missing, added.last - added.first + 1);
    assert.ok(added.missing >= CITIZENS.length, JSON.stringify(added));
    const wrong = (seal[20] === "7" ? "8" : "7") + seal.slice(21);
    programs.ask("hub-server", "hub", ["seal", "add", seal.slice(0, 20) + wrong], { exit: 1 });
    programs.ask("hub-server", "hub", ["seal", "add", "-"], { input: `${seal}\n` });
    const photo = join(programs.root, "photo.png");
    await page.locator("svg.qr").screenshot({ path: photo });
    const [seen] = programs.ask("hub-server", "hub", ["seal", "add", "--image", photo]);
    assert.deepEqual([seen.seal, seen.new], [seal, false]);
    assert.equal(programs.ask("hub-server", "hub", ["seal", "list"]).length, 1);
  });
  await check("after an exchange nothing is missing; a second seal follows on the first and comes by itself", async () => {
    programs.ask("van-agent", "van", ["record", "--name", "O'a", "--sex", "P", "--village", "53.02.01.1001",
      "--service", "DUK-LAHIR", "--officer", "Yefta Nabuasa"]);
    const [second] = programs.ask("van-agent", "van", ["day", "close", "--leader", "Maria Taek"]);
    const started = await programs.start("hub-server", "hub", ["run", "--listen", listen, "--web", loopback]);
    programs.ask("van-agent", "van", ["sync"]);
    const rows = programs.ask("hub-server", "hub", ["seal", "list"]);
    const first = rows.find((row) => row.seal === seal);
    const other = rows.find((row) => row.seal === second.seal);
    assert.equal(rows.length, 2);
    assert.equal(other.first, first.last + 1);
    for (const row of [first, other]) {
      assert.deepEqual([row.missing, row.chain, row.signature, row.laptop, row.leader],
        [0, "agrees", "right", "V01A", "Maria Taek"]);
    }
    assert.deepEqual([first.came, other.came], ["typed", "sync"]);
    await started.stop();
  });
  await reader.context.close();
}

await play(day);
