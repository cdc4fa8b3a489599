// What a laptop's people set up and see at a glance: officers by turns, settings, high contrast, what needs attention;
// a product that went into wrong hands; who is not served today comes first at the next visit.
// Begun as journey.mjs says.

import assert from "node:assert/strict";
import { check, play } from "./journey.mjs";
import { Officer } from "./officer.mjs";
import { Reader } from "./reader.mjs";

const ask = (programs, ...parts) => programs.ask("van-agent", "van", parts);

/** Records a complete case: its number. */
function record(programs, name) {
  const [{ slip }] = ask(programs, "record", "--name", name, "--sex", "P", "--born", "1988-03-01",
    "--mother", "Maria Fallo", "--village", "53.02.01.1001", "--service", "DUK-KK", "--status", "complete",
    "--officer", "Yefta Nabuasa", "--consent", "true");
  return slip;
}

/** A laptop of unit V01 with one case that is ready to be handed over, and the hub away. */
async function prepare(programs) {
  programs.ask("hub-server", "hub", ["init", "--district", "53.02"]);
  const loopback = "127.0.0.1:0";
  const hub = await programs.start("hub-server", "hub", ["run", "--listen", loopback, "--web", loopback]);
  const [{ ticket }] = programs.ask("hub-server", "hub", ["invite", "--unit", "V01"]);
  ask(programs, "enroll", ticket);
  const slip = record(programs, "Dorkas Fallo");
  ask(programs, "sync");
  for (const state of ["issued", "ready"]) {
    programs.ask("hub-server", "hub", ["case", "amend", slip, "--as-agency", "DUK", "--set", `status=${state}`]);
  }
  ask(programs, "sync");
  await hub.stop();
  return { slip, listen: hub.ready.quic };
}

