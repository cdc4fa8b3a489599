// An officer finds who was announced without typing it again, takes sheets of the survey from paper, and keeps the book
// of numbered blanks, by the keyboard, with no hub running.
// Begun as journey.mjs says.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { check, play } from "./journey.mjs";
import { Reader } from "./reader.mjs";

const VILLAGE = "53.02.01.1001";
const KK = "5302010101200001";
const PRELIST = `nik,name,sex,born,mother,father,kk,village,address,phone,service,priority
5302016902009003,Ala'ang Nope,,2000-02-29,Yuliana Tefa,Yohanis Nope,${KK},${VILLAGE},RT 3 dusun I,081234567890,DUK-KK,mother
,Bayi Nope,P,2026-11-02,Ala'ang Nope,,${KK},${VILLAGE},RT 3 dusun I,,,
`;
const LOOPBACK = "127.0.0.1:0";

async function prepare(programs) {
  programs.ask("hub-server", "hub", ["init", "--district", "53.02"]);
  const hub = await programs.start("hub-server", "hub", ["run", "--listen", LOOPBACK, "--web", LOOPBACK]);
  const file = join(programs.root, "prelist.csv");
  writeFileSync(file, PRELIST);
  programs.ask("hub-server", "hub", ["registry", "import", "--kind", "prelist", file]);
  const [{ ticket }] = programs.ask("hub-server", "hub", ["invite", "--unit", "V01"]);
  programs.ask("van-agent", "van", ["enroll", ticket]);
  programs.ask("hub-server", "hub", ["lease", "grant", "--unit", "V01", "--kind", "KTP-EL",
    "--from", "000001", "--to", "000010"]);
  programs.ask("hub-server", "hub", ["lease", "grant", "--unit", "V01", "--laptop", "A", "--kind", "slip:DUK",
    "--from", "500", "--to", "501"]);
  programs.ask("van-agent", "van", ["sync"]);
  await hub.stop();
}

