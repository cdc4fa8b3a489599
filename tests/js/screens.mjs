// Every page of a laptop in English, in colours of high contrast, and what pages tell of a hub that is away: each is held
// to what every page promises.
// Begun as journey.mjs says.

import assert from "node:assert/strict";
import { check, play } from "./journey.mjs";
import { Officer, prepare, start } from "./officer.mjs";
import { Reader } from "./reader.mjs";

const VILLAGE = "53.02.01.1001";
const CITIZENS = [
  ["Dorkas Fallo", "P", "1988-03-01", "DUK-KK", "complete"],
  ["Nahak", "L", "1948", "TAS-KLAIM", "incomplete"],
  ["Yuliana Taek", "P", "2009-02-01", "DUK-REKAM", "waiting_for_network"],
];
/** Pages that a plain link leads to, beside those of a case. */
const PAGES = ["", "record", "handover", "find", "needs-you", "visits", "queue", "survey", "survey/paper", "blanks", "day",
  "slips", "verify", "sheets", "custody", "sync", "carry", "settings", "officer"];

async function screens(programs, browser, pictures) {
  await prepare(programs);
  const ask = (...parts) => programs.ask("van-agent", "van", parts);
  ask("settings", "set", "officers", "Yefta Nabuasa\nMaria Taek");
  ask("visit", "open", "Pasar Niki-Niki", "--village", VILLAGE);
  const cases = CITIZENS.map(([name, sex, born, service, status]) => ask("record", "--name", name, "--sex", sex, "--born", born,
    "--mother", "Maria Fallo", "--village", VILLAGE, "--service", service, "--status", status, "--officer", "Yefta Nabuasa",
    "--consent", "true")[0]);
  for (const kind of ["general", "priority", "collect"]) ask("queue", "take", kind);
  ask("queue", "call");
  const [{ batch }] = ask("sheet", "print", "2").filter((row) => row.sheet);
  const [{ stamp }] = ask("slip", "show", cases[0].slip);
  // Nobody answers all this while: that takes the program its time to be sure of.
  const van = await start(programs);
  const site = new URL(van.ready.url).origin;
  const reader = await Reader.open(browser, pictures);
  const { page } = reader;
  await page.addInitScript("window.print = () => {}");
  const officer = new Officer(reader);
  const [first] = cases;
  const of_case = [`case/${first.case}`, `correct/${first.case}`, `correct/${first.case}?person=Nahak`, `saved/${first.case}`,
    `saved/${cases[1].case}`, `saved/${cases[2].case}`, `verify?slip=${stamp}`, "find?q=Fallo", `sheets/${batch}`, "manifest"];
  const begin = async (name) => {
    await reader.go(`${site}/record`);
    await officer.fill("name", name);
    await page.locator("#sex").selectOption("P");
    await officer.fill("born", "1988-03-01");
    await officer.fill("add", "DUK-KIA");
    await officer.next();
  };
  const name_of = (path) => path.replaceAll(/[^a-z]+/g, "-").slice(0, 24) || "today";
  await reader.go(van.ready.url);
  await reader.speak("en");
  await officer.go("Alt+g", "**/officer");
  await officer.go("Alt+1", "**/");

  await check("what is asked and told in the middle of work holds in English", async () => {
    await begin("Dorkas Fallo");
    await page.locator("#like").waitFor();
    await reader.audit("chooser-en", "en");
    await officer.button("Another person");
    await officer.fill("nik", "53020132");
    await officer.next("Alt+s");
    await page.locator("[role=alert]").first().waitFor();
    reader.complaints.length = 0;
    await reader.audit("record-wrong-en", "en");
    await page.getByRole("button", { name: "Discard what is typed" }).press("Enter");
    await page.getByRole("button", { name: "No, go back" }).waitFor();
    await reader.audit("sure-en", "en");
    await officer.next("Alt+y");
    await begin("Anton Bria");
    await officer.go("Alt+r", "**/record/aloud/*");
    await reader.audit("aloud-screen-en", "en");
    await officer.go("Alt+s", "**/saved/*");
    await page.keyboard.press("Alt+p");
    await page.locator("#came-out-yes:focus").waitFor();
    await reader.audit("saved-asked-en", "en");
    await reader.go(`${site}/nowhere`);
    reader.complaints.length = 0;
    await reader.audit("nowhere-en", "en");
  });
  // The page of the exchange loads anew when one has ended, which it does not hear of meanwhile.
  const news = "**/sync/news*";
  await page.route(news, (route) => route.fulfill({ contentType: "text/event-stream", body: "retry: 60000\n\n" }));
  for (const theme of ["normal", "contrast"]) {
    await check(`every page holds in English, in ${theme} colours`, async () => {
      ask("settings", "set", "theme", theme);
      for (const path of [...PAGES, ...of_case]) {
        await reader.go(`${site}/${path}`);
        const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
        assert.equal(ground, theme === "contrast" ? "rgb(0, 0, 0)" : "rgb(255, 255, 255)");
        await reader.audit(`${theme}-${name_of(path)}-en`, "en");
      }
    });
  }
  ask("settings", "set", "theme", "normal");
  await page.unroute(news);
  await check("that the hub does not answer stands in words on the pages, and work goes on", async () => {
    await reader.go(`${site}/sync`);
    await page.locator("[role=status].open", { hasText: "no network, or the hub does not answer; everything stays saved" }).waitFor();
    await page.waitForLoadState();
    await reader.audit("sync-away-en", "en");
    await reader.speak("id");
    for (const path of ["sync", ""]) {
      await reader.go(`${site}/${path}`);
      assert.match(await officer.text(), /Pertukaran terakhir gagal pukul .*: tidak ada jaringan, atau pusat tidak menjawab; semua tetap tersimpan/);
    }
  });
  await reader.context.close();
}

await play(screens);
