// A person before Chromium, with what must hold on every page that they open.

import assert from "node:assert/strict";
import { accessSync, constants, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, join } from "node:path";
import { chromium } from "playwright-core";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
/** The laptops' screens are old. */
const SCREEN = { width: 1024, height: 600 };
/** The same screen at 250 %, and a telephone's. */
const NARROW = { width: 400, height: 600 };
const TAB_STOPS_MAX = 200;
const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--use-fake-device-for-media-stream",
  "--use-fake-ui-for-media-stream",
];

/**
 * Starts the Chromium of this machine: KELILING_CHROMIUM, or the first of its usual names on PATH.
 * @param {string[]} more what it is told besides
 */
export function launch(more = []) {
  return chromium.launch({ executablePath: process.env.KELILING_CHROMIUM ?? installed(), args: [...FLAGS, ...more] });
}

function installed() {
  for (const name of ["chromium", "chromium-browser", "google-chrome"]) {
    for (const folder of (process.env.PATH ?? "").split(delimiter)) {
      try {
        accessSync(join(folder, name), constants.X_OK);
        return join(folder, name);
      } catch {
        // The next folder may have it.
      }
    }
  }
  throw new Error("there is no Chromium: apt-get install chromium, or name one by KELILING_CHROMIUM");
}

/** One person's browser session, which remembers what went wrong behind the pages. */
export class Reader {
  /** @param {string | undefined} pictures folder for a picture of every page that is audited */
  static async open(browser, pictures) {
    const context = await browser.newContext({ viewport: SCREEN, locale: "id-ID", colorScheme: "light" });
    const reader = new Reader();
    reader.context = context;
    reader.pictures = pictures;
    reader.complaints = [];
    reader.requested = new Set();
    context.on("request", (request) => reader.requested.add(new URL(request.url()).host));
    context.on("console", (message) => reader.#hear(message));
    context.on("weberror", (error) => reader.complaints.push(String(error.error())));
    context.on("dialog", (dialog) => {
      reader.complaints.push(`a dialog: ${dialog.message()}`);
      return dialog.dismiss();
    });
    reader.page = await context.newPage();
    return reader;
  }

  #hear(message) {
    if (["error", "warning"].includes(message.type())) {
      this.complaints.push(`${message.text()} (${message.location().url})`);
    }
  }

  /** Follows an address of a page's own host: its answer. */
  go(url) {
    return this.page.goto(url);
  }

  /** Waits for the page with that title, until its keys work. */
  async titled(name) {
    await this.page.locator("h1", { hasText: name }).waitFor();
    await this.page.waitForLoadState();
  }

  /** Throws the form that is open away, by the button of that name, which is asked once more. */
  async forget(name = "Hapus isian") {
    await this.page.getByRole("button", { name }).press("Enter");
    await this.titled(name);
    const gone = this.page.waitForEvent("load");
    await this.page.keyboard.press("Alt+y");
    await gone;
  }

  /** Presses Tab until what has the focus is `selector`. */
  async tabTo(selector) {
    for (let stop = 0; stop < TAB_STOPS_MAX; stop += 1) {
      await this.page.keyboard.press("Tab");
      if (await this.page.evaluate((wanted) => document.activeElement.matches(wanted), selector)) return;
    }
    assert.fail(`the keyboard does not reach ${selector} on ${this.page.url()}`);
  }

  /** Has the pages of this browser speak `language`, by the button of the page that is open. */
  async speak(language) {
    if ((await this.page.locator("html").getAttribute("lang")) === language) return;
    await this.page.locator(".language").click();
    await this.page.locator(`html[lang=${language}]`).waitFor();
  }

  /** The values of the page's lists of terms, by term. */
  terms() {
    return this.page.evaluate(() => {
      const pairs = [...document.querySelectorAll("dt")].map((term) => [
        term.textContent.trim(),
        term.nextElementSibling.textContent.trim(),
      ]);
      return Object.fromEntries(pairs);
    });
  }

