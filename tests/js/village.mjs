// One village day of laptop V01 as its officer has it: depot, a day without network, the day's end, and a link that is
// cut while everything is handed over.
// Begun as journey.mjs says.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { check, play } from "./journey.mjs";
import { Officer } from "./officer.mjs";
import { Reader } from "./reader.mjs";

const VILLAGE = "53.02.01.1001";
const OFFICER = "Yefta Nabuasa";
const LOOPBACK = "127.0.0.1:0";
const MOTHER = { nik: "5302014103889001", name: "Dorkas Fallo", kk: "5302011203040001" };
const PRELIST = `nik,name,sex,born,mother,father,kk,village,address,phone,service,priority
${MOTHER.nik},${MOTHER.name},P,1988-03-01,Maria Fallo,,${MOTHER.kk},${VILLAGE},RT 3 dusun I,081234567890,,mother
`;
/** Whose products come along from the depot. */
const WAITING = ["Adriana Sae", "Benyamin Taek", "Dominggus Nope", "Elisabet Fallo", "Ferdinan Ndun"];
const SERVICES = new URL("../../hub-server/data/registry/services.json", import.meta.url);
/** Bytes of the exchange that get through before the link is cut: the handshake and a part of the batch. */
const CUT_BYTES = 3_600;
const SEAL_CHARACTERS = 154;

const ask = (programs, ...parts) => programs.ask("van-agent", "van", parts);
const cases = (programs) => ask(programs, "case", "list").filter((row) => row.slip);
const of = (programs, name) => cases(programs).filter((row) => row.name === name);
const custody = (programs) => ask(programs, "custody")[0];

/** The depot: the hub, a link to it, laptop V01 with the pre-list and five products aboard; all of it is at the hub. */
async function depot(programs) {
  const link = await programs.link();
  programs.ask("hub-server", "hub", ["init", "--district", "53.02"]);
  const catalogue = JSON.parse(readFileSync(SERVICES, "utf8"));
  catalogue.services.find(({ code }) => code === "DUK-KK").collectors = ["subject", "family", "village_head"];
  const files = { services: JSON.stringify(catalogue), prelist: PRELIST };
  for (const [kind, text] of Object.entries(files)) {
    const file = join(programs.root, kind === "prelist" ? "prelist.csv" : "services.json");
    writeFileSync(file, text);
    programs.ask("hub-server", "hub", ["registry", "import", "--kind", kind, file]);
  }
  const run = ["run", "--listen", LOOPBACK, "--web", LOOPBACK, "--advertise", link.at];
  const hub = await programs.start("hub-server", "hub", run);
  await link.say(`target ${hub.ready.quic}`);
  const [{ ticket }] = programs.ask("hub-server", "hub", ["invite", "--unit", "V01"]);
  ask(programs, "enroll", ticket);
  const lines = WAITING.map((name, index) => JSON.stringify({ name, sex: "P", born: `198${index}-03-01`,
    mother: "Maria", service: "DUK-KK", village: VILLAGE, status: "complete", officer: OFFICER, started: "2026-11-16T09:00:00+08:00", consent: true }));
  programs.ask("van-agent", "van", ["record", "--file", "-"], { input: lines.join("\n") });
  for (const { slip } of cases(programs)) ask(programs, "slip", "printed", slip);
  ask(programs, "sync");
  for (const { slip } of cases(programs)) {
    for (const state of ["issued", "ready"]) {
      programs.ask("hub-server", "hub", ["case", "amend", slip, "--as-agency", "DUK", "--set", `status=${state}`]);
    }
  }
  ask(programs, "sync");
  for (const { slip } of cases(programs)) ask(programs, "amend", slip, "--set", "status=loaded");
  ask(programs, "day", "close");
  ask(programs, "sync");
  await hub.stop();
  return { link, run: ["run", "--listen", hub.ready.quic, ...run.slice(3)] };
}

