// One village day of laptop V01 as its officer has it on the pages: the depot, a day without network, the day's end, and
// a link that is cut while everything is handed over.
// Begun as journey.mjs says.

import assert from "node:assert/strict";
import { join } from "node:path";
import { MOTHER, OFFICER, VILLAGE, WAITING, enrol, hub, load, mark } from "./depot.mjs";
import { check, play } from "./journey.mjs";
import { Officer, start } from "./officer.mjs";
import { Reader } from "./reader.mjs";

/** Bytes of the exchange that get through before the link is cut: the handshake and a part of the batch. */
const CUT_BYTES = 3_600;
/** How often the link is asked whether it is cut, each time a moment later. */
const CUT_ASKED_MAX = 100_000;
const SEAL_CHARACTERS = 154;

const ask = (programs, ...parts) => programs.ask("van-agent", "van", parts);
const cases = (programs) => ask(programs, "case", "list").filter((row) => row.slip);
const of = (programs, name) => cases(programs).filter((row) => row.name === name);

async function village(programs, browser, pictures) {
  const depot = await hub(programs);
  const products = enrol(programs);
  let van = await start(programs);
  const reader = await Reader.open(browser, pictures);
  const { page } = reader;
  // Without a printer the dialog ends at once.
  await page.addInitScript("window.print = () => {}");
  const officer = new Officer(reader);
  const site = () => new URL(van.ready.url).origin;
  const header = () => page.locator("header").innerText();
  const person = async ({ name, sex, born, mother }) => {
    await officer.fill("name", name);
    await page.locator("#sex").selectOption(sex);
    await officer.fill("born", born);
    if (mother) await officer.fill("mother", mother);
  };
  const tick = async (...ticks) => {
    for (const one of ticks) await page.locator(".ticks input").nth(one).press("Space");
  };
  const add = async (service, ...ticks) => {
    await officer.fill("add", service);
    await officer.next();
    await tick(...ticks);
  };
  /** Prints what is shown; the paper comes out. */
  const print = async () => {
    await page.keyboard.press("Alt+p");
    await page.locator("#came-out-yes:focus").waitFor();
    await officer.next();
  };
  /** Saves the sheet, and prints its slip. */
  const save = async () => {
    await officer.go("Alt+s", "**/saved/*");
    await print();
  };
  let sheets;
  let wrong;

  await check("the depot: the hub marks five products ready, the officer loads them, the hub stops", async () => {
    await reader.go(van.ready.url);
    await mark(browser, depot.running, products);
    await load(officer, site());
    await depot.link.say("cut");
    await depot.running.stop();
  });
  await check("1. the officer opens the visit: nothing is on this laptop alone, and work goes on without network", async () => {
    await officer.go("Alt+g", "**/officer");
    await officer.fill("officer", OFFICER);
    await officer.go("Enter", "**/");
    await officer.fill("label", "Pasar Niki-Niki");
    await officer.fill("village", VILLAGE);
    await officer.next();
    const terms = await reader.terms();
    assert.equal(terms["Masih di laptop"], "0");
    assert.equal(terms["Dimuat, untuk diserahkan"], String(WAITING.length));
    assert.match(await officer.text(), /tanpa jaringan[^]*Pasar Niki-Niki/);
  });
  await check("2. five emergency sheets reserve five numbers and make no case", async () => {
    await reader.go(`${site()}/sheets`);
    await officer.fill("count", "5");
    await officer.go("Enter", "**/sheets/*");
    await page.keyboard.press("Alt+p");
    sheets = await page.locator(".sheet-paper .big:has(span)").allInnerTexts();
    sheets = sheets.map((text) => text.match(/\d\d\.\d\d\/\S+/)[0]);
    assert.equal(new Set(sheets).size, 5);
    await reader.go(`${site()}/sheets`);
    assert.match(await officer.text(), /5 lembar belum dimasukkan/);
    assert.equal(cases(programs).length, WAITING.length);
  });
  await check("3. a mother of the pre-list by her KK, and her twins: three cases, one sitting, nothing of hers typed again", async () => {
    await officer.go("Alt+l", "**/record");
    await officer.fill("kk", MOTHER.kk);
    await officer.next();
    assert.match(await officer.text(), new RegExp(MOTHER.name));
    await officer.button("Ambil orang ini");
    const taken = ["nik", "name", "kk", "mother"].map((field) => page.locator(`#${field}`).inputValue());
    assert.deepEqual((await Promise.all(taken)).map((text) => text.replaceAll(/(?<=\d) /g, "")),
      [MOTHER.nik, MOTHER.name, MOTHER.kk, "Maria Fallo"]);
    await add("DUK-KK", 0, 1, 2);
    await save();
    for (const [name, sex] of [["Ala'ang", "L"], ["O'a", "P"]]) {
      await officer.go("Alt+k", "**/record?with=*");
      const carried = ["nik", "mother", "kk", "address"].map((field) => page.locator(`#${field}`).inputValue());
      assert.deepEqual(await Promise.all(carried), ["", MOTHER.name, MOTHER.kk, "RT 3 dusun I"]);
      await person({ name, sex, born: "18/11/2026" });
      await add("DUK-LAHIR", 0, 1, 2, 3);
      await save();
    }
    const family = cases(programs).filter(({ name }) => [MOTHER.name, "Ala'ang", "O'a"].includes(name));
    assert.deepEqual(family.map(({ service }) => service).sort(), ["DUK-KK", "DUK-LAHIR", "DUK-LAHIR"]);
    assert.equal(new Set(family.map((row) => row.encounter)).size, 1, "one encounter");
    assert.equal(new Set(family.map((row) => row.person)).size, 3, "two newborn persons");
    for (const twin of family.filter(({ service }) => service === "DUK-LAHIR")) {
      const [shown] = ask(programs, "case", "show", twin.slip);
      assert.deepEqual([twin.nik, shown.applicant.nik], [null, MOTHER.nik]);
    }
    await officer.go("Alt+j", "**/saved/*family=true");
    const paper = await officer.paper();
    for (const { slip } of family) assert.ok(paper.includes(slip), "one paper bears all three numbers");
  });
  await check("4. Nahak, one name, no NIK, about 1948: what is missing is seen before anything is typed; saved as incomplete", async () => {
    await officer.go("Alt+l", "**/record");
    await add("TAS-KLAIM");
    assert.match(await officer.text(), /4 syarat belum ada[^]*SK pensiun/);
    const typed = ["nik", "name", "born", "mother"].map((field) => page.locator(`#${field}`).inputValue());
    assert.deepEqual(await Promise.all(typed), ["", "", "", ""], "no field of identity is typed yet");
    await tick(0, 1, 3);
    await person({ name: "Nahak", sex: "L", born: "1948" });
    await save();
    assert.match(await officer.text(), /kurang berkas[^]*SK pensiun[^]*TERCATAT, belum TERDAFTAR/);
    const [row] = of(programs, "Nahak");
    assert.deepEqual([row.status, row.nik, row.born_estimated], ["incomplete", null, true]);
    await officer.link("Lihat permohonan");
    assert.match(await officer.text(), /± 1948/);
  });
  await check("5. a second Yohanis Nope of the same day of birth is another person where the officer says so", async () => {
    const twin = { name: "Yohanis Nope", sex: "L", born: "1990-05-04", mother: "Maria Nope" };
    for (const turn of ["first", "second"]) {
      await reader.go(`${site()}/record`);
      await person(twin);
      await add("DUK-KIA", 0, 1, 2);
      if (turn === "second") {
        assert.match(await officer.text(), /Mungkin sudah tercatat[^]*Yohanis Nope[^]*Ibu: Maria Nope/);
        await officer.button("Orang lain");
      }
      await save();
    }
    wrong = page.url();
    assert.equal(new Set(of(programs, "Yohanis Nope").map((row) => row.person)).size, 2);
  });
  await check("6. an enrolment of a seventeen-year-old waits for the network, and counts as done nowhere", async () => {
    const told = /BELUM SELESAI: menunggu jaringan\. Jangan janjikan hasil hari ini\./;
    await reader.go(`${site()}/record`);
    await person({ name: "Yuliana Taek", sex: "P", born: "2009-02-01", mother: "Rosa Taek" });
    await add("DUK-REKAM", 0, 1, 2);
    assert.match(await officer.text(), told);
    await save();
    assert.match(await officer.text(), told);
    await officer.link("Lihat permohonan");
    assert.match(await officer.text(), told);
    assert.equal(of(programs, "Yuliana Taek")[0].status, "waiting_for_network");
    const row = ask(programs, "day", "show")[0].services.find(({ service }) => service === "DUK-REKAM");
    assert.deepEqual(row.states, { waiting_for_network: 1 });
    await reader.go(`${site()}/day`);
    assert.match(await page.locator("tr", { hasText: "Perekaman KTP-el" }).innerText(), /\t1 BELUM SELESAI: menunggu jaringan\t/);
  });
  /** The program is killed, and started again. */
  const crash = async () => {
    await van.kill();
    van = await start(programs);
    reader.requested.clear();
    reader.complaints.length = 0;
    await reader.go(van.ready.url);
  };
  await check("7. killed in mid-typing: the same sheet; printer off: it waits; printed once it is plain, twice a copy", async () => {
    await reader.go(`${site()}/record`);
    const kept = page.waitForResponse((answer) => answer.url().endsWith("/record/keep"));
    await officer.fill("name", "Markus Sae");
    await kept;
    await crash();
    await officer.go("Alt+l", "**/record");
    await page.locator(".half-typed summary").press("Enter");
    await officer.link(/Markus Sae/);
    assert.equal(await page.locator("#name").inputValue(), "Markus Sae");
    await page.locator("#sex").selectOption("L");
    await officer.fill("born", "1971-01-01");
    await add("ADU-LAPOR", 0, 1);
    assert.doesNotMatch(await header(), /Belum tercetak/);
    await officer.go("Alt+s", "**/saved/*");
    const saved = new URL(page.url()).pathname;
    await crash();
    await reader.go(new URL(saved, van.ready.url).href);
    assert.equal(of(programs, "Markus Sae").length, 1, "killed before it was printed, nothing that was saved is lost");
    assert.match(await header(), /Belum tercetak 1/);
    await page.keyboard.press("Alt+p");
    assert.match(await page.locator("#came-out").innerText(), /Kertas keluar\?/);
    await officer.link("Belum", page.locator("#came-out"));
    assert.match(await header(), /Belum tercetak 1/, "the printer was off");
    await officer.go("Alt+p", "**/saved/*");
    assert.doesNotMatch(await officer.paper(), /SALINAN/);
    await print();
    assert.doesNotMatch(await header(), /Belum tercetak/);
    assert.match(await officer.paper(), /SALINAN/);
    await print();
    assert.match(await officer.paper(), /SALINAN/);
  });
  await check("8. a case of the wrong person: the slip is PENGGANTI, its history shows both, the old QR says diganti", async () => {
    await reader.go(wrong);
    const photo = join(programs.root, "old.png");
    await page.locator("svg.stamp").screenshot({ path: photo });
    await officer.link("Lihat permohonan");
    await officer.go("Alt+b", "**/correct/*");
    await officer.fill("person", "Nahak");
    await officer.next();
    await page.getByRole("button", { name: "Milik orang ini" }).press("Enter");
    assert.match(page.url(), /\/correct\//, "not without a reason");
    await officer.fill("why", "tertukar dengan ayahnya");
    await officer.button("Milik orang ini");
    assert.match(await officer.text(), /PENGGANTI[^]*Nahak/);
    await print();
    await officer.link("Lihat permohonan");
    assert.match(await page.locator("#edits + ol").innerText(), /Yohanis Nope → Nahak · Alasan: tertukar dengan ayahnya/);
    await reader.go(`${site()}/verify`);
    await page.locator("#photo").setInputFiles(photo);
    await officer.next("Alt+b");
    assert.match(await officer.text(), /DIGANTI/);
  });
  await check("9. after a death report of a pensioner the banner stands, and what was begun for the dead is thrown away", async () => {
    const sitting = async (service, ...ticks) => {
      await reader.go(`${site()}/record`);
      await officer.fill("name", "Nahak");
      await officer.next();
      await officer.button("Orang yang sama");
      await add(service, ...ticks);
    };
    await sitting("DUK-MATI", 0, 1, 2);
    await save();
    const before = cases(programs).length;
    await sitting("TAS-AUT");
    assert.match(await page.locator(".card [role=alert]").innerText(), /Ada laporan kematian/);
    await reader.forget();
    assert.equal(cases(programs).length, before);
  });
  await check("10. products: a wrong collector is refused in words, one goes out, three are entrusted, one goes back", async () => {
    const slips = WAITING.map((name) => of(programs, name)[0].slip);
    const state = (at) => ask(programs, "case", "show", slips[at])[0].status;
    const one = async (at) => {
      await officer.go("Alt+a", "**/handover");
      await officer.fill("q", slips[at]);
      await officer.go("Enter", "**/handover?q=*");
    };
    await one(0);
    await page.locator("input[value=proxy]").press("Space");
    await page.locator("input[value=thumb]").press("Space");
    await officer.fill("with", "Calo Baik");
    await officer.next("Alt+s");
    assert.match(await page.locator("[role=alert]").innerText(), /keluarga/i);
    reader.complaints.length = 0;
    assert.equal(state(0), "loaded");
    assert.match(await page.locator(".who").innerText(), new RegExp(`${WAITING[0]}[^]*Maria[^]*1980`));
    assert.ok(await page.locator("input[value=thumb]").isChecked(), "what was chosen stays chosen");
    await page.locator("input[value=subject]").press("Space");
    await officer.next("Alt+s");
    assert.equal(state(0), "handed_over");
    await officer.go("Alt+a", "**/handover");
    for (const at of [1, 2, 3]) await page.getByRole("checkbox", { name: slips[at] }).press("Space");
    await officer.fill("with", "Kepala Desa Niki-Niki");
    await officer.next("Enter");
    assert.deepEqual([1, 2, 3].map(state), ["loaded", "loaded", "loaded"], "Enter in the name's field gives nothing away");
    await page.locator("button[value=entrust]:focus").waitFor();
    await officer.go("Enter", "**/handover?holder=*");
    assert.deepEqual([1, 2, 3].map(state), ["with_collector", "with_collector", "with_collector"]);
    await one(4);
    await officer.fill("reason", "tidak ditemukan");
    await officer.button("Kembali ke stok");
    assert.equal(state(4), "ready");
  });
  await check("11. two emergency sheets are entered: dari kertas, with the paper's time", async () => {
    for (const [at, name] of ["Petrus Ndun", "Rosalia Sae"].entries()) {
      await reader.go(`${site()}/sheets`);
      await officer.link(sheets[at]);
      await person({ name, sex: "P", born: "1980" });
      await officer.fill("add", "ADU-LAPOR");
      await page.locator("#started").fill("2026-11-20T10:30");
      await save();
      const [shown] = ask(programs, "case", "show", sheets[at]);
      assert.deepEqual([shown.name, shown.started], [name, "2026-11-20T10:30:00+08:00"]);
      await officer.link("Lihat permohonan");
      assert.match(await officer.text(), /20 November 2026[^]*dari kertas|dari kertas[^]*20 November 2026/);
    }
    await reader.go(`${site()}/sheets`);
    assert.match(await officer.text(), /3 lembar belum dimasukkan/);
  });
  await check("12. the day is closed with four tickets left: a waiting list, no draft, a seal of 154 characters", async () => {
    await officer.go("Alt+q", "**/queue");
    for (let ticket = 0; ticket < 5; ticket += 1) await officer.button("Ambil nomor: umum");
    await officer.next("Alt+c");
    await page.locator("button[value=served]:focus").waitFor();
    await officer.go("Enter", "**/record?class=general");
    await officer.fill("name", "Pulang Dulu");
    await page.locator("#kept", { hasText: "tersimpan sementara" }).waitFor();
    await officer.go("Alt+e", "**/day");
    await officer.next("Alt+t");
    assert.match(await page.locator("[role=alert]").innerText(), /Hari belum ditutup/);
    reader.complaints.length = 0;
    await officer.button(/^Hapus isian:/);
    await officer.next("Alt+y");
    await reader.audit("village-day-id", "id");
    await officer.fill("leader", "Maria Taek");
    await officer.next("Alt+t");
    assert.match(await officer.paper(), /Daftar tunggu[^]*A-A002[^]*A-A003[^]*A-A004[^]*A-A005/);
    assert.equal(await page.locator("#waiting-list ~ ol li").count(), 4);
    assert.equal(await page.locator("#decide").count(), 0);
    const seal = (await page.locator(".seal").innerText()).replaceAll(/\s/g, "");
    assert.equal(seal.length, SEAL_CHARACTERS);
    const [day] = ask(programs, "day", "show");
    assert.deepEqual([day.drafts, day.forms, day.tickets.waiting_list.length, day.seal.seal], [[], [], 4, seal]);
  });
  await check("12. the link is cut in the middle, goes on, and all of it is at the hub by receipts alone; the seal misses nothing", async () => {
    const { link } = depot;
    const custody = async () => {
      await reader.go(`${site()}/custody`);
      const terms = await reader.terms();
      // Records shrink when they are packed to be sent: how many there are is what counts.
      const name = "Data belum di pusat";
      return { ...terms, [name]: terms[name]?.replace(/ \(.*\)/, "") };
    };
    const before = await custody();
    assert.notEqual(before["Masih di laptop"], "0");
    // Between the village and the town nobody is dialled.
    await reader.go(`${site()}/sync`);
    await page.keyboard.press("Alt+x");
    await page.getByText("Pertukaran dihentikan").waitFor();
    const running = await depot.again();
    await link.say("restore");
    await link.say(`cut-after ${CUT_BYTES}`);
    await reader.go(`${site()}/sync`);
    const seen = await page.locator("#progress").getAttribute("data-seen");
    await officer.next("Alt+s");
    for (let asked = 0; !(await link.say("stats")).cut; asked += 1) assert.ok(asked < CUT_ASKED_MAX, "the link is not cut");
    assert.deepEqual(await custody(), before, "nothing is at the hub that has no receipt");
    await reader.go(`${site()}/sync`);
    await link.say("restore");
    await officer.ended(seen);
    const after = await custody();
    assert.equal(after["Masih di laptop"], "0");
    const there = Number(after["Sudah di pusat"]) + Number(after["Disahkan instansi"]);
    assert.equal(there, cases(programs).length);
    const seals = programs.ask("hub-server", "hub", ["seal", "list"]);
    assert.ok(seals.length > 0 && seals.every(({ missing }) => missing === 0), JSON.stringify(seals));
    await running.stop();
  });
  await depot.link.close();
  await reader.context.close();
}

await play(village);
