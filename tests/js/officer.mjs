// An officer at the keyboard of an enrolled laptop, out of coverage.

/** The officer at the keyboard, whose keys are counted. */
export class Officer {
  constructor(reader) {
    this.reader = reader;
    this.page = reader.page;
    this.keys = 0;
  }

  async type(text) {
    this.keys += text.length;
    await this.page.keyboard.type(text);
  }

  async press(key) {
    this.keys += 1;
    await this.page.keyboard.press(key);
  }

  /** Presses a key that leads to another page, and waits for it. */
  async go(key, place) {
    const arrives = this.page.waitForURL(place);
    await this.press(key);
    await arrives;
    await this.page.waitForLoadState();
  }

  /** Writes into a field, wherever the focus is. */
  async fill(name, text) {
    await this.page.locator(`#${name}`).focus();
    await this.page.locator(`#${name}`).press("Control+a");
    await this.type(text);
  }

  /** Presses a key that leads to a page, perhaps to the same one. */
  async next(key = "Enter") {
    const arrives = this.page.waitForEvent("load");
    await this.press(key);
    await arrives;
  }

  /** Presses the first button of a name, and waits for the page that follows. */
  async button(name, root = this.page) {
    await Promise.all([this.page.waitForEvent("load"), root.getByRole("button", { name }).first().press("Enter")]);
  }

  /** Presses the first link of a name, and waits for the page that follows. */
  async link(name, root = this.page) {
    await Promise.all([this.page.waitForEvent("load"), root.getByRole("link", { name }).first().press("Enter")]);
  }

  /** What the page bears on paper. */
  async paper() {
    await this.page.emulateMedia({ media: "print" });
    const text = await this.text();
    await this.page.emulateMedia({ media: "screen" });
    return text;
  }

  /** Reconciles on the page of the exchange, to a good end. */
  async reconcile(site) {
    await this.reader.go(`${site}/sync`);
    // An earlier one that ended well is told there already.
    const seen = await this.page.locator("#progress").getAttribute("data-seen");
    await this.page.keyboard.press("Alt+s");
    await this.ended(seen);
  }

  /** Waits until the page of the exchange tells by itself that one ended well after the one it told of before. */
  async ended(seen) {
    await this.page.locator(`#progress:not([data-seen="${seen}"])`).waitFor({ state: "attached" });
    await this.page.locator("[role=status].good").waitFor();
  }

  /** What has the focus once the page is drawn: not before is it given to what asks for it. */
  focus() {
    return this.page.evaluate(async () => {
      await new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)));
      return document.activeElement.id;
    });
  }

  text() {
    return this.page.locator("main").innerText();
  }
}

/** A hub of the district, stopped again, with a laptop of V01 enrolled: where the hub listened. */
export async function prepare(programs) {
  programs.ask("hub-server", "hub", ["init", "--district", "53.02"]);
  const loopback = "127.0.0.1:0";
  const hub = await programs.start("hub-server", "hub", ["run", "--listen", loopback, "--web", loopback]);
  const [{ ticket }] = programs.ask("hub-server", "hub", ["invite", "--unit", "V01"]);
  programs.ask("van-agent", "van", ["enroll", ticket]);
  await hub.stop();
  return hub.ready.quic;
}

/** Starts the laptop's program. */
export const start = (programs) => programs.start("van-agent", "van", ["run", "--web", "127.0.0.1:0"]);
