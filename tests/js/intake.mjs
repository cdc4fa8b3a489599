// An officer takes in what a sitting has beside its fields: what a new case would repeat, what the citizen agrees to
// and how it is confirmed, who else asks or collects, papers by file, camera and scanner; and a scanner of barcodes.
// Begun as journey.mjs says.

import assert from "node:assert/strict";
import { mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { check, play } from "./journey.mjs";
import { Officer, prepare, start } from "./officer.mjs";
import { Reader } from "./reader.mjs";

const MOTHER = { nik: "5302014103889001", name: "Dorkas Fallo" };
const FATHER = "Yunus Fallo";
const VILLAGE = "53.02.01.1001";
const OFFICER = "Yefta Nabuasa";

/** Bytes that an attachment may have. */
const BYTES_MAX = 20_000_000;
/** A picture of one pixel, as any program opens it. */
const PICTURE = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==",
  "base64",
);

const cases = (programs) => programs.ask("van-agent", "van", ["case", "list"]).filter((row) => row.slip);
const show = (programs, slip) => programs.ask("van-agent", "van", ["case", "show", slip])[0];

async function journey(programs, browser, pictures) {
  await prepare(programs);
  const van = await start(programs);
  const reader = await Reader.open(browser, pictures);
  const { page } = reader;
  const officer = new Officer(reader);
  const site = new URL(van.ready.url).origin;
  const button = (name) => page.getByRole("button", { name, exact: true });
  /** Presses a button that leads to a page. */
  const press = async (name, place) => {
    const arrives = page.waitForURL(place);
    await page.getByRole("button", { name }).first().press("Enter");
    await arrives;
    await page.waitForLoadState();
  };
  const begin = async (fields) => {
    await reader.go(`${site}/record`);
    for (const [name, text] of Object.entries(fields)) {
      if (name === "sex") await page.locator("#sex").selectOption(text);
      else await officer.fill(name, text);
    }
    await officer.next();
  };

  await check("all of it is read aloud, Escape returns to typing, and what was said is stored", async () => {
    await reader.go(van.ready.url);
    await reader.go(`${site}/officer`);
    await officer.fill("officer", OFFICER);
    await officer.go("Enter", "**/");
    await begin({ nik: MOTHER.nik });
    await officer.fill("name", MOTHER.name);
    await officer.fill("mother", "Maria Taek");
    await officer.fill("address", "Dusun 2");
    await officer.fill("village", VILLAGE);
    await officer.fill("companion", "Rosa Tefa, kader");
    await officer.fill("add", "DUK-KK");
    await officer.next();
    assert.match(await page.locator("#village").inputValue(), /^[A-Z][a-z]+.*, [A-Z]/, "a village stands as its name");
    assert.equal(await page.evaluate(() => document.activeElement.name), "tick-DUK-KK", "what comes next after a service");
    assert.match(await officer.text(), /menarik persetujuan ini lewat petugas.*2026-1/s);
    await page.locator("input[name=consent]").press("Space");
    await officer.go("Alt+r", "**/record/aloud/*");
    const told = await officer.text();
    for (const part of [MOTHER.name, "1 Maret 1988", "Maria Taek", "Dusun 2", "Rosa Tefa, kader", "kurang berkas", "Kartu Keluarga", "menarik persetujuan"]) {
      assert.ok(told.includes(part), `${part}: ${told}`);
    }
    assert.equal(cases(programs).length, 0, "nothing is saved yet");
    await reader.audit("aloud-id", "id");
    await officer.go("Escape", "**/record?form=*");
    assert.equal(await page.locator("#name").inputValue(), MOTHER.name);
    await officer.go("Alt+r", "**/record/aloud/*");
    assert.equal(await page.locator("input[name=confirmed]:checked").count(), 0, "nobody has confirmed yet");
    await page.locator("input[value=witnesses]").press("Space");
    await officer.fill("witness-1", "Bria");
    await officer.next("Alt+s");
    assert.match(await page.locator("[role=alert]").first().innerText(), /nama kedua saksi/);
    reader.complaints.length = 0;
    assert.equal(await officer.focus(), "witness-1");
    await officer.fill("witness-2", "Seran");
    await officer.go("Alt+s", "**/saved/*");
    const [row] = cases(programs);
    const shown = show(programs, row.slip);
    assert.deepEqual(
      [shown.consent, shown.consent_text, shown.confirmed, shown.witnesses, shown.status],
      [true, "2026-1", "witnesses", ["Bria", "Seran"], "incomplete"],
    );
    await reader.go(`${site}/case/${row.case}`);
    assert.match((await reader.terms())["Persetujuan"], /^setuju: Bapak\/Ibu setuju.*2026-1/);
    assert.equal((await reader.terms())["Dibenarkan dengan"], "dua saksi");
  });
  await check("the same service again is told before it is saved, with a link, and goes on with a reason alone", async () => {
    const [first] = cases(programs);
    await begin({ nik: MOTHER.nik });
    await officer.fill("village", VILLAGE);
    await officer.fill("add", "DUK-KK");
    await officer.next();
    const told = await page.locator(".chosen [role=alert]").innerText();
    for (const part of [first.slip, OFFICER, "V01A", "belum selesai"]) assert.ok(told.includes(part), told);
    await reader.audit("record-same-id", "id");
    await officer.next("Alt+s");
    assert.match(await page.locator("[role=alert]").first().innerText(), /Sudah ada permohonan seperti ini/);
    reader.complaints.length = 0;
    assert.equal(await officer.focus(), "again");
    assert.equal(cases(programs).length, 1, "nothing is saved without a reason");
    await officer.type("kartu yang lama rusak");
    await officer.go("Alt+s", "**/saved/*");
    const again = cases(programs).find(({ slip }) => slip !== first.slip);
    assert.ok(again.warnings.same_open.includes(first.slip) && again.warnings.same_open.endsWith("kartu yang lama rusak"));
    await reader.go(`${site}/case/${again.case}`);
    assert.match(await officer.text(), new RegExp(`yang sama yang belum selesai. ${first.slip} · Alasan: kartu yang lama rusak`));
  });
  await check("a numbered blank that was used is told before it is saved", async () => {
    for (const name of ["Anak Satu", "Rosalia Kase"]) {
      await begin({ name, sex: "L", born: "2020-02-03", village: VILLAGE, add: "DUK-KIA" });
      await officer.fill("blank-DUK-KIA", "KIA 000123");
      if (name === "Anak Satu") {
        await officer.go("Alt+s", "**/saved/*");
        continue;
      }
      await officer.next("Alt+s");
      assert.match(await page.locator(".chosen [role=alert]").innerText(), /blanko ini sudah dipakai.*Anak Satu/s);
      reader.complaints.length = 0;
      await officer.fill("blank-DUK-KIA", "KIA 000124");
      await officer.go("Alt+s", "**/saved/*");
    }
    const blanks = cases(programs).filter(({ service }) => service === "DUK-KIA").map(({ blank }) => blank);
    assert.deepEqual(blanks.sort(), ["KIA 000123", "KIA 000124"]);
  });
  await check("the ways to leave a sheet are named: put off, saved as incomplete, discarded", async () => {
    await begin({ name: FATHER, sex: "L", born: "1948", village: VILLAGE, add: "DUK-KK" });
    assert.equal(await button("Simpan kurang berkas Alt+S").count(), 1);
    for (const tick of await page.locator(".ticks input").all()) await tick.press("Space");
    assert.equal(await button("Simpan Alt+S").count(), 1, "nothing is missing");
    await officer.go("Alt+j", "**/record");
    assert.equal(await page.locator("#name").inputValue(), "");
    await page.locator(".half-typed summary").press("Enter");
    await page.getByRole("link", { name: new RegExp(`${FATHER} · .* · ${OFFICER}`) }).press("Enter");
    await page.waitForURL("**/record?form=*");
    assert.equal(await page.locator("#name").inputValue(), FATHER);
    await officer.go("Alt+s", "**/saved/*");
    const [row] = cases(programs).filter(({ name }) => name === FATHER);
    assert.deepEqual([row.status, row.confirmed ?? null], ["complete", null], "nobody said how it was confirmed");
    await reader.go(`${site}/case/${row.case}`);
    assert.equal((await reader.terms())["Lahir"], "± 1948");
  });
  await check("applicant, subject and collector are three people, chosen among those who are known", async () => {
    await begin({ name: "Ala'ang Fallo", sex: "L", born: "2026-11-18", village: VILLAGE, add: "DUK-LAHIR" });
    await page.getByText("Pemohon atau pengambil lain").press("Enter");
    await officer.fill("seek", "Dorkas");
    await officer.next();
    await press("Pemohon", "**/record?form=*");
    await page.getByText("Pemohon atau pengambil lain").scrollIntoViewIfNeeded();
    await officer.fill("seek", "Yunus");
    await officer.next();
    await reader.audit("record-parties-id", "id");
    await press("Pengambil", "**/record?form=*");
    await officer.go("Alt+s", "**/saved/*");
    const [row] = cases(programs).filter(({ name }) => name === "Ala'ang Fallo");
    const shown = show(programs, row.slip);
    assert.deepEqual(
      [shown.applicant.name, shown.subject.name, shown.collector.name],
      [MOTHER.name, "Ala'ang Fallo", FATHER],
    );
    await reader.go(`${site}/case/${row.case}`);
    const terms = await reader.terms();
    assert.deepEqual([terms["Pemohon"], terms["Pengambil"]], [MOTHER.name, FATHER]);
  });
  await check("a reported death is told on every page of that person, with its date", async () => {
    const [row] = cases(programs).filter(({ name }) => name === FATHER);
    programs.ask("van-agent", "van", ["record", "--person-ref", row.person, "--village", VILLAGE, "--service", "DUK-MATI",
      "--officer", OFFICER, "--consent", "true", "--started", "2026-11-20T09:00:00+08:00"]);
    const [other] = cases(programs).filter(({ name }) => name === MOTHER.name);
    const places = [`case/${row.case}`, `correct/${row.case}`, `correct/${other.case}?person=${encodeURIComponent(FATHER)}`,
      `saved/${row.case}`];
    for (const place of places) {
      await reader.go(`${site}/${place}`);
      assert.match(await page.locator("[role=alert]").first().innerText(), /laporan kematian.*20 November 2026/s, place);
    }
    await reader.go(`${site}/find?q=${encodeURIComponent(FATHER)}`);
    for (const found of await page.locator("tbody tr").all()) assert.match(await found.innerText(), /laporan kematian.*20 November 2026/s);
    await begin({ name: FATHER });
    assert.match(await officer.text(), /laporan kematian.*20 November 2026/s);
    await reader.forget();
  });
  await check("a paper is attached from a file, shown, given out whole, and taken away with a reason", async () => {
    const [row] = cases(programs).filter(({ name }) => name === FATHER);
    await reader.go(`${site}/case/${row.case}`);
    await page.locator(".attach summary").press("Enter");
    await page.locator("input[type=file]").setInputFiles({ name: "KTP ayah.png", mimeType: "image/png", buffer: PICTURE });
    await reader.audit("case-attach-id", "id");
    await press("Lampirkan", "**/case/*");
    const [paper] = show(programs, row.slip).attachments;
    assert.deepEqual([paper.name, paper.type, paper.size], ["KTP ayah.png", "image/png", PICTURE.length]);
    assert.match(await officer.text(), /1 pindaian menyusul/);
    const picture = page.locator(".papers img");
    assert.deepEqual(await picture.evaluate((img) => [img.complete, img.naturalWidth > 0]), [true, true], "it is shown");
    assert.equal(await picture.getAttribute("alt"), "pindaian KTP ayah.png");
    const given = await page.request.get(`${site}/case/${row.case}/file/${paper.attachment}`);
    assert.ok(PICTURE.equals(await given.body()));
    const { "content-type": type, "content-disposition": shown, "x-content-type-options": sniff } = given.headers();
    assert.deepEqual([type, shown, sniff], ["image/png", "inline; filename*=UTF-8''KTP%20ayah%2Epng", "nosniff"]);
    await reader.audit("case-papers-id", "id");
    await page.locator(".papers summary").press("Enter");
    await page.locator(".papers input[name=reason]").fill("milik orang lain");
    const arrives = page.waitForEvent("load");
    await page.locator(".papers input[name=reason]").press("Enter");
    await arrives;
    assert.match(await officer.text(), /dicabut: milik orang lain/);
    assert.equal(show(programs, row.slip).attachments[0].removed, "milik orang lain");
  });
  await check("what is no picture is never shown by the browser, what is too large or empty is refused in words", async () => {
    const [row] = cases(programs).filter(({ name }) => name === FATHER);
    const attach = async (name, bytes) => {
      await reader.go(`${site}/case/${row.case}`);
      await page.locator(".attach summary").press("Enter");
      writeFileSync(join(programs.root, name), bytes);
      await page.locator("input[type=file]").setInputFiles(join(programs.root, name));
      const arrives = page.waitForEvent("load");
      await page.getByRole("button", { name: "Lampirkan" }).press("Enter");
      await arrives;
    };
    await attach("surat.html", Buffer.from("<script>document.title = 'x'</script>"));
    const letter = show(programs, row.slip).attachments.find(({ name }) => name === "surat.html");
    const given = await page.request.get(`${site}/case/${row.case}/file/${letter.attachment}`);
    assert.match(given.headers()["content-disposition"], /^attachment;/);
    assert.equal(given.headers()["content-type"], "text/plain");
    await attach("besar.pdf", Buffer.alloc(BYTES_MAX + 1, "x"));
    assert.match(await page.locator("[role=alert]", { hasText: "20 MB" }).innerText(), /lebih besar.*Tidak ada yang hilang/);
    await attach("kosong.pdf", Buffer.alloc(0));
    assert.match(await page.locator("[role=alert]", { hasText: "Pilih" }).innerText(), /ada isinya/);
    reader.complaints.length = 0;
    assert.equal(show(programs, row.slip).attachments.length, 2);
    await attach("pas.pdf", Buffer.alloc(BYTES_MAX, "x"));
    assert.equal(show(programs, row.slip).attachments.length, 3, "20 MB go in");
    const foreign = await page.evaluate(async (place) => {
      const form = new FormData();
      form.append("file", new File(["x"], "x.txt"));
      return (await fetch(place, { method: "POST", body: form })).status;
    }, `/case/${row.case}/attach`);
    assert.equal(foreign, 403);
    reader.complaints.length = 0;
    assert.equal(show(programs, row.slip).attachments.length, 3);
  });
  await check("the scanner's folder offers its newest files, attached by one press on the page of what was saved", async () => {
    const folder = join(programs.root, "scans");
    mkdirSync(folder);
    ["lama.png", "baru.png"].forEach((name, index) => {
      writeFileSync(join(folder, name), PICTURE);
      utimesSync(join(folder, name), 1_700_000_000 + index, 1_700_000_000 + index);
    });
    writeFileSync(join(folder, "kosong.pdf"), "");
    writeFileSync(join(folder, "besar.pdf"), Buffer.alloc(20_000_001));
    programs.ask("van-agent", "van", ["settings", "set", "scanner_folder", folder]);
    const found = programs.ask("van-agent", "van", ["case", "scans"]).filter(({ name }) => name);
    const listed = found.filter(({ unfit }) => unfit === null).map(({ name }) => name);
    assert.deepEqual(listed, ["baru.png", "lama.png"]);
    const unfit = Object.fromEntries(found.map(({ name, unfit }) => [name, unfit]));
    assert.deepEqual([unfit["kosong.pdf"], unfit["besar.pdf"]], ["empty", "large"]);
    await begin({ name: "Anak Tiga", sex: "P", born: "2021-05-06", village: VILLAGE, add: "DUK-KK" });
    await officer.go("Alt+s", "**/saved/*");
    await page.locator(".attach summary").press("Enter");
    await reader.audit("saved-attach-id", "id");
    assert.deepEqual(await page.locator(".scans button").allInnerTexts(), listed);
    const told = await page.locator(".scans").innerText();
    assert.match(told, /kosong\.pdf.*Tidak dapat dilampirkan.*kosong/);
    assert.match(told, /besar\.pdf.*Tidak dapat dilampirkan.*20 MB/);
    const arrives = page.waitForEvent("load");
    await page.locator(".scans button").first().press("Enter");
    await arrives;
    assert.match(page.url(), /\/saved\//);
    const [row] = cases(programs).filter(({ name }) => name === "Anak Tiga");
    assert.deepEqual(show(programs, row.slip).attachments.map(({ name, kind }) => [name, kind]), [["baru.png", "scan"]]);
  });
  await check("the camera takes a photo, which is posted as a file", async () => {
    const [row] = cases(programs).filter(({ name }) => name === "Anak Tiga");
    await reader.go(`${site}/case/${row.case}`);
    await page.locator(".attach summary").press("Enter");
    await page.getByRole("button", { name: "Kamera" }).press("Enter");
    const take = page.getByRole("button", { name: "Ambil foto" });
    await page.waitForFunction(() => document.querySelector("video")?.videoWidth > 0);
    const arrives = page.waitForEvent("load");
    await take.press("Enter");
    await arrives;
    const photo = show(programs, row.slip).attachments.find(({ name }) => name === "kamera.jpg");
    assert.deepEqual([photo.kind, photo.type], ["photo", "image/jpeg"]);
    const shown = await page.locator(".papers img").evaluateAll((all) => all.every((img) => img.naturalWidth > 0));
    assert.ok(shown, "its small picture is shown");
  });
  await check("a scanner's 16 digits find the person wherever the focus is, and its Enter saves nothing", async () => {
    const before = cases(programs).length;
    await reader.go(`${site}/record`);
    await page.locator("button[value=save]").focus();
    await officer.type(MOTHER.nik);
    await officer.go("Enter", "**/record?form=*");
    assert.match(await page.locator(".card").first().innerText(), new RegExp(MOTHER.name));
    await page.locator("button[value=save]").focus();
    await officer.type("5302011708909001");
    await officer.press("Enter");
    await page.locator("#kept", { hasText: "NIK yang dipindai tidak dipakai" }).waitFor();
    assert.match(await page.locator(".card").first().innerText(), new RegExp(MOTHER.name));
    await reader.forget();
    await page.locator("#nik:focus").waitFor();
    await officer.type(MOTHER.nik);
    await officer.next();
    assert.match(await page.locator(".card").first().innerText(), new RegExp(MOTHER.name), "in the field of the NIK");
    await reader.forget();
    assert.equal(cases(programs).length, before);
  });
  await check("without scripts a sheet is read aloud and saved, and a paper attached, as well", async () => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    const plain = await context.newPage();
    await plain.goto(van.ready.url);
    await plain.goto(`${site}/record`);
    await plain.locator("#name").fill("Tanpa Skrip");
    await plain.locator("#sex").selectOption("P");
    await plain.locator("#village").fill(VILLAGE);
    await plain.locator("#add").fill("DUK-KK");
    await plain.getByRole("button", { name: "Bacakan keras" }).press("Enter");
    await plain.waitForURL("**/record/aloud/*");
    await plain.locator("input[value=thumb]").press("Space");
    await plain.getByRole("button", { name: "Simpan kurang berkas" }).press("Enter");
    await plain.waitForURL("**/saved/*");
    const [row] = cases(programs).filter(({ name }) => name === "Tanpa Skrip");
    assert.equal(row.confirmed, "thumb");
    await plain.locator(".attach summary").press("Enter");
    assert.equal(await plain.locator(".camera").isVisible(), false);
    await plain.locator("input[type=file]").setInputFiles({ name: "KK.png", mimeType: "image/png", buffer: PICTURE });
    const arrives = plain.waitForEvent("load");
    await plain.getByRole("button", { name: "Lampirkan" }).press("Enter");
    await arrives;
    assert.match(plain.url(), /\/saved\//);
    assert.deepEqual(show(programs, row.slip).attachments.map(({ name }) => name), ["KK.png"]);
    await context.close();
  });
  await check("the pages are whole in English", async () => {
    await reader.speak("en");
    await begin({ nik: MOTHER.nik });
    await officer.fill("village", VILLAGE);
    await officer.fill("add", "DUK-KK");
    await officer.next();
    assert.match(await officer.text(), /withdraw this consent through an officer/);
    await reader.audit("record-same-en", "en");
    await officer.fill("again", "lost");
    await officer.go("Alt+r", "**/record/aloud/*");
    await reader.audit("aloud-en", "en");
    await officer.go("Escape", "**/record?form=*");
    await reader.forget("Discard what is typed");
    await reader.speak("id");
  });
  await reader.context.close();
}

await play(journey);
