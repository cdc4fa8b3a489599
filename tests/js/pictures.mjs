// Takes the pictures of the officer's page that the README shows: a day in progress, at 1024 by 600.
// Begun as journey.mjs says, with --pictures.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { check, play } from "./journey.mjs";
import { prepare } from "./officer.mjs";
import { Reader } from "./reader.mjs";

const VILLAGE = "53.02.01.1001";
const SCREEN = { width: 1024, height: 600 };
const CITIZENS = [
  ["Dorkas Fallo", "P", "1988-03-01", "DUK-KK", "complete"],
  ["Ala'ang Nope", "L", "2026-11-18", "DUK-LAHIR", "complete"],
  ["Nahak", "L", "1948", "TAS-KLAIM", "incomplete"],
  ["Yuliana Taek", "P", "2009-02-01", "DUK-REKAM", "waiting_for_network"],
];

async function pictures(programs, browser, folder) {
  await prepare(programs);
  const ask = (...parts) => programs.ask("van-agent", "van", parts);
  ask("settings", "set", "officers", "Yefta Nabuasa\nMaria Taek");
  ask("visit", "open", "Pasar Niki-Niki", "--village", VILLAGE, "--agency", "DUK");
  for (const [name, sex, born, service, status] of CITIZENS) {
    ask("record", "--name", name, "--sex", sex, "--born", born, "--village", VILLAGE, "--service", service,
      "--status", status, "--officer", "Yefta Nabuasa", "--consent", "true");
  }
  for (const kind of ["general", "general", "priority", "collect"]) ask("queue", "take", kind);
  const van = await programs.start("van-agent", "van", ["run", "--web", "127.0.0.1:0"]);
  const site = new URL(van.ready.url).origin;
  const reader = await Reader.open(browser);
  const { page } = reader;
  await page.setViewportSize(SCREEN);
  await page.goto(van.ready.url);
  mkdirSync(folder, { recursive: true });
  const take = (name) => page.screenshot({ path: join(folder, `${name}.png`) });
  await check("today", () => take("today"));
  await check("record", async () => {
    await page.goto(`${site}/record`);
    await page.locator("#name").fill("Yohanis Nope");
    await page.locator("#sex").selectOption("L");
    await page.locator("#born").fill("1990-05-04");
    await page.locator("#add").fill("DUK-KIA");
    const arrives = page.waitForEvent("load");
    await page.keyboard.press("Enter");
    await arrives;
    await take("record");
    await reader.forget();
  });
  await check("custody", async () => {
    await page.goto(`${site}/custody`);
    await take("custody");
  });
  await check("the end of the day", async () => {
    ask("day", "close", "--leader", "Maria Taek");
    await page.goto(`${site}/day`);
    await take("day");
  });
}

await play(pictures);