  /** Holds the page that is open to everything that every page promises, under the picture's `name`. */
  async audit(name, language) {
    const { page } = this;
    assert.equal(await page.locator("html").getAttribute("lang"), language, "the language of the page");
    await this.#picture(name);
    await this.#audit_keys();
    await this.#audit_words();
    try {
      await this.#audit_focus();
      for (const scheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme: scheme });
        await this.#audit_access(scheme);
      }
      await this.#picture(`${name}-dark`);
      await page.emulateMedia({ colorScheme: "light" });
      await this.#audit_width();
      await page.setViewportSize(NARROW);
      await this.#audit_width();
      await this.#picture(`${name}-narrow`);
      await this.#audit_print(name);
    } finally {
      await page.emulateMedia({ media: "screen", colorScheme: "light" });
      await page.setViewportSize(SCREEN);
    }
    assert.deepEqual([...this.requested], [new URL(page.url()).host], "requests leave for other hosts");
    assert.deepEqual(this.complaints, [], "the browser complains");
  }

  async #picture(name) {
    if (this.pictures === undefined) return;
    mkdirSync(this.pictures, { recursive: true });
    await this.page.screenshot({ path: join(this.pictures, `${name}.png`) });
  }

  async #audit_access(scheme) {
    await this.page.evaluate(AXE);
    const found = await this.page.evaluate(async () => {
      const { violations } = await window.axe.run(document, { rules: { "target-size": { enabled: true } } });
      return violations.map(({ id, impact, nodes }) => ({ id, impact, where: nodes.map((node) => node.html) }));
    });
    const grave = found.filter(({ impact }) => impact === "serious" || impact === "critical");
    assert.deepEqual(grave, [], `axe on ${this.page.url()}, ${scheme}`);
  }

  /** Every stop of the Tab key shows that it has the focus, inside the window. */
  async #audit_focus() {
    const { page } = this;
    await page.evaluate(() => {
      document.activeElement.blur();
      window.getSelection().removeAllRanges();
      window.scrollTo(0, 0);
    });
    let stops = 0;
    for (; stops < TAB_STOPS_MAX; stops += 1) {
      await page.keyboard.press("Tab");
      const stop = await page.evaluate(() => {
        const element = document.activeElement;
        if (element === document.body || element === null || element.dataset.visited) return null;
        element.dataset.visited = "yes";
        const { outlineStyle, outlineWidth } = getComputedStyle(element);
        const { top, left, width, height } = element.getBoundingClientRect();
        const inside = top >= 0 && left >= 0 && top < innerHeight && left < innerWidth && width > 0 && height > 0;
        return { html: element.outerHTML.slice(0, 120), outlineStyle, outlineWidth: parseFloat(outlineWidth), inside };
      });
      if (stop === null) break;
      assert.ok(stop.inside, `out of sight when it has the focus: ${stop.html}`);
      assert.ok(stop.outlineStyle !== "none" && stop.outlineWidth >= 2, `no visible focus: ${stop.html}`);
    }
    assert.ok(stops > 0, "the keyboard reaches nothing");
  }

  /** No key does two things. */
  async #audit_keys() {
    const keys = await this.page.evaluate(() =>
      [...document.querySelectorAll("[data-key]")].map((bearer) => bearer.dataset.key));
    assert.equal(new Set(keys).size, keys.length, `a key stands twice on ${this.page.url()}: ${keys}`);
  }

  /** No word stands there by its name, as one does that a language lacks. */
  async #audit_words() {
    const named = await this.page.evaluate(() => {
      const texts = document.evaluate("//body//text()[not(ancestor::script)] | //@aria-label | //@placeholder | //@alt", document);
      const found = [];
      for (let node = texts.iterateNext(); node !== null; node = texts.iterateNext()) found.push(node.textContent.trim());
      return found.filter((text) => /^[a-z]+(-[a-z_0-9]+)+$/.test(text));
    });
    assert.deepEqual(named, [], `names of words on ${this.page.url()}`);
  }

  async #audit_width() {
    const { scrolled, shown } = await this.page.evaluate(() => {
      const { scrollWidth, clientWidth } = document.documentElement;
      return { scrolled: scrollWidth, shown: clientWidth };
    });
    assert.ok(scrolled <= shown, `${this.page.url()} scrolls sideways: ${scrolled} of ${shown} px`);
  }

  /** On paper there are the contents and no navigation, black on white, within the sheet. */
  async #audit_print(name) {
    const { page } = this;
    await page.emulateMedia({ media: "print", colorScheme: "dark" });
    const seen = await page.evaluate(() => ({
      navigation: document.querySelector("nav").getClientRects().length,
      contents: document.querySelector("main").innerText.trim().length,
      ink: getComputedStyle(document.body).color,
    }));
    const sheet = await page.pdf({ format: "A4", path: this.pictures && join(this.pictures, `${name}.pdf`) });
    assert.equal(seen.navigation, 0, "the navigation is printed");
    assert.ok(seen.contents > 0, "nothing is printed");
    assert.equal(seen.ink, "rgb(0, 0, 0)", "it is not printed in black");
    assert.equal(sheet.subarray(0, 5).toString(), "%PDF-", "it does not print");
  }
}