async function stock(programs, browser, pictures) {
  await prepare(programs);
  programs.ask("van-agent", "van", ["visit", "open", "Pasar Niki-Niki", "--village", VILLAGE]);
  const van = await programs.start("van-agent", "van", ["run", "--web", LOOPBACK]);
  const site = new URL(van.ready.url).origin;
  const reader = await Reader.open(browser, pictures);
  const { page } = reader;
  const main = () => page.locator("main").innerText();
  const load = async (act) => {
    const arrives = page.waitForEvent("load");
    await act();
    await arrives;
  };
  const press = (key) => load(() => page.keyboard.press(key));
  const click = (name) => load(() => page.getByRole("button", { name }).press("Enter"));
  const value = (id) => page.locator(`#${id}`).inputValue();
  await reader.go(van.ready.url);

  await check("the first page and the visits tell who is expected, and recording begins there", async () => {
    assert.match(await main(), /Diharapkan datang, Pasar Niki-Niki: [1-9] orang dari daftar prapendaftaran/);
    await reader.go(`${site}/visits`);
    assert.match(await main(), /Ala'ang Nope/);
    await reader.audit("visits-id", "id");
    await page.locator("#label").fill("Kantor desa");
    await page.locator("#village").fill("Atlantis");
    await press("Enter");
    assert.match(await main(), /Pilih desa dari daftar/);
    assert.deepEqual([await value("label"), await value("village")], ["Kantor desa", "Atlantis"]);
    // A refused form is not an error of the page.
    reader.complaints.length = 0;
    await reader.speak("en");
    await reader.go(`${site}/visits`);
    await reader.audit("visits-en", "en");
    await reader.speak("id");
    await reader.go(`${site}/visits`);
    await load(() => page.getByRole("link", { name: "Layani Ala'ang Nope" }).press("Enter"));
    assert.equal(await value("name"), "Ala'ang Nope");
  });
  await check("a NIK of the pre-list fills the sheet, with the service that was asked for", async () => {
    await reader.go(`${site}/record`);
    await page.keyboard.type("5302016902009003");
    await press("Enter");
    assert.deepEqual(
      [await value("name"), await value("mother"), await value("kk"), await value("address"), await value("priority")],
      ["Ala'ang Nope", "Yuliana Tefa", KK, "RT 3 dusun I", "mother"],
    );
    assert.match(await main(), /DUK-KK/);
    await page.locator("#officer").fill("Yefta Nabuasa");
    await load(() => page.keyboard.press("Alt+s"));
    assert.match(page.url(), /\/saved\//);
    assert.match(await main(), /Nomor instansi: 500/, "the agency's number, on the slip");
    await reader.go(page.url().replace("/saved/", "/case/"));
    assert.match(await main(), /Nomor instansi: 500/);
    await reader.go(site);
    assert.match(await main(), /Diharapkan datang, Pasar Niki-Niki: \d orang dari daftar prapendaftaran, 1 sudah dilayani/);
    await reader.go(`${site}/visits`);
    assert.match(await page.locator("li.card", { hasText: "530201 690200" }).innerText(), /sudah dilayani/);
  });
  await check("a family card brings up who is known and who was announced, and another member takes the address over", async () => {
    await reader.go(`${site}/record`);
    await page.locator("#kk").fill(KK);
    await press("Enter");
    assert.match(await main(), /Dalam kartu keluarga ini.*Ala'ang Nope.*Bayi Nope/s);
    await reader.audit("record-kin-id", "id");
    await click(/Anggota lain/);
    assert.deepEqual([await value("address"), await value("name")], ["RT 3 dusun I", ""]);
    await reader.go(`${site}/record`);
    await page.locator("#name").fill("bayi");
    await press("Enter");
    await click(/Ambil orang ini/);
    assert.deepEqual([await value("name"), await value("born"), await value("kk")], ["Bayi Nope", "2/11/2026", KK]);
    await reader.forget();
  });
  await check("sheets are typed digit by digit, and one with a gap is kept and left out of the index", async () => {
    await reader.go(`${site}/survey`);
    await page.locator("input[name=sheet-0]").first().focus();
    await page.keyboard.type("444444444");
    await page.keyboard.type("444 44444");
    await page.keyboard.type("9");
    await page.keyboard.type("333333333");
    await load(() => page.keyboard.press("Alt+s"));
    assert.match(await page.locator(".good[role=status]").innerText(), /3 lembar tersimpan/);
    assert.match(await main(), /87,50/);
    const [visit] = programs.ask("van-agent", "van", ["survey", "show"]);
    assert.deepEqual([visit.sheets, visit.partial, visit.index, visit.grade], [3, 1, "87.50", "B"]);
    await reader.audit("survey-id", "id");
  });
  await check("a wrong score saves nothing, loses nothing, and the same batch is saved once", async () => {
    await reader.go(`${site}/survey`);
    const cells = page.locator("input[name=sheet-0]");
    await cells.first().focus();
    await page.keyboard.type("44444444");
    // Whoever has no script may type anything; the program refuses it.
    await page.evaluate(() => {
      const last = [...document.querySelectorAll("input[name=sheet-0]")].at(-1);
      last.value = "7";
      last.form.noValidate = true;
    });
    const form = await page.evaluate(() => [...new FormData(document.querySelector("form[action='/survey']"))]);
    await load(() => page.keyboard.press("Alt+s"));
    assert.match(await page.locator("[role=alert]").innerText(), /Belum tersimpan.*Tidak ada yang hilang/s);
    assert.equal(await cells.last().inputValue(), "7");
    reader.complaints.length = 0;
    const right = form.map(([name, text]) => [name, text === "7" ? "4" : text]);
    for (let turn = 0; turn < 2; turn += 1) {
      await page.request.post(`${site}/survey`, {
        headers: { "content-type": "application/x-www-form-urlencoded", origin: site },
        data: new URLSearchParams(right).toString(),
      });
    }
    assert.equal(programs.ask("van-agent", "van", ["survey", "show"])[0].sheets, 4);
  });
  await check("the paper asks all nine in both languages", async () => {
    await reader.go(`${site}/survey`);
    await load(() => page.keyboard.press("Alt+p"));
    const text = await main();
    for (const asked of ["Persyaratan", "Requirements", "Sarana dan prasarana", "Facilities", "Sangat baik"]) {
      assert.match(text, new RegExp(asked));
    }
    assert.equal(await page.locator(".answers tbody tr").count(), 9);
    await reader.audit("survey-paper-id", "id");
  });
  await check("blanks are received, spoilt and used by the keyboard, and a wrong use is an alarm", async () => {
    await reader.go(`${site}/blanks`);
    const enter = async (act, from, to, reason) => {
      await page.locator("#act").selectOption(act);
      await page.locator("#kind").fill("ktp-el");
      await page.locator("#from").fill(from);
      await page.locator("#to").fill(to);
      await page.locator("#reason").fill(reason);
      await load(() => page.keyboard.press("Alt+s"));
    };
    await enter("received", "000001", "000010", "");
    await enter("spoilt", "000002", "", "");
    assert.match(await page.locator("[role=alert]").innerText(), /perlu alasan/);
    assert.equal(await value("from"), "000002");
    reader.complaints.length = 0;
    await enter("spoilt", "000002", "", "tinta");
    const [{ slip }] = programs.ask("van-agent", "van", ["record", "--name", "Nahak", "--sex", "L", "--village", VILLAGE,
      "--service", "DUK-CETAK", "--officer", "Yefta Nabuasa"]);
    for (const serial of ["000001", "000002"]) {
      await page.locator("#case").fill(slip);
      await page.locator("#serial").fill(serial);
      await load(() => page.keyboard.press("Alt+k"));
    }
    assert.match(await page.locator("[role=alert]").innerText(), /KTP-EL 000002: PERINGATAN: sudah rusak/);
    assert.match(await main(), /L0001/);
    const rows = page.locator("section[aria-labelledby=book] tbody tr");
    assert.equal(await rows.count(), 3, "one came in ten, one was spoilt, and a case names what was spoilt");
    assert.match(await page.locator("#book ~ * tr", { has: page.getByRole("link", { name: slip }) }).innerText(), /000002.*PERINGATAN: sudah rusak/);
    await reader.audit("blanks-id", "id");
    await page.locator("#q").fill("tinta");
    await load(() => page.keyboard.press("Enter"));
    assert.match(await rows.innerText(), /000002.*rusak.*tinta/);
    await reader.go(`${site}/blanks?kind=KTP-EL&q=${encodeURIComponent(slip)}`);
    await load(() => rows.getByRole("link").click());
    assert.match(await main(), new RegExp(slip));
    await reader.go(`${site}/day`);
    assert.match(await main(), /KTP-EL: 1 terpakai, 1 rusak/);
  });
  await check("an agency's numbers are lent in words, and told when they are used up", async () => {
    for (const path of ["/blanks", "/", "/day"]) {
      await reader.go(site + path);
      const told = await main();
      assert.match(told, /nomor tanda terima DUK[^]*500–501[^]*habis terpakai/, path);
      assert.doesNotMatch(told, /slip:DUK/, path);
    }
  });
  await check("a blank that two cases name is one alarm with its number, and ends where the number is corrected; consent is given later", async () => {
    const slips = ["Bria", "Seran"].map((name) => programs.ask("van-agent", "van", ["record", "--name", name, "--sex", "L",
      "--village", VILLAGE, "--service", "DUK-CETAK", "--officer", "Yefta Nabuasa", "--blank", "000007",
      "--consent", "false"])[0].slip);
    await reader.go(`${site}/needs-you`);
    assert.equal((await main()).match(/Nomor blanko yang sama lebih dari sekali: 000007/g).length, 1);
    const alarm = page.locator("main section", { hasText: "000007" });
    for (const slip of slips) assert.ok((await alarm.innerText()).includes(slip), slip);
    await reader.audit("needs-you-blank-id", "id");
    const second = alarm.locator("li", { hasText: slips[1] });
    await second.getByLabel("Nomor blanko").fill("00 0008");
    await second.getByLabel("Alasan").fill("salah baca");
    await load(() => second.getByRole("button", { name: "Perbaiki nomor blanko ini" }).press("Enter"));
    assert.doesNotMatch(await main(), /000007/);
    const show = () => programs.ask("van-agent", "van", ["case", "show", slips[1]])[0];
    assert.deepEqual([show().blank, show().warnings.consent === undefined], ["000008", false]);
    await reader.go(`${site}/correct/${show().case}`);
    await page.locator("#consent").selectOption("true");
    await page.locator("#reason").fill("setuju di depan saksi");
    await load(() => page.keyboard.press("Alt+s"));
    assert.deepEqual([show().consent, show().blank, show().warnings.consent], [true, "000008", undefined]);
  });
  await check("the pages are there in English", async () => {
    for (const [path, title] of [["survey", "Survey"], ["survey/paper", "Paper form"], ["blanks", "Blanks"]]) {
      await reader.speak("en");
      await reader.go(`${site}/${path}`);
      assert.match(await page.title(), new RegExp(title));
      await reader.audit(`${path.replace("/", "-")}-en`, "en");
    }
  });
  await reader.context.close();
}

await play(stock);
