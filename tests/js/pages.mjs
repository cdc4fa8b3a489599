// Opens the pages of both programs in Chromium as people do, and holds each to what every page promises: both
// languages, the keyboard alone, access, a small screen, paper, and nothing from or to any other host.
// Begun as journey.mjs says.

import assert from "node:assert/strict";
import { request } from "node:http";
import { check, play } from "./journey.mjs";
import { Reader } from "./reader.mjs";

const SCRIPT = `<script>document.title = "x"; alert("x")</script> Ndun`;
const APOSTROPHE = `Ma'ri "Ose" Ta'ek & anak`;
const LONG = `Maria${"Anastasia".repeat(9)}`;
const LINES = [
  line({ name: SCRIPT, service: "DUK-MATI" }),
  line({ name: APOSTROPHE, notes: `</dd><img src="http://evil.example/x.png" onerror="alert(1)">` }),
  line({ name: LONG, address: "x".repeat(180), status: "waiting_for_network" }),
];

function line(fields) {
  return {
    nik: null,
    name: "Yohana Nubatonis",
    sex: "P",
    born: "1988-03",
    phone: null,
    address: "RT 004/RW 002",
    village: "53.02.01.1001",
    service: "DUK-LAHIR",
    status: "received",
    started: "2026-11-20T09:12:00+08:00",
    ended: "2026-11-20T09:20:00+08:00",
    position: null,
    officer: "Yefta Nabuasa",
    visit: null,
    notes: null,
    consent: true,
    ...fields,
  };
}

/** The answer to a plain request, with any Host and headers. */
function answer(url, { host, method = "GET", headers = {} } = {}) {
  const { hostname, port, pathname, search, host: own } = new URL(url);
  return new Promise((settle, fail) => {
    const options = { hostname, port, path: pathname + search, method, headers: { host: host ?? own, ...headers } };
    request(options, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text) => (body += text));
      response.on("end", () => settle({ status: response.statusCode, headers: response.headers, body }));
    })
      .on("error", fail)
      .end();
  });
}

/** What every answer's headers must say. */
function audit_headers(headers) {
  const policy = headers["content-security-policy"] ?? "";
  assert.match(policy, /default-src 'self'/);
  assert.match(policy, /frame-ancestors 'none'/);
  assert.doesNotMatch(policy, /unsafe|https?:|\*|data:/);
  assert.equal(headers["x-content-type-options"], "nosniff");
  assert.equal(headers["cache-control"], "no-store");
}

/** Two vans of one district that changed the same name, the hub being away; the first one serves its page. */
async function prepare(programs) {
  programs.ask("hub-server", "hub", ["init", "--district", "53.02"]);
  const loopback = "127.0.0.1:0";
  const hub = await programs.start("hub-server", "hub", ["run", "--listen", loopback, "--web", loopback]);
  for (const [home, unit] of [["van", "V01"], ["other", "V02"]]) {
    const [{ ticket }] = programs.ask("hub-server", "hub", ["invite", "--unit", unit]);
    programs.ask("van-agent", home, ["enroll", ticket]);
  }
  record(programs, "van", [line({})]);
  programs.ask("van-agent", "van", ["sync"]);
  programs.ask("van-agent", "other", ["sync"]);
  const [{ slip }] = programs.ask("van-agent", "van", ["case", "list"]);
  const amend = (home, name) => programs.ask("van-agent", home, ["amend", slip, "--set", `name=${name}`]);
  amend("other", "Yohana Nubatonis-Ta'ek");
  programs.ask("van-agent", "other", ["sync"]);
  await hub.stop();
  amend("van", "Yohana <b>Nubatonis</b>");
  record(programs, "van", LINES);
  const van = await programs.start("van-agent", "van", ["run", "--web", loopback]);
  return { slip, van, listen: hub.ready.quic };
}

function record(programs, home, lines) {
  const input = lines.map((fields) => JSON.stringify(fields)).join("\n");
  const summary = programs.ask("van-agent", home, ["record", "--file", "-"], { input }).at(-1);
  assert.equal(summary.saved, lines.length, JSON.stringify(summary));
}

