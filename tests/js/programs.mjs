// Starts the two programs in homes of their own and asks them for JSON.

import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";

const READY_MS_MAX = 30_000;
const END_MS_MAX = 10_000;

/** The programs of one folder, and all that was started from them. */
export class Programs {
  /** @param {string} folder holds `hub-server` and `van-agent` */
  constructor(folder) {
    this.folder = resolve(folder);
    for (const name of ["hub-server", "van-agent"]) {
      if (!existsSync(join(this.folder, name))) throw new Error(`there is no ${name} in ${this.folder}: build it first`);
    }
    this.root = mkdtempSync(join(tmpdir(), "keliling-pages-"));
    this.running = new Set();
  }

  /** Runs a command to its end: the JSON values that it printed. Fails if it exits other than with `exit`. */
  ask(program, home, parts, { input, exit = 0 } = {}) {
    const done = spawnSync(join(this.folder, program), [...this.#home(home), ...parts], { input, encoding: "utf8" });
    if (done.error) throw done.error;
    if (done.status !== exit) {
      throw new Error(`${program} ${parts.join(" ")} exited with ${done.status}:\n${done.stdout}${done.stderr}`);
    }
    return done.stdout.split("\n").filter(Boolean).map((line) => JSON.parse(line));
  }

  /** Starts a program that stays: what its first line said, and a way to end it. */
  async start(program, home, parts) {
    const child = spawn(join(this.folder, program), [...this.#home(home), ...parts], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.running.add(child);
    let log = "";
    child.stderr.setEncoding("utf8").on("data", (text) => (log += text));
    const ended = new Promise((settle) => child.once("exit", settle)).finally(() => this.running.delete(child));
    const first = new Promise((settle) => createInterface({ input: child.stdout }).once("line", settle));
    const line = await within(READY_MS_MAX, `${program} is ready`, Promise.race([first, ended]));
    if (typeof line !== "string") throw new Error(`${program} ended before it was ready:\n${log}`);
    const stop = () => {
      child.kill("SIGTERM");
      return within(END_MS_MAX, `${program} ends`, ended);
    };
    const kill = () => {
      child.kill("SIGKILL");
      return within(END_MS_MAX, `${program} is killed`, ended);
    };
    return { ready: JSON.parse(line), stop, kill };
  }

  /** A link of the test's own between the laptops and the hub: where it listens, and a way to command it. */
  async link() {
    const child = spawn(join(this.folder, "relay"), ["--target", "127.0.0.1:9"], { stdio: ["pipe", "pipe", "inherit"] });
    this.running.add(child);
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const answer = async (what) => JSON.parse((await within(READY_MS_MAX, what, lines.next())).value);
    const { addr } = await answer("the link is ready");
    const say = async (command) => {
      child.stdin.write(`${command}\n`);
      const said = await answer(command);
      if (said.ok !== true) throw new Error(`the link does not ${command}: ${said.error}`);
      return said;
    };
    const close = () => {
      this.running.delete(child);
      child.kill("SIGTERM");
    };
    return { at: addr, say, close };
  }

  /** Ends what still runs and removes the homes. */
  close() {
    for (const child of this.running) child.kill("SIGKILL");
    rmSync(this.root, { recursive: true, force: true, maxRetries: 5 });
  }

  #home(home) {
    return ["--home", join(this.root, home), "--json"];
  }
}

async function within(milliseconds, what, promise) {
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(`not within ${milliseconds} ms: ${what}`)), milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