async function village(programs, browser, pictures) {
  const { link, run } = await depot(programs);
  let van = await programs.start("van-agent", "van", ["run", "--web", LOOPBACK]);
  const reader = await Reader.open(browser, pictures);
  const { page } = reader;
  // Without a printer the dialog ends at once.
  await page.addInitScript("window.print = () => {}");
  const officer = new Officer(reader);
  const site = () => new URL(van.ready.url).origin;
  const main = () => page.locator("main").innerText();
  /** Presses the button of a name, and waits for the page that follows. */
  const press = async (name, root = page) => {
    await Promise.all([page.waitForEvent("load"), root.getByRole("button", { name }).first().press("Enter")]);
  };
  const person = async ({ name, sex, born, mother }) => {
    await reader.go(`${site()}/record`);
    await officer.fill("name", name);
    await page.locator("#sex").selectOption(sex);
    await officer.fill("born", born);
    if (mother) await officer.fill("mother", mother);
    await officer.fill("village", VILLAGE);
  };
  const add = async (service, ...ticks) => {
    await officer.fill("add", service);
    await officer.next();
    for (const tick of ticks) await page.locator(".ticks input").nth(tick).press("Space");
  };
  let sheets;
  let old;

  await check("1. the officer opens the visit: nothing is on this laptop alone, and work goes on without network", async () => {
    await reader.go(van.ready.url);
    await officer.go("Alt+g", "**/officer");
    await officer.fill("officer", OFFICER);
    await officer.go("Enter", "**/");
    await officer.fill("label", "Pasar Niki-Niki");
    await officer.next();
    const terms = await reader.terms();
    assert.equal(terms["Masih di laptop"], "0");
    assert.equal(terms["Dimuat, untuk diserahkan"], "5");
    assert.match(await main(), /tanpa jaringan/);
  });
  await check("2. five emergency sheets reserve five numbers and make no case", async () => {
    await reader.go(`${site()}/sheets`);
    await officer.fill("count", "5");
    await officer.go("Enter", "**/sheets/*");
    assert.equal(await page.locator(".sheet-paper").count(), 5);
    sheets = ask(programs, "sheet", "list").filter((row) => row.sheet).map((row) => row.sheet);
    assert.equal(new Set(sheets).size, 5);
    assert.equal(cases(programs).length, WAITING.length);
  });
  await check("3. a mother of the pre-list and her twins: three cases, one sitting, nothing of hers typed again", async () => {
    await officer.go("Alt+l", "**/record");
    await page.locator("#nik:focus").waitFor();
    await officer.type(MOTHER.nik);
    await officer.next();
    assert.equal(await page.locator("#name").inputValue(), MOTHER.name);
    assert.equal(await page.locator("#kk").inputValue(), MOTHER.kk);
    await officer.fill("village", VILLAGE);
    await add("DUK-KK", 0, 1, 2);
    await officer.go("Alt+s", "**/saved/*");
    for (const [name, sex] of [["Ala'ang", "L"], ["O'a", "P"]]) {
      await officer.go("Alt+k", "**/record?with=*");
      assert.equal(await page.locator("#mother").inputValue(), MOTHER.name);
      assert.equal(await page.locator("#kk").inputValue(), MOTHER.kk);
      await officer.fill("name", name);
      await page.locator("#sex").selectOption(sex);
      await officer.fill("born", "2026-11-18");
      await add("DUK-LAHIR", 0, 1, 2, 3);
      await officer.go("Alt+s", "**/saved/*");
    }
    const family = cases(programs).filter(({ name }) => [MOTHER.name, "Ala'ang", "O'a"].includes(name));
    assert.equal(family.length, 3);
    assert.equal(new Set(family.map((row) => row.encounter)).size, 1);
    assert.equal(new Set(family.map((row) => row.person)).size, 3);
    assert.equal(ask(programs, "case", "show", of(programs, "O'a")[0].slip)[0].applicant.nik, MOTHER.nik);
  });
  await check("4. Nahak, one name, about 1948: what is missing before it is saved as incomplete, with a slip", async () => {
    await person({ name: "Nahak", sex: "L", born: "1948" });
    await add("TAS-KLAIM");
    assert.match(await main(), /4 syarat belum ada/);
    for (const tick of [0, 1]) await page.locator(".ticks input").nth(tick).press("Space");
    await officer.go("Alt+s", "**/saved/*");
    const [row] = of(programs, "Nahak");
    assert.deepEqual([row.status, row.born_estimated], ["incomplete", true]);
    assert.match(await main(), /TERCATAT, belum TERDAFTAR/);
    await reader.go(`${site()}/case/${row.case}`);
    assert.match(await main(), /± 1948/);
  });
  await check("5. a second Yohanis Nope of the same day of birth is another person where the officer says so", async () => {
    const twin = { name: "Yohanis Nope", sex: "L", born: "1990-05-04", mother: "Maria Nope" };
    await person(twin);
    await add("DUK-KIA", 0, 1, 2);
    await officer.go("Alt+s", "**/saved/*");
    await person(twin);
    await add("DUK-KIA", 0, 1, 2);
    if (!/Orang lain/.test(await main())) await officer.next("Alt+s");
    assert.match(await main(), /Ibu: Maria Nope/);
    await press("Orang lain");
    await officer.go("Alt+s", "**/saved/*");
    assert.equal(new Set(of(programs, "Yohanis Nope").map((row) => row.person)).size, 2);
  });
  await check("6. an enrolment of a seventeen-year-old waits for the network, and counts as done nowhere", async () => {
    await person({ name: "Yuliana Taek", sex: "P", born: "2009-02-01", mother: "Rosa Taek" });
    await add("DUK-REKAM", 0, 1, 2);
    assert.match(await main(), /BELUM SELESAI: menunggu jaringan\. Jangan janjikan hasil hari ini\./);
    await officer.go("Alt+s", "**/saved/*");
    assert.match(await main(), /BELUM SELESAI/);
    assert.equal(of(programs, "Yuliana Taek")[0].status, "waiting_for_network");
    const row = ask(programs, "day", "show")[0].services.find(({ service }) => service === "DUK-REKAM");
    assert.deepEqual(row.states, { waiting_for_network: 1 });
  });
  /** The program is killed, and started again. */
  const crash = async () => {
    await van.kill();
    van = await programs.start("van-agent", "van", ["run", "--web", LOOPBACK]);
    reader.requested.clear();
    reader.complaints.length = 0;
    await reader.go(van.ready.url);
  };
  await check("7. killed in mid-typing: the same sheet; killed once saved: nothing is lost; printed once it is plain, twice a copy", async () => {
    await reader.go(`${site()}/record`);
    const kept = page.waitForResponse((answer) => answer.url().endsWith("/record/keep"));
    await officer.fill("name", "Markus Sae");
    await kept;
    await crash();
    await officer.go("Alt+l", "**/record");
    await page.locator("main details summary").first().press("Enter");
    await page.getByRole("link", { name: /Markus Sae/ }).press("Enter");
    await page.waitForURL("**/record?form=*");
    assert.equal(await page.locator("#name").inputValue(), "Markus Sae");
    await page.locator("#sex").selectOption("L");
    await officer.fill("born", "1971-01-01");
    await officer.fill("village", VILLAGE);
    const before = ask(programs, "slip", "unprinted").filter((row) => row.slip);
    for (const { slip } of before) ask(programs, "slip", "printed", slip);
    await add("ADU-LAPOR", 0, 1);
    await officer.go("Alt+s", "**/saved/*");
    const saved = new URL(page.url()).pathname;
    await crash();
    // Killed before it was printed: the case is there, and its slip still waits.
    await reader.go(new URL(saved, van.ready.url).href);
    assert.equal(of(programs, "Markus Sae").length, 1);
    assert.match(await page.locator("header").innerText(), /Belum tercetak 1/);
    const paper = async () => {
      await page.emulateMedia({ media: "print" });
      const text = await main();
      await page.emulateMedia({ media: "screen" });
      return text;
    };
    assert.doesNotMatch(await paper(), /SALINAN/);
    await page.keyboard.press("Alt+p");
    await page.locator("#came-out-yes").press("Enter");
    await page.waitForLoadState();
    assert.doesNotMatch(await page.locator("header").innerText(), /Belum tercetak/);
    assert.match(await paper(), /SALINAN/);
  });
  await check("8. a case of the wrong person: the slip is PENGGANTI, and the old one says diganti", async () => {
    const [row] = of(programs, "Yohanis Nope");
    [old] = ask(programs, "slip", "show", row.slip);
    await reader.go(`${site()}/correct/${row.case}`);
    await officer.fill("person", "Nahak");
    await officer.go("Enter", "**/correct/*?person=*");
    await officer.fill("why", "tertukar dengan ayahnya");
    await press("Milik orang ini");
    assert.match(await main(), /PENGGANTI/);
    const [shown] = ask(programs, "case", "show", row.slip);
    assert.deepEqual([shown.name, shown.reasons.subject], ["Nahak", "tertukar dengan ayahnya"]);
    await reader.go(`${site()}/verify?slip=${old.stamp}`);
    assert.match(await main(), /DIGANTI/);
  });
  await check("9. after a death report the banner stands, and what was begun for the dead is thrown away", async () => {
    const sitting = async (service, ...ticks) => {
      await reader.go(`${site()}/record`);
      await officer.fill("name", "Nahak");
      await officer.next();
      await press("Orang yang sama");
      await officer.fill("village", VILLAGE);
      await add(service, ...ticks);
    };
    await sitting("DUK-MATI", 0, 1, 2);
    await officer.go("Alt+s", "**/saved/*");
    const before = cases(programs).length;
    await sitting("TAS-AUT");
    assert.match(await main(), /Ada laporan kematian/);
    await reader.forget();
    assert.equal(cases(programs).length, before);
  });
  await check("10. products: a wrong collector is refused in words, one goes out, three are entrusted, one goes back", async () => {
    const slips = WAITING.map((name) => of(programs, name)[0].slip);
    const state = (at) => ask(programs, "case", "show", slips[at])[0].status;
    const one = (at) => reader.go(`${site()}/handover?q=${encodeURIComponent(slips[at])}`);
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
    await reader.go(`${site()}/handover`);
    for (const at of [1, 2, 3]) {
      await page.getByRole("checkbox", { name: slips[at] }).press("Space");
    }
    await officer.fill("with", "Kepala Desa Niki-Niki");
    await officer.next("Enter");
    assert.deepEqual([1, 2, 3].map(state), ["loaded", "loaded", "loaded"], "Enter in the name's field gives nothing away");
    await officer.go("Enter", "**/handover?holder=*");
    assert.deepEqual([1, 2, 3].map(state), ["with_collector", "with_collector", "with_collector"]);
    await one(4);
    await officer.fill("reason", "tidak ditemukan");
    await press("Kembali ke stok");
    assert.equal(state(4), "ready");
  });
  await check("11. two emergency sheets are entered: dari kertas, with the paper's time", async () => {
    for (const [at, name] of ["Petrus Ndun", "Rosalia Sae"].entries()) {
      await reader.go(`${site()}/record?sheet=${encodeURIComponent(sheets[at])}`);
      await officer.fill("name", name);
      await page.locator("#sex").selectOption("P");
      await officer.fill("born", "1980");
      await officer.fill("village", VILLAGE);
      await officer.fill("add", "ADU-LAPOR");
      await page.locator("#started").fill("2026-11-20T10:30");
      await officer.go("Alt+s", "**/saved/*");
      const [shown] = ask(programs, "case", "show", sheets[at]);
      assert.deepEqual([shown.name, shown.started], [name, "2026-11-20T10:30:00+08:00"]);
      await reader.go(`${site()}/case/${shown.case}`);
      assert.match(await main(), /dari kertas/);
    }
  });
  await check("12. the day is closed with four tickets left: a waiting list, no draft, a seal of 154 characters", async () => {
    for (let ticket = 0; ticket < 4; ticket += 1) ask(programs, "queue", "take", "general");
    await officer.go("Alt+e", "**/day");
    await reader.audit("village-day-id", "id");
    await officer.fill("leader", "Maria Taek");
    await officer.next("Alt+t");
    assert.match(await main(), /Daftar tunggu[^]*A-A001[^]*A-A004/);
    const [day] = ask(programs, "day", "show");
    assert.deepEqual([day.drafts, day.forms, day.tickets.waiting_list.length], [[], [], 4]);
    assert.equal(day.seal.seal.length, SEAL_CHARACTERS);
  });
  await check("12. the link is cut in the middle, goes on, and all of it is at the hub by receipts alone; the seal misses nothing", async () => {
    await van.stop();
    const before = custody(programs);
    assert.ok(before.on_laptop > 0);
    const hub = await programs.start("hub-server", "hub", run);
    await link.say(`cut-after ${CUT_BYTES}`);
    const torn = ["sync", "--patience", "3s"];
    programs.ask("van-agent", "van", torn, { exit: 1 });
    assert.equal((await link.say("stats")).cut, true, "the link was cut");
    assert.equal(custody(programs).on_laptop, before.on_laptop, "nothing is at the hub that has no receipt");
    await link.say("restore");
    ask(programs, "sync");
    const after = custody(programs);
    assert.deepEqual([after.on_laptop, after.at_hub + after.accepted], [0, cases(programs).length]);
    const seals = programs.ask("hub-server", "hub", ["seal", "list"]);
    assert.ok(seals.length > 0 && seals.every(({ missing }) => missing === 0), JSON.stringify(seals));
    await hub.stop();
  });
  await link.close();
  await reader.context.close();
}

await play(village);