async function visit_van(programs, browser, { slip, van, listen }, pictures) {
  const { url } = van.ready;
  const site = new URL(url).origin;
  const reader = await Reader.open(browser, pictures);
  const { page } = reader;

  await check("nobody opens the page without the cookie", async () => {
    for (const path of ["/", "/find?q=a", "/needs-you", `/case/${encodeURIComponent(slip)}`, "/?token=00"]) {
      const { status, headers, body } = await answer(site + path);
      assert.ok([401, 403].includes(status), `${path}: ${status}`);
      assert.doesNotMatch(body, /Nubatonis/);
      audit_headers(headers);
    }
  });
  await check("the program's address signs in, and its secret leaves the address", async () => {
    const { status } = await answer(url, { host: `evil.example:${new URL(url).port}` });
    assert.ok(status >= 400 && status < 500, `a foreign host: ${status}`);
    const response = await reader.go(url);
    assert.equal(response.status(), 200);
    assert.doesNotMatch(page.url(), /token/);
    assert.equal(page.url(), `${site}/`);
    audit_headers(response.headers());
    const cookies = await reader.context.cookies();
    assert.ok(cookies.length > 0 && cookies.every((cookie) => cookie.httpOnly && cookie.sameSite === "Strict"));
  });
  await check("a signed-in browser is still not asked by another host or site", async () => {
    const [{ name, value }] = await reader.context.cookies();
    const cookie = `${name}=${value}`;
    assert.equal((await answer(site, { headers: { cookie } })).status, 200);
    const foreign = await answer(site, { host: "evil.example", headers: { cookie } });
    assert.ok(foreign.status >= 400 && foreign.status < 500, `${foreign.status}`);
    const posted = await answer(site, { method: "POST", headers: { cookie, origin: "http://evil.example" } });
    assert.equal(posted.status, 403);
  });
  await check("today tells custody in Indonesian", async () => {
    const terms = await reader.terms();
    const [custody] = programs.ask("van-agent", "van", ["custody"]);
    assert.equal(custody.on_laptop, 4);
    assert.equal(terms["Masih di laptop"], "4");
    assert.equal(terms["Sudah di pusat"], String(custody.at_hub));
    assert.match(await page.locator("#custody ~ [role=status]").innerText(), /^Belum aman dihapus/);
    await reader.audit("today-id", "id");
  });
  await check("a case is found and opened by the keyboard alone", () => find_by_keyboard(reader));
  await check("hostile words are words", async () => {
    for (const [name, picture] of [[SCRIPT, "case-script-id"], [APOSTROPHE, "case-apostrophe-id"], [LONG, "case-long-id"]]) {
      await reader.go(`${site}/find?q=${encodeURIComponent(name.match(/Ndun|Ose|MariaAna/)[0])}`);
      await reader.audit(`find-${picture}`, "id");
      await page.locator("tbody a").first().click();
      assert.ok((await page.locator("main").innerText()).includes(name), name);
      assert.equal(await page.locator("main script:not([src='/camera.mjs']), main img").count(), 0);
      await reader.audit(picture, "id");
    }
    assert.match(await page.locator("main").innerText(), /BELUM SELESAI: menunggu jaringan/);
    await reader.go(`${site}/find?q=${encodeURIComponent(`"><script>alert(1)</script>'`)}`);
    assert.equal(await page.locator("#q").inputValue(), `"><script>alert(1)</script>'`);
    await reader.audit("find-nothing-id", "id");
  });
  await check("what is not there is told in the page's language", async () => {
    const [{ name, value }] = await reader.context.cookies();
    const cookie = `${name}=${value}`;
    for (const path of ["/case/53.02%2FV09A%2F20261120%2F0001-X", "/nowhere"]) {
      const { status, headers, body } = await answer(site + path, { headers: { cookie } });
      assert.equal(status, 404);
      audit_headers(headers);
      assert.match(body, /<html lang="id">/);
    }
  });
  await check("a contact with the hub changes custody and shows what needs a person", async () => {
    await reader.go(site);
    const hub = await programs.start("hub-server", "hub", ["run", "--listen", listen, "--web", "127.0.0.1:0"]);
    const [outcome] = programs.ask("van-agent", "van", ["sync"]).slice(-1);
    assert.equal(outcome.ok, true);
    await page.reload();
    const terms = await reader.terms();
    assert.equal(terms["Masih di laptop"], "0");
    assert.equal(terms["Sudah di pusat"], "4");
    assert.equal(terms["Perlu Anda"], "1");
    assert.match(await page.locator("#custody ~ [role=status]").innerText(), /^Aman dihapus/);
    await reader.audit("today-synced-id", "id");
    await reader.go(`${site}/needs-you`);
    assert.equal(await page.locator("main section").count(), 1);
    assert.match(await page.locator("main section").innerText(), /Yohana Nubatonis-Ta'ek[^]*Yohana <b>Nubatonis<\/b>/);
    await reader.audit("needs-you-id", "id");
    await page.locator("main h2 a").click();
    const told = await page.locator("main").innerText();
    for (const side of ["Yohana Nubatonis-Ta'ek", "Yohana <b>Nubatonis</b>"]) assert.ok(told.includes(side), told);
    await reader.audit("case-conflict-id", "id");
    await visit_hub(browser, hub.ready.web, pictures);
    await hub.stop();
  });
  await check("the other language is one step away, on the same page, and back", async () => {
    await page.locator(".language").click();
    assert.match(await page.locator("main").innerText(), /To be decided/);
    await reader.audit("case-conflict-en", "en");
    for (const [name, path] of [["today-en", "/"], ["find-en", "/find?q=Nubatonis"], ["find-empty-en", "/find"], ["needs-you-en", "/needs-you"]]) {
      await reader.go(site + path);
      await reader.audit(name, "en");
    }
    await reader.go(`${site}/find?q=Ndun`);
    await page.locator(".language").click();
    assert.equal(page.url(), `${site}/find?q=Ndun`);
    assert.equal(await page.locator("html").getAttribute("lang"), "id");
  });
  await check("the same service twice shows both cases, each a step away", async () => {
    const twice = { nik: "5302014103889001", born: "1988-03-01", name: "Dorkas Fallo" };
    record(programs, "van", [line(twice), line({ ...twice, phone: "081234567890" })]);
    await reader.go(`${site}/needs-you`);
    await page.getByText("Dorkas Fallo").first().waitFor();
    await page.locator("main section", { hasText: "Dorkas Fallo" }).locator("h2 a").first().click();
    const here = page.url();
    assert.match(await page.locator("main").innerText(), /Layanan yang sama lebih dari sekali/);
    assert.equal(await page.locator("main li a").count(), 2);
    await reader.audit("case-twice-id", "id");
    const others = page.locator(`main li a:not([href="${new URL(here).pathname}"])`);
    await others.click();
    assert.notEqual(page.url(), here);
    assert.ok((await page.locator("main").innerText()).includes("Dorkas Fallo"));
  });
  await check("what two laptops wrote differently is decided on the page, with a reason", async () => {
    await reader.go(`${site}/needs-you`);
    const need = page.locator("main section", { hasText: slip });
    await need.getByLabel("Pertanyaan kepada pusat").fill("nama mana yang di akta?");
    const load = async (button) => {
      const arrives = page.waitForEvent("load");
      await button.press("Enter");
      await arrives;
    };
    await load(need.getByRole("button", { name: "Tanyakan" }));
    assert.match(await page.locator("[role=status]", { hasText: "Pertanyaan dicatat" }).innerText(), /pusat/);
    assert.equal(programs.ask("van-agent", "van", ["case", "show", slip])[0].questions[0].words, "nama mana yang di akta?");
    const sides = need.getByRole("radio");
    assert.equal(await sides.count(), 2);
    const reason = need.getByLabel("Alasan", { exact: true });
    await reason.fill("menurut KTP");
    await reason.press("Enter");
    assert.equal(programs.ask("van-agent", "van", ["case", "show", slip])[0].conflicts.length, 1, "not before a side is chosen");
    await sides.first().press("Space");
    await load(need.getByRole("button", { name: "Pakai nilai yang dipilih" }));
    assert.match(page.url(), /needs-you$/);
    const [shown] = programs.ask("van-agent", "van", ["case", "show", slip]);
    assert.deepEqual(shown.conflicts, []);
    assert.equal(shown.reasons.name ?? shown.subject.reasons?.name, "menurut KTP");
  });
  await reader.context.close();
}

async function find_by_keyboard(reader) {
  const { page } = reader;
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute("href")), "#content");
  await reader.tabTo('a[href="/find"]');
  await page.keyboard.press("Enter");
  await page.waitForURL("**/find");
  assert.equal(await page.evaluate(() => document.activeElement.id), "q");
  await page.keyboard.type("ma'ri");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/find?q=*");
  await reader.tabTo("tbody a");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/case/*");
  assert.ok((await page.locator("main").innerText()).includes(APOSTROPHE));
}

/** The hub's page, on `web` ("IP:PORT"), with two laptops that it knows. */
async function visit_hub(browser, web, pictures) {
  const site = `http://${web}`;
  const reader = await Reader.open(browser, pictures);
  const { page } = reader;
  await check("the hub's page is for this machine alone", async () => {
    const { status } = await answer(site, { host: "evil.example" });
    assert.ok(status >= 400 && status < 500, `${status}`);
    const posted = await answer(site, { method: "POST", headers: { origin: "http://evil.example" } });
    assert.equal(posted.status, 403);
    audit_headers((await answer(`${site}/nowhere`)).headers);
  });
  await check("the hub's page tells how it is, in both languages", async () => {
    const response = await reader.go(site);
    audit_headers(response.headers());
    const terms = await reader.terms();
    assert.equal(terms["Permohonan"], "4");
    assert.equal(terms["Perlu keputusan"], "1");
    assert.equal(await page.locator("tbody tr").count(), 2);
    assert.doesNotMatch(await page.locator("body").innerText(), /Nubatonis/);
    await reader.audit("hub-id", "id");
    await reader.tabTo(".language");
    await page.keyboard.press("Enter");
    await page.locator("html[lang=en]").waitFor();
    assert.equal((await reader.terms())["Cases"], "4");
    await reader.audit("hub-en", "en");
    await page.locator(".language").click();
    assert.equal(await page.locator("html").getAttribute("lang"), "id");
  });
  await reader.context.close();
}

await play(async (programs, browser, pictures) => visit_van(programs, browser, await prepare(programs), pictures));