async function desk(programs, browser, pictures) {
  const { slip, listen } = await prepare(programs);
  const van = await programs.start("van-agent", "van", ["run", "--web", "127.0.0.1:0"]);
  const site = new URL(van.ready.url).origin;
  const reader = await Reader.open(browser, pictures);
  const { page } = reader;
  const officer = new Officer(reader);
  await reader.go(van.ready.url);

  await check("officers of this laptop take over by one key and a number", async () => {
    await reader.go(`${site}/settings`);
    await page.locator("#officers").fill("Yefta Nabuasa\nMaria Taek");
    await page.locator("#paper").selectOption("58");
    await officer.next("Alt+s");
    await reader.audit("settings-id", "id");
    const settings = Object.fromEntries(ask(programs, "settings", "list").map(({ setting, value }) => [setting, value]));
    assert.equal(settings.paper, "58");
    await officer.go("Alt+g", "**/officer");
    await reader.audit("officers-id", "id");
    await officer.go("Alt+2", "**/");
    assert.equal(await page.locator("header .officer").innerText(), "Maria Taek");
    await officer.go("Alt+l", "**/record");
    assert.equal(await page.locator("header .officer").innerText(), "Maria Taek", "on every page");
    assert.equal(await page.locator("#officer").inputValue(), "Maria Taek");
  });
  await check("what cannot be set is refused in words, and stays as it was", async () => {
    await reader.go(`${site}/settings`);
    await page.locator("#paper").selectOption("80");
    await officer.fill("scanner_folder", "no/such/folder");
    await officer.next("Alt+s");
    assert.match(await page.locator("[role=alert]").innerText(), /tidak ada yang hilang|Tidak ada yang hilang/i);
    reader.complaints.length = 0;
    const settings = Object.fromEntries(ask(programs, "settings", "list").map(({ setting, value }) => [setting, value]));
    assert.deepEqual([settings.scanner_folder, settings.paper], ["", "58"], "nothing of the form was set");
    const typed = [await page.locator("#scanner_folder").inputValue(), await page.locator("#paper").inputValue()];
    assert.deepEqual(typed, ["no/such/folder", "80"], "what was typed stays");
    ask(programs, "settings", "set", "paper", "a5");
    programs.ask("van-agent", "van", ["settings", "set", "paper", "59"], { exit: 2 });
  });
  await check("high contrast and the language hold for the laptop", async () => {
    await reader.go(`${site}/settings`);
    await page.locator("#theme").selectOption("contrast");
    await page.locator("#language").selectOption("en");
    await officer.next("Alt+s");
    const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    assert.equal(ground, "rgb(0, 0, 0)");
    await reader.audit("settings-contrast-en", "en");
    await reader.go(`${site}/`);
    await reader.audit("today-contrast-en", "en");
    await reader.go(`${site}/settings`);
    await page.locator("#theme").selectOption("normal");
    await page.locator("#language").selectOption("id");
    await officer.next("Alt+s");
    await officer.next("Alt+d");
    assert.match(await page.locator("[role=status]").innerText(), /Basis data utuh/);
  });
  await check("everything that is ready for this unit is loaded by its manifest, and today counts it", async () => {
    await reader.go(`${site}/`);
    assert.equal((await reader.terms())["Siap dimuat"], "1");
    await officer.go("Alt+a", "**/handover");
    await officer.go("Alt+m", "**/manifest");
    assert.equal((await reader.terms())["Belum dimuat atau tidak ditemukan"], "1");
    await reader.audit("manifest-id", "id");
    await officer.fill("scan", "53.02/V01A/20261121/9999-0");
    await officer.next();
    assert.match(await page.locator("[role=alert]").innerText(), /Tidak ada di daftar muat unit ini/);
    reader.complaints.length = 0;
    await officer.fill("scan", slip);
    await officer.next();
    assert.match(await page.locator("[role=status]").innerText(), /dimuat/);
    assert.equal((await reader.terms())["Sudah dimuat"], "1");
    programs.ask("van-agent", "van", ["handover", "back", slip, "--reason", "tertukar"]);
    await reader.go(`${site}/manifest`);
    await officer.next("Alt+m");
    assert.equal(ask(programs, "case", "show", slip)[0].status, "loaded");
    const [today] = ask(programs, "today");
    assert.deepEqual([today.products.ready, today.products.loaded], [0, 1]);
  });
  await check("a product in wrong hands is an alarm until it is settled with a reason", async () => {
    await reader.go(`${site}/handover?q=${encodeURIComponent(slip)}`);
    await page.locator("input[value=subject]").press("Space");
    await page.locator("input[value=thumb]").press("Space");
    await officer.next("Alt+s");
    const told = async () => page.locator("main [role=status]").first().innerText();
    assert.equal(await told(), `Diserahkan kepada Dorkas Fallo (${slip})`);
    const handed = () => ask(programs, "case", "show", slip)[0].events.length;
    const events = handed();
    await page.reload();
    assert.deepEqual([await told(), handed()], [`Diserahkan kepada Dorkas Fallo (${slip})`, events], "told again, not done again");
    const [{ case: id }] = ask(programs, "case", "show", slip);
    await reader.go(`${site}/saved/${id}`);
    const today = new Intl.DateTimeFormat("id", { dateStyle: "long", timeZone: "Asia/Makassar" }).format(new Date());
    assert.equal(await page.locator(".slip-paper .outcome").innerText(), `DISERAHKAN ${today}`);
    assert.match(await page.locator(".slip-paper").innerText(), /TERCATAT, belum TERDAFTAR|TERDAFTAR di instansi/);
    assert.match(ask(programs, "slip", "show", slip)[0].outcome.state, /handed_over/);
    await reader.go(`${site}/handover?q=${encodeURIComponent(slip)}`);
    await reader.audit("handover-wrong-id", "id");
    await page.getByRole("button", { name: "Catat salah serah" }).press("Enter");
    await page.waitForLoadState();
    assert.ok(await page.evaluate(() => document.activeElement.querySelector("[role=alert]")), "the focus is at what is wrong");
    assert.equal(ask(programs, "case", "show", slip)[0].alarm ?? null, null, "not without a word of what happened");
    reader.complaints.length = 0;
    await officer.fill("reason", "diambil orang senama dari dusun lain");
    await page.getByRole("button", { name: "Catat salah serah" }).press("Enter");
    await reader.titled("Catat salah serah");
    assert.match(await page.locator("main").innerText(), /diambil orang senama/);
    await officer.next("Escape");
    assert.equal(await page.locator("#reason").inputValue(), "diambil orang senama dari dusun lain", "what was typed is kept");
    await page.getByRole("button", { name: "Catat salah serah" }).press("Enter");
    await reader.titled("Catat salah serah");
    await officer.go("Alt+y", "**/handover?done=*");
    assert.match(await told(), /Salah serah dicatat: Dorkas Fallo/);
    const needs = ask(programs, "custody")[0].needs_you;
    assert.equal(needs, 1);
    await officer.go("Alt+u", "**/needs-you");
    await page.locator("main h2 a").first().press("Enter");
    await page.waitForURL("**/case/*");
    assert.match(await page.locator("main").innerText(), /Salah serah[^]*orang senama/);
    await reader.audit("case-alarm-id", "id");
    await officer.fill("reason-alarm", "sudah kembali ke pemiliknya");
    await page.getByRole("button", { name: "Sudah diselesaikan" }).press("Enter");
    await page.waitForURL("**/saved/*");
    assert.equal(ask(programs, "custody")[0].needs_you, 0);
  });
  await check("who is not served when the day is closed comes first at the next visit", async () => {
    for (const kind of ["general", "general", "priority"]) ask(programs, "queue", "take", kind);
    ask(programs, "queue", "call");
    ask(programs, "queue", "serve", "B-A001");
    await reader.go(`${site}/day`);
    assert.equal((await reader.terms())["Nomor diambil"], "3");
    await officer.next("Alt+t");
    const list = ask(programs, "queue", "waiting-list").filter(({ ticket }) => ticket);
    assert.deepEqual(list.map(({ ticket, state }) => `${ticket} ${state}`), ["A-A001 postponed", "A-A002 postponed"]);
    assert.match(await page.locator("main").innerText(), /Daftar tunggu[^]*A-A001[^]*A-A002/);
    await reader.audit("day-waiting-list-id", "id");
    await reader.go(`${site}/`);
    assert.equal((await reader.terms())["Daftar tunggu"], "2");
    ask(programs, "queue", "take", "general");
    await reader.go(`${site}/day`);
    await officer.next("Alt+t");
    assert.equal(ask(programs, "queue", "waiting-list").filter(({ ticket }) => ticket).length, 3, "nothing else was written");
  });
  await check("the alarm and its settlement reach the hub", async () => {
    const hub = await programs.start("hub-server", "hub", ["run", "--listen", listen, "--web", "127.0.0.1:0"]);
    ask(programs, "sync");
    const [shown] = programs.ask("hub-server", "hub", ["case", "show", slip]);
    assert.equal(shown.reasons.alarm, "sudah kembali ke pemiliknya");
    await hub.stop();
  });
  await check("at the hub products are marked ready on a page, and the unit finds them on its manifest", async () => {
    const fresh = record(programs, "Rosa Fallo");
    const hub = await programs.start("hub-server", "hub", ["run", "--listen", listen, "--web", "127.0.0.1:0"]);
    ask(programs, "sync");
    programs.ask("hub-server", "hub", ["case", "amend", fresh, "--as-agency", "DUK", "--set", "status=issued"]);
    const stranger = await fetch(`http://${hub.ready.web}/products`);
    assert.equal(stranger.status, 401);
    const operator = await Reader.open(browser, pictures);
    await operator.go(hub.ready.products);
    await operator.audit("hub-products-id", "id");
    await operator.page.locator("#slips").fill(`${fresh}\n${slip}\n`);
    await operator.page.locator("#agency").selectOption("DUK");
    await operator.page.locator("#unit").fill("V01");
    await operator.page.getByRole("button", { name: "Tandai siap diserahkan" }).press("Enter");
    await operator.page.locator("[role=status]").waitFor();
    assert.ok((await operator.page.locator("[role=status]").innerText()).includes(fresh));
    const refused = await operator.page.locator("[role=alert]").innerText();
    assert.ok(refused.includes(slip) && /sekarang/.test(refused), refused);
    assert.equal((await operator.terms())["Belum dimuat atau tidak ditemukan"], "1");
    await operator.audit("hub-products-marked-id", "id");
    const marked = () => programs.ask("hub-server", "hub", ["case", "show", fresh])[0].events.filter((event) => event.state === "ready").length;
    assert.equal(marked(), 1);
    await operator.page.reload();
    assert.ok((await operator.page.locator("[role=status]").innerText()).includes(fresh), "what was done is told again");
    assert.equal(marked(), 1, "and not done again");
    await operator.page.getByRole("button", { name: "English" }).press("Enter");
    await operator.page.locator("html[lang=en]").waitFor();
    assert.equal(await operator.page.locator("#unit").inputValue(), "V01", "another language is the same page");
    assert.match(await operator.page.locator("tbody").innerText(), /[a-z]{4}/, "services have names");
    await operator.audit("hub-products-en", "en");
    await operator.context.close();
    ask(programs, "sync");
    const manifest = ask(programs, "handover", "manifest").filter((row) => row.slip);
    assert.deepEqual(manifest.map((row) => [row.slip, row.status, row.for_unit]), [[fresh, "ready", "V01"]]);
    await hub.stop();
  });
  await check("what an agency gave back needs somebody, with its reason, until it is corrected and sent again", async () => {
    const back = record(programs, "Marta Sae");
    const hub = await programs.start("hub-server", "hub", ["run", "--listen", listen, "--web", "127.0.0.1:0"]);
    ask(programs, "sync");
    programs.ask("hub-server", "hub", ["case", "amend", back, "--as-agency", "DUK", "--set", "status=returned",
      "--reason", "surat tidak terbaca"]);
    ask(programs, "sync");
    await hub.stop();
    await reader.go(`${site}/`);
    assert.equal((await reader.terms())["Perlu Anda"], "1");
    await officer.go("Alt+u", "**/needs-you");
    const need = page.locator("main section", { hasText: back });
    assert.match(await need.innerText(), /perlu perbaikan[^]*surat tidak terbaca[^]*DUK/);
    await reader.audit("needs-you-answered-id", "id");
    await need.locator("input[name=text]").fill("warga pindah");
    await need.getByRole("button", { name: "Batalkan permohonan" }).press("Enter");
    await reader.titled("Batalkan permohonan");
    await officer.next("Escape");
    assert.equal(await need.locator("input[name=text]").inputValue(), "warga pindah", "what was typed is kept");
    assert.equal(ask(programs, "case", "show", back)[0].status, "returned");
    await need.getByRole("link", { name: "Perbaiki" }).press("Enter");
    await page.waitForURL("**/correct/*");
    await officer.fill("mother", "Maria Sae");
    await officer.fill("reason", "akta dibaca ulang");
    await officer.next("Alt+s");
    const [shown] = ask(programs, "case", "show", back);
    assert.deepEqual([shown.status, ask(programs, "custody")[0].needs_you], ["complete", 0]);
    await reader.go(`${site}/case/${shown.case}`);
    const told = await page.locator("main").innerText();
    assert.match(told, /perlu perbaikan[^]*surat tidak terbaca[^]*DUK/);
    assert.match(told, /Ibu: Maria Fallo → Maria Sae[^]*akta dibaca ulang/);
    await reader.audit("case-life-id", "id");
    const stamp = ask(programs, "slip", "show", back)[0].stamp;
    ask(programs, "slip", "printed", back);
    await reader.go(`${site}/correct/${shown.case}`);
    await officer.fill("father", "Yunus Sae");
    await officer.fill("reason", "tidak jadi");
    await page.getByRole("button", { name: "Batalkan permohonan" }).press("Enter");
    await reader.titled("Batalkan permohonan");
    assert.match(await page.locator("main").innerText(), new RegExp(`DIBATALKAN[^]*${back}`));
    await officer.next();
    assert.equal(ask(programs, "case", "show", back)[0].status, "complete", "Enter goes back");
    const typed = ["father", "reason"].map((name) => page.locator(`#${name}`).inputValue());
    assert.deepEqual(await Promise.all(typed), ["Yunus Sae", "tidak jadi"], "what was typed is kept");
    await page.getByRole("button", { name: "Batalkan permohonan" }).press("Enter");
    await reader.titled("Batalkan permohonan");
    await officer.go("Alt+y", "**/saved/*");
    assert.match(await page.locator(".slip-paper").innerText(), /PENGGANTI[^]*DIBATALKAN/);
    await reader.go(`${site}/verify?slip=${stamp}`);
    assert.match(await page.locator("main").innerText(), /DIGANTI/);
    await reader.go(`${site}/case/${shown.case}`);
    assert.match(await page.locator("main").innerText(), /dibatalkan · Alasan: tidak jadi/);
    await reader.go(`${site}/saved/${shown.case}`);
    assert.match(await page.locator("main").innerText(), /DIBATALKAN/);
  });
  await check("the pages of the desk hold in English", async () => {
    await reader.speak("en");
    for (const path of ["/handover", "/manifest", "/officer", "/queue", "/settings", "/sheets", "/verify"]) {
      await reader.go(`${site}${path}`);
      await reader.audit(`${path.slice(1)}-en`, "en");
    }
    const [{ case: id }] = ask(programs, "case", "show", slip);
    await reader.go(`${site}/correct/${id}`);
    await reader.audit("correct-en", "en");
    await reader.go(`${site}/case/${id}`);
    assert.match(await page.locator("main").innerText(), /Changed fields[^]*Wrong hands[^]*emptied · Reason: sudah kembali ke pemiliknya V01A, Maria Taek/);
    await reader.audit("case-en", "en");
    await reader.speak("id");
  });
  await reader.context.close();
}

await play(desk);
