// The depot before a village day: a hub, a link to it, laptop V01 with the pre-list, and five finished products, which
// the hub's operator marks ready and the officer loads by the manifest.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Reader } from "./reader.mjs";

export const VILLAGE = "53.02.01.1001";
export const OFFICER = "Yefta Nabuasa";
export const MOTHER = { nik: "5302014103889001", name: "Dorkas Fallo", kk: "5302011203040001" };
/** Whose products come along from the depot. */
export const WAITING = ["Adriana Sae", "Benyamin Taek", "Dominggus Nope", "Elisabet Fallo", "Ferdinan Ndun"];

const LOOPBACK = "127.0.0.1:0";
const PRELIST = `nik,name,sex,born,mother,father,kk,village,address,phone,service,priority
${MOTHER.nik},${MOTHER.name},P,1988-03-01,Maria Fallo,,${MOTHER.kk},${VILLAGE},RT 3 dusun I,081234567890,,mother
`;
const SERVICES = new URL("../../hub-server/data/registry/services.json", import.meta.url);

/** The hub with its registries, at work behind a link: what runs, the link, and how it is started again. */
export async function hub(programs) {
  const link = await programs.link();
  programs.ask("hub-server", "hub", ["init", "--district", "53.02"]);
  const catalogue = JSON.parse(readFileSync(SERVICES, "utf8"));
  catalogue.services.find(({ code }) => code === "DUK-KK").collectors = ["subject", "family", "village_head"];
  for (const [kind, name, text] of [["services", "services.json", JSON.stringify(catalogue)], ["prelist", "prelist.csv", PRELIST]]) {
    const file = join(programs.root, name);
    writeFileSync(file, text);
    programs.ask("hub-server", "hub", ["registry", "import", "--kind", kind, file]);
  }
  const run = (listen) => ["run", "--listen", listen, "--web", LOOPBACK, "--advertise", link.at];
  const running = await programs.start("hub-server", "hub", run(LOOPBACK));
  await link.say(`target ${running.ready.quic}`);
  return { running, link, again: () => programs.start("hub-server", "hub", run(running.ready.quic)) };
}

/** Enrols V01, which took the cases of `WAITING` on an earlier visit: their numbers, once the agency has decided. */
export function enrol(programs) {
  const van = (...parts) => programs.ask("van-agent", "van", parts);
  const [{ ticket }] = programs.ask("hub-server", "hub", ["invite", "--unit", "V01"]);
  van("enroll", ticket);
  const lines = WAITING.map((name, index) => JSON.stringify({ name, sex: "P", born: `198${index}-03-01`, mother: "Maria",
    service: "DUK-KK", village: VILLAGE, status: "complete", officer: OFFICER, started: "2026-11-16T09:00:00+08:00", consent: true }));
  const input = lines.join("\n");
  const recorded = programs.ask("van-agent", "van", ["record", "--file", "-"], { input });
  const slips = recorded.filter((row) => row.slip).map((row) => row.slip);
  for (const slip of slips) van("slip", "printed", slip);
  van("sync");
  for (const slip of slips) {
    programs.ask("hub-server", "hub", ["case", "amend", slip, "--as-agency", "DUK", "--set", "status=issued"]);
  }
  return slips;
}

/** On the hub's page its operator marks the products of `slips` ready for V01. */
export async function mark(browser, { ready }, slips) {
  const operator = await Reader.open(browser);
  const { page } = operator;
  await operator.go(ready.products);
  await page.locator("#slips").fill(slips.join("\n"));
  await page.locator("#agency").selectOption("DUK");
  await page.locator("#unit").fill("V01");
  await page.getByRole("button", { name: "Tandai siap diserahkan" }).press("Enter");
  await page.locator("[role=status]").waitFor();
  assert.equal((await operator.terms())["Belum dimuat atau tidak ditemukan"], String(slips.length));
  await operator.context.close();
}

/** On the laptop's pages the officer brings the manifest in, loads all of it, and hands that over to the hub. */
export async function load(officer, site) {
  const { reader } = officer;
  await officer.reconcile(site);
  await reader.go(`${site}/manifest`);
  assert.equal((await reader.terms())["Belum dimuat atau tidak ditemukan"], String(WAITING.length));
  await officer.next("Alt+m");
  assert.equal((await reader.terms())["Sudah dimuat"], String(WAITING.length));
  await officer.reconcile(site);
}
