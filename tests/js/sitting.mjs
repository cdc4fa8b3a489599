// An officer records sittings on the page, by the keyboard, with no hub running: a family, people without NIK,
// services that wait for the network, a program that is killed in mid-typing.
// Begun as journey.mjs says.

import assert from "node:assert/strict";
import { check, play } from "./journey.mjs";
import { Officer, prepare, start } from "./officer.mjs";
import { Reader } from "./reader.mjs";

const MOTHER = { nik: "5302014103889001", name: "Dorkas Fallo", sex: "P", born: "1988-03-01", kk: "5302011203040001" };
const VILLAGE = "53.02.01.1001";
const OFFICER = "Yefta Nabuasa";
/** What a simple case for a known person may take: less than 90 seconds at two keys a second. */
const KEYS_MAX = 60;

const cases = (programs) => programs.ask("van-agent", "van", ["case", "list"]).filter((row) => row.slip);

async function day(programs, browser, pictures) {
  const listen = await prepare(programs);
  let van = await start(programs);
  const reader = await Reader.open(browser, pictures);
  const { page } = reader;
  const officer = new Officer(reader);
  const site = () => new URL(van.ready.url).origin;
  /** The program is killed, and started again. */
  const crash = async () => {
    await van.kill();
    van = await start(programs);
    reader.requested.clear();
    await reader.go(van.ready.url);
  };

  await check("the officer and the visit are chosen, with no network", async () => {
    await reader.go(van.ready.url);
    await officer.go("Alt+g", "**/officer");
    await reader.audit("officer-id", "id");
    await officer.fill("officer", OFFICER);
    await officer.go("Enter", "**/");
    await officer.fill("label", "Pasar Niki-Niki");
    await officer.next();
    const told = await officer.text();
    assert.ok(told.includes("Pasar Niki-Niki"), told);
    assert.equal((await reader.terms())["Masih di laptop"], "0");
    await reader.audit("today-visit-id", "id");
    await officer.go("Alt+l", "**/record");
  });
  await check("a new person is recorded from the NIK on, and what is missing is said before saving", async () => {
    assert.equal(await officer.focus(), "nik");
    await officer.type(MOTHER.nik.slice(0, 8));
    assert.equal(await page.locator("#nik").inputValue(), "530201 41", "in groups while it is typed");
    assert.equal(await page.locator("#nik-says").innerText(), "8/16");
    await officer.type(MOTHER.nik.slice(8));
    assert.equal(await page.locator("#nik").inputValue(), "530201 410388 9001");
    assert.match(await page.locator("#nik-says").innerText(), /Perempuan, 1 Maret 1988/);
    await officer.next();
    assert.equal(await officer.focus(), "name");
    assert.equal(await page.locator("#born").inputValue(), "1/3/1988", "in the form that the field asks for");
    await officer.type(MOTHER.name);
    await officer.fill("kk", MOTHER.kk);
    await officer.fill("village", VILLAGE);
    await officer.fill("add", "DUK-KK");
    await officer.next();
    const told = await officer.text();
    assert.match(told, /syarat belum ada/);
    await reader.audit("record-id", "id");
    for (const tick of await page.locator(".ticks input").all()) await tick.press("Space");
    await page.locator("input[name=consent]").press("Space");
    await officer.go("Alt+s", "**/saved/*");
    assert.match(await officer.text(), /TERSIMPAN di laptop ini\. Belum sampai pusat\./);
    const [row] = cases(programs);
    assert.equal(row.status, "complete");
    assert.equal(row.officer, OFFICER);
    assert.equal(row.visit, "Pasar Niki-Niki");
    assert.ok((await page.locator(".big").innerText()).includes(row.slip));
    const size = await page.locator(".big").evaluate((big) => getComputedStyle(big).fontSize);
    assert.equal(size, "48px");
    const { y, height } = await page.locator(".big").boundingBox();
    assert.ok(y >= 0 && y + height <= page.viewportSize().height, `the number stands at ${y} to ${y + height}`);
    await reader.audit("saved-id", "id");
  });
  await check("newborn twins: the family goes on, and no field of the mother is typed again", async () => {
    for (const [name, sex] of [["Ala'ang", "L"], ["O'a", "P"]]) {
      await officer.go("Alt+k", "**/record?with=*");
      assert.match(await officer.text(), /Pemohon: Dorkas Fallo/);
      assert.equal(await page.locator("#mother").inputValue(), MOTHER.name);
      assert.equal(await page.locator("#kk").inputValue(), MOTHER.kk);
      await officer.fill("name", name);
      await page.locator("#sex").selectOption(sex);
      await officer.fill("born", "18/11/2026");
      await officer.fill("add", "DUK-LAHIR");
      await officer.go("Alt+s", "**/saved/*");
    }
    const rows = cases(programs);
    assert.equal(rows.length, 3);
    assert.equal(new Set(rows.map((row) => row.encounter)).size, 1, "one encounter");
    assert.equal(new Set(rows.map((row) => row.person)).size, 3, "three people");
    const [twin] = rows.filter((row) => row.name === "O'a");
    const [shown] = programs.ask("van-agent", "van", ["case", "show", twin.slip]);
    assert.equal(shown.applicant.name, MOTHER.name);
    assert.equal(shown.subject.mother, MOTHER.name);
    assert.equal(twin.nik, null);
  });
  await check("one name, no NIK, a birth year alone: saved as incomplete, with a slip", async () => {
    await officer.go("Alt+n", "**/record");
    await officer.fill("name", "Nahak");
    await page.locator("#sex").selectOption("L");
    await officer.fill("born", "1948");
    await officer.fill("village", VILLAGE);
    await officer.fill("add", "TAS-AUT");
    await officer.next();
    await officer.go("Alt+s", "**/saved/*");
    assert.match(await officer.text(), /kurang berkas/);
    const [row] = cases(programs).filter(({ name }) => name === "Nahak");
    assert.deepEqual([row.status, row.born, row.born_estimated], ["incomplete", "1948", true]);
  });
  await check("whoever may be known is shown, and another person stays another person", async () => {
    const sitting = async (name) => {
      await reader.go(`${site()}/record`);
      await officer.fill("name", name);
      await page.locator("#sex").selectOption("L");
      await officer.fill("born", "1990-05-04");
      await officer.fill("mother", "Maria Nope");
      await officer.fill("village", VILLAGE);
      await officer.fill("add", "DUK-KIA");
    };
    await sitting("Yohanis Nope");
    await officer.go("Alt+s", "**/saved/*");
    await sitting("Johanis Nope");
    await officer.go("Alt+s", "**/record?form=*");
    const told = await officer.text();
    assert.match(told, /Mungkin sudah tercatat/);
    assert.match(told, /Ibu: Maria Nope/);
    assert.equal(cases(programs).filter(({ name }) => name === "Yohanis Nope").length, 1, "nothing is saved yet");
    await reader.audit("record-like-id", "id");
    await officer.next("Alt+r");
    assert.match(await page.locator("#like[role=alert]").innerText(), /Pilih dulu siapa orangnya/);
    await page.getByRole("button", { name: "Orang yang sama" }).first().and(page.locator(":focus")).waitFor();
    await page.getByRole("button", { name: "Orang lain" }).press("Enter");
    await page.waitForURL("**/record?form=*");
    await officer.go("Alt+s", "**/saved/*");
    const rows = cases(programs).filter(({ name }) => /^[JY]ohanis Nope$/.test(name));
    assert.equal(new Set(rows.map((row) => row.person)).size, 2);
  });
  await check("twins of one name are told apart by the order of their births", async () => {
    const sitting = async (order) => {
      await reader.go(`${site()}/record`);
      await officer.fill("name", "Bayi Fallo");
      await page.locator("#sex").selectOption("P");
      await officer.fill("born", "18/11/2026");
      await officer.fill("mother", MOTHER.name);
      await officer.fill("birth_order", order);
      await officer.fill("village", VILLAGE);
      await officer.fill("add", "DUK-KIA");
    };
    await sitting("1");
    await officer.go("Alt+s", "**/saved/*");
    await sitting("");
    await officer.go("Alt+s", "**/record?form=*");
    assert.match(await officer.text(), /Kembar ke-: 1/);
    await officer.fill("birth_order", "2");
    await officer.go("Alt+s", "**/saved/*");
    const rows = cases(programs).filter(({ name }) => name === "Bayi Fallo");
    assert.equal(new Set(rows.map((row) => row.person)).size, 2);
  });
  await check("a case of the wrong person goes to the right one, with a reason, and its slip replaces the earlier", async () => {
    const [row] = cases(programs).filter(({ name }) => name === "Yohanis Nope");
    await reader.go(`${site()}/case/${row.case}`);
    await officer.go("Alt+b", "**/correct/*");
    await reader.audit("correct-id", "id");
    await officer.fill("person", "Nahak");
    await officer.go("Enter", "**/correct/*?person=*");
    const mine = page.getByRole("button", { name: "Milik orang ini" });
    await mine.press("Enter");
    assert.match(page.url(), /correct/, "not without a reason");
    await officer.fill("why", "tertukar dengan ayahnya");
    await mine.press("Enter");
    await page.waitForURL("**/saved/*");
    assert.match(await officer.text(), /PENGGANTI/);
    const [shown] = programs.ask("van-agent", "van", ["case", "show", row.slip]);
    assert.equal(shown.name, "Nahak");
    assert.equal(shown.reasons.subject, "tertukar dengan ayahnya");
    await reader.audit("saved-replaces-id", "id");
  });
  await check("a field is corrected with a reason, and nothing else is written", async () => {
    const [row] = cases(programs).filter(({ name }) => name === "O'a");
    await reader.go(`${site()}/correct/${row.case}`);
    await officer.fill("father", "Yunus Fallo");
    await officer.fill("reason", "disebut ibunya");
    await officer.go("Alt+s", "**/saved/*");
    const [shown] = programs.ask("van-agent", "van", ["case", "show", row.slip]);
    assert.deepEqual([shown.subject.father, shown.subject.mother, shown.name], ["Yunus Fallo", MOTHER.name, "O'a"]);
  });
  await check("a birth ahead of the clock is told before anything is saved, and stops nothing", async () => {
    const before = cases(programs).length;
    await reader.go(`${site()}/record`);
    await officer.fill("name", "Belum Lahir");
    await page.locator("#sex").selectOption("L");
    await officer.fill("born", "5/1/2090");
    await officer.fill("village", VILLAGE);
    await officer.fill("add", "DUK-LAHIR");
    await officer.next();
    const told = page.locator(".chosen .open", { hasText: "Tanggal lahir lebih baru" });
    assert.equal(await told.count(), 1);
    assert.equal(cases(programs).length, before);
    await officer.fill("born", "5/1/2020");
    await officer.fill("add", "DUK-KIA");
    await officer.next();
    assert.equal(await told.count(), 0, "of a birth that was, nothing is told");
    await officer.fill("born", "5/1/2090");
    await officer.go("Alt+s", "**/saved/*");
    const [shown] = programs.ask("van-agent", "van", ["find", "Belum Lahir"]);
    assert.match(shown.warnings.born_ahead, /2090-01-05/);
  });
  await check("after a death report every sheet of that person says so, and a sheet can be thrown away", async () => {
    const sitting = async (service) => {
      await reader.go(`${site()}/record`);
      await officer.fill("name", "Nahak");
      await officer.next();
      await page.getByRole("button", { name: "Orang yang sama" }).first().press("Enter");
      await page.waitForURL("**/record?form=*");
      await officer.fill("village", VILLAGE);
      await officer.fill("add", service);
      await officer.next();
    };
    await sitting("DUK-MATI");
    assert.match(await officer.text(), /± 1948/);
    await officer.go("Alt+s", "**/saved/*");
    const before = cases(programs).length;
    await sitting("TAS-AUT");
    assert.match(await page.locator(".card [role=alert]").innerText(), /Ada laporan kematian/);
    const forget = async () => {
      await page.getByRole("button", { name: "Hapus isian" }).press("Enter");
      await page.getByRole("button", { name: "Tidak, kembali" }).and(page.locator(":focus")).waitFor();
    };
    await forget();
    assert.match(await page.locator("[role=alert]").innerText(), /tidak dapat dikembalikan/);
    await officer.go("Enter", "**/record?form=*");
    assert.match(await officer.text(), /Nahak[^]*TAS-AUT/, "Enter goes back to all that was typed");
    await forget();
    await reader.audit("sure-id", "id");
    await officer.go("Escape", "**/record?form=*");
    await reader.forget();
    assert.equal(cases(programs).length, before);
    assert.equal(await page.locator(".half-typed").count(), 0, "no sheet is left");
  });
  await check("two services on one form: nothing of who it is is typed for the second, and both stand in one sitting", async () => {
    await officer.go("Alt+l", "**/record");
    const who = { name: "Marselina Tefa", born: "1991-02-03", mother: "Rosina Tefa" };
    for (const [field, text] of Object.entries(who)) await officer.fill(field, text);
    await page.locator("#sex").selectOption("P");
    await officer.fill("village", VILLAGE);
    await officer.fill("add", "DUK-KK");
    await officer.next();
    officer.keys = 0;
    await officer.fill("add", "DUK-KIA");
    await officer.next();
    assert.equal(officer.keys, "DUK-KIA".length + 1, "its code and Enter are all that is typed");
    assert.equal(await page.locator("section.chosen").count(), 2);
    assert.match(await officer.text(), /Kartu Keluarga[^]*3 syarat belum ada[^]*Kartu Identitas Anak[^]*3 syarat belum ada/);
    const kept = await Promise.all(Object.keys(who).map((field) => page.locator(`#${field}`).inputValue()));
    assert.deepEqual([kept[0], kept[2]], [who.name, who.mother]);
    await reader.audit("record-two-id", "id");
    await officer.go("Alt+s", "**/saved/*,*");
    const rows = cases(programs).filter(({ name }) => name === who.name);
    assert.deepEqual(rows.map(({ service }) => service).sort(), ["DUK-KIA", "DUK-KK"]);
    assert.deepEqual([new Set(rows.map((row) => row.encounter)).size, new Set(rows.map((row) => row.person)).size], [1, 1]);
    for (const { slip } of rows) assert.ok((await officer.text()).includes(slip), slip);
  });
  await check("a known person's simple case takes few keys, and no field of identity", async () => {
    await reader.go(`${site()}/`);
    officer.keys = 0;
    await officer.go("Alt+l", "**/record");
    await page.locator("#nik:focus").waitFor();
    await officer.type(MOTHER.nik);
    await officer.next();
    assert.equal(await page.locator("#name").count(), 0, "identity is not typed again");
    assert.match(await officer.text(), /Dorkas Fallo/);
    assert.equal(await officer.focus(), "add");
    await officer.type("rekam");
    await officer.next();
    assert.match(await officer.text(), /BELUM SELESAI: menunggu jaringan\. Jangan janjikan hasil hari ini\./);
    for (const tick of await page.locator(".ticks input").all()) {
      officer.keys += 2;
      await tick.press("Space");
    }
    await officer.fill("village", VILLAGE);
    await officer.go("Alt+s", "**/saved/*");
    assert.ok(officer.keys <= KEYS_MAX, `${officer.keys} keys`);
    const [row] = cases(programs).filter(({ service }) => service === "DUK-REKAM");
    assert.equal(row.status, "waiting_for_network");
  });
  await check("everybody of a village is found by its name, each with where the case is", async () => {
    const [{ slip }] = cases(programs);
    await officer.go("Alt+f", "**/find");
    await officer.fill("q", "SoE");
    await officer.go("Enter", "**/find?q=*");
    const found = await page.locator("tbody tr").allInnerTexts();
    assert.equal(found.length, cases(programs).filter(({ village }) => village === VILLAGE).length);
    assert.match(found.find((row) => row.includes(slip)), /Masih di laptop$/, "nothing has left since");
    for (const row of found) assert.match(row, /(Masih di laptop|Sudah di pusat|Disahkan instansi)$/);
  });
  await check("what is wrong is told in words, and what was typed stays", async () => {
    await reader.go(`${site()}/record`);
    await officer.fill("name", "Salah Ketik");
    await officer.fill("nik", "5302013213049001");
    await officer.next();
    const told = await page.locator("[role=alert]").innerText();
    assert.match(told, /NIK harus 16 angka.*Tidak ada yang hilang/s);
    assert.equal(await page.locator("#name").inputValue(), "Salah Ketik");
    reader.complaints.length = 0;
    await reader.audit("record-wrong-id", "id");
    await reader.forget();
  });
  await check("a second press of the button, and a late autosave, save nothing twice", async () => {
    await reader.go(`${site()}/record`);
    await officer.fill("name", "Dua Kali Tekan");
    await page.locator("#sex").selectOption("L");
    await officer.fill("village", VILLAGE);
    await officer.fill("add", "DUK-KK");
    const answers = await page.evaluate(async () => {
      const body = () => new URLSearchParams([...new FormData(document.getElementById("sheet")), ["do", "save"]]);
      const press = async () => (await fetch("/record", { method: "POST", body: body() })).url;
      const pressed = await Promise.all([press(), press()]);
      await fetch("/record/keep", { method: "POST", body: body() });
      return pressed;
    });
    assert.equal(new Set(answers).size, 1, answers.join(" "));
    assert.match(answers[0], /\/saved\//);
    assert.equal(cases(programs).filter(({ name }) => name === "Dua Kali Tekan").length, 1);
    assert.equal(programs.ask("van-agent", "van", ["custody"])[0].forms, 0);
  });
  await check("a form without the token of our pages changes nothing", async () => {
    const before = cases(programs).length;
    const status = await page.evaluate(async () => {
      const body = new URLSearchParams({ do: "save", form: "00112233aabbccdd", name: "X", sex: "L", service: "DUK-KK" });
      return (await fetch("/record", { method: "POST", body })).status;
    });
    assert.equal(status, 403);
    assert.equal(cases(programs).length, before);
    reader.complaints.length = 0;
  });
  await check("a full disk is named in view while somebody types, and a press brings back what was typed", async () => {
    const full = "Disk laptop ini PENUH";
    await reader.go(`${site()}/record`);
    const refuse = (route) => route.fulfill({ status: 507, contentType: "text/plain; charset=utf-8", body: full });
    await page.route("**/record/keep", refuse, { times: 1 });
    const refused = page.waitForResponse("**/record/keep");
    await officer.fill("name", "Tak Ada Tempat");
    await refused;
    // What is tried again meanwhile is left without an answer.
    await page.route("**/record/keep", () => {});
    const told = page.locator("#kept.open", { hasText: full });
    await told.waitFor();
    const { y, height } = await told.boundingBox();
    assert.ok(y >= 0 && y + height <= page.viewportSize().height, `in view: ${y} ${height}`);
    reader.complaints.length = 0;
    await reader.audit("record-full-id", "id");
    await page.unroute("**/record/keep");
    await page.route("**/record/keep", refuse);
    // Both presses wait for the one answer, and lead to one page.
    let presses = 0;
    page.on("request", (request) => (presses += request.method() === "POST" && request.url().endsWith("/record")));
    const answered = page.waitForResponse((answer) => answer.request().method() === "POST" && answer.url().endsWith("/record"));
    await page.evaluate(() => {
      const press = document.querySelector("#sheet button[value=save]");
      press.click();
      press.click();
    });
    await answered;
    await page.waitForLoadState();
    assert.equal(presses, 1);
    assert.equal(await page.locator("#name").inputValue(), "Tak Ada Tempat");
    await page.unroute("**/record/keep");
    // A form that comes back unkept is kept as soon as there is room, untouched.
    const form = `${site()}/record?form=${await page.locator("#sheet [name=form]").inputValue()}`;
    const body = (await (await page.request.get(form)).text()).replace('id="sheet-words"', "$& data-only-here");
    const back = (route) => route.fulfill({ status: 507, contentType: "text/html; charset=utf-8", body });
    await page.route("**/record", back, { times: 1 });
    const kept = page.waitForResponse("**/record/keep");
    await page.keyboard.press("Alt+s");
    assert.equal((await kept).status(), 204);
    await page.locator("#kept:not(.open)", { hasText: "tersimpan sementara" }).waitFor();
    reader.complaints.length = 0;
    await reader.go(form);
    await reader.forget();
  });
  await check("a program that is killed in mid-typing has the same sheet again", async () => {
    await reader.go(`${site()}/record`);
    await officer.fill("name", "Belum Selesai Diketik");
    await page.locator("#kept", { hasText: "tersimpan sementara" }).waitFor();
    await van.kill();
    await officer.fill("mother", "Diketik Tanpa Program");
    await page.locator("#kept", { hasText: "BELUM tersimpan" }).waitFor();
    await officer.press("Alt+s");
    assert.equal(await page.locator("#mother").inputValue(), "Diketik Tanpa Program");
    const former = van.ready.url;
    van = await start(programs);
    assert.equal(van.ready.url, former, "the page stands where it stood");
    await page.locator("#kept", { hasText: "tersimpan sementara" }).waitFor();
    reader.complaints.length = 0;
    await crash();
    assert.match(await page.locator("#custody ~ [role=status]").innerText(), /1 isian belum disimpan/);
    await reader.go(`${site()}/record`);
    await page.locator(".half-typed summary").press("Enter");
    await page.getByRole("link", { name: /Belum Selesai Diketik/ }).press("Enter");
    await page.waitForURL("**/record?form=*");
    assert.equal(await page.locator("#name").inputValue(), "Belum Selesai Diketik");
    assert.equal(await page.locator("#mother").inputValue(), "Diketik Tanpa Program");
    await reader.forget();
  });
  await check("the keys of a page are listed by a question mark", async () => {
    await page.locator("h1").click();
    await page.keyboard.press("?");
    assert.match(await page.locator("dialog").innerText(), /Alt\+S/);
    const said = await page.locator("#keys-list dd").allInnerTexts();
    assert.ok(said.every((text) => text.trim() !== ""), `each key says what it does: ${said}`);
    assert.ok(await page.evaluate(() => document.activeElement.closest("dialog") !== null));
    await page.keyboard.press("Escape");
    assert.equal(await page.locator("dialog[open]").count(), 0);
  });
  await check("in coverage a button reconciles, and custody follows the receipts", async () => {
    const hub = await programs.start("hub-server", "hub", ["run", "--listen", listen, "--web", "127.0.0.1:0"]);
    const count = cases(programs).length;
    await reader.go(`${site()}/`);
    await officer.next("Alt+y");
    const arrived = async () => {
      await reader.go(`${site()}/`);
      return (await reader.terms())["Sudah di pusat"] === String(count);
    };
    const [custody] = await within(arrived, () => programs.ask("van-agent", "van", ["custody"]));
    assert.deepEqual([custody.on_laptop, custody.at_hub, custody.forms], [0, count, 0]);
    await hub.stop();
  });
  await reader.context.close();
}

/** Asks again until it holds; then what `found` gives. */
async function within(holds, found) {
  for (let tries = 0; tries < 200; tries += 1) if (await holds()) return found();
  throw new Error("it does not come to hold");
}

await play(day);
