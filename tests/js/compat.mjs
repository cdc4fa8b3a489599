// Opens exported automerge files with the official library and compares what it sees with what we meant.
//
// usage: node compat.mjs FOLDER
// FOLDER holds NAME.automerge beside NAME.json: {"heads": ["hex", ...], "values": {...}}, as
// `case export --format automerge` and `--format json` write them. A timestamp is expected as its UTC time to
// the second, or as {"timestamp": milliseconds}; bytes as hex. A map must have exactly the expected keys.

import { readFileSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import * as Automerge from "@automerge/automerge";

/** A value of a document in the form that JSON can hold; a timestamp stays a Date. */
function plain(value) {
  if (value instanceof Date) return value;
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  if (value instanceof Automerge.Counter) return value.value;
  if (Automerge.isImmutableString?.(value)) return value.val;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === "bigint") return Number(value);
  if (value !== null && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
  }
  return value;
}

/** Where two plain values differ first, as a sentence; nothing if they are equal. */
function difference(expected, found, path = "document") {
  const isMap = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
  if (found instanceof Date) {
    const [seen, wanted] =
      typeof expected === "string"
        ? [found.toISOString().replace(/\.\d+Z$/, "Z"), expected]
        : [found.getTime(), expected?.timestamp];
    return seen === wanted ? undefined : `${path} is ${seen}, expected ${JSON.stringify(expected)}`;
  }
  if (isMap(expected) && isMap(found)) {
    for (const key of new Set([...Object.keys(expected), ...Object.keys(found)])) {
      if (!(key in expected)) return `${path}.${key} is not expected`;
      if (!(key in found)) return `${path}.${key} is missing`;
      const inner = difference(expected[key], found[key], `${path}.${key}`);
      if (inner) return inner;
    }
    return undefined;
  }
  if (Array.isArray(expected) && Array.isArray(found)) {
    if (expected.length !== found.length) {
      return `${path} has ${found.length} elements, expected ${expected.length}`;
    }
    for (const [index, value] of expected.entries()) {
      const inner = difference(value, found[index], `${path}[${index}]`);
      if (inner) return inner;
    }
    return undefined;
  }
  if (Object.is(expected, found)) return undefined;
  return `${path} is ${JSON.stringify(found)}, expected ${JSON.stringify(expected)}`;
}

/** What is wrong with one file, as a sentence; nothing if all is right. */
function check(folder, name) {
  const expected = JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8"));
  const document = Automerge.load(new Uint8Array(readFileSync(join(folder, `${name}.automerge`))));
  const heads = Automerge.getHeads(document).toSorted();
  return difference(expected.heads.toSorted(), heads, "heads") ?? difference(expected.values, plain(document));
}

const folder = process.argv[2];
if (folder === undefined) {
  console.error("usage: node compat.mjs FOLDER");
  process.exit(2);
}
const names = readdirSync(folder)
  .filter((file) => file.endsWith(".automerge"))
  .map((file) => basename(file, ".automerge"));
let failed = 0;
for (const name of names.toSorted()) {
  let wrong;
  try {
    wrong = check(folder, name);
  } catch (error) {
    wrong = String(error);
  }
  if (wrong !== undefined) {
    failed += 1;
    console.error(`${name}: ${wrong}`);
  }
}
console.log(`${names.length - failed} passed, ${failed} failed`);
process.exit(failed > 0 || names.length === 0 ? 1 : 0);
