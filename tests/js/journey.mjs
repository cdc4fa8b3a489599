// What every journey in the browser begins and ends with: its options, its checks, its count at the end.

import { parseArgs } from "node:util";
import { Programs } from "./programs.mjs";
import { launch } from "./reader.mjs";

let passed = 0;
let failed = 0;

/** One thing that must hold; what fails is told, and the next one is tried. */
export async function check(what, holds) {
  try {
    await holds();
    passed += 1;
  } catch (error) {
    failed += 1;
    console.error(`FAILED ${what}\n${error.stack ?? error}\n`);
  }
}

/**
 * Plays a journey and ends the process: 0 where every check held, and there was one.
 *
 * usage: node JOURNEY.mjs [--pictures FOLDER] [FOLDER]
 * FOLDER (or KELILING_PROGRAMS) holds `hub-server` and `van-agent`; Chromium as reader.mjs looks for it.
 *
 * @param {(programs: Programs, browser: object, pictures: string | undefined) => Promise<void>} journey
 */
export async function play(journey) {
  const { values, positionals } = parseArgs({ options: { pictures: { type: "string" } }, allowPositionals: true });
  const folder = positionals[0] ?? process.env.KELILING_PROGRAMS;
  if (folder === undefined) {
    console.error("usage: node JOURNEY.mjs [--pictures FOLDER] [FOLDER of the programs, or KELILING_PROGRAMS]");
    process.exit(2);
  }
  let programs;
  let browser;
  try {
    programs = new Programs(folder);
    browser = await launch();
    await journey(programs, browser, values.pictures);
  } catch (error) {
    failed += 1;
    console.error(error.stack ?? error);
  } finally {
    await browser?.close();
    programs?.close();
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed > 0 || passed === 0 ? 1 : 0);
}
