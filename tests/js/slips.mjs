// Slips on paper, without network: printing is asked after and never waited for, a second one is a copy, a corrected
// case wants a new one, a slip is verified by scanning and by photo, and emergency sheets keep their numbers.
// Begun as journey.mjs says.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { check, play } from "./journey.mjs";
import { prepare } from "./officer.mjs";
import { launch, Reader } from "./reader.mjs";

const MILLIMETRE_POINTS = 72 / 25.4;
/** Pixels of what the camera sees. */
const FILM = { width: 640, height: 480 };
const WIDTHS = { 58: 58, 80: 80, a5: 148 };

function line(fields) {
  return JSON.stringify({ name: "O'a Mate", sex: "P", service: "DUK-LAHIR", village: "53.02.01.1001",
    status: "received", officer: "Yefta Nabuasa", started: "2026-11-21T09:00:00+08:00", consent: true, ...fields });
}

/** The first page of what is printed: its width in millimetres, and how many pages there are. */
async function printed(page) {
  await page.emulateMedia({ media: "print" });
  const sheet = (await page.pdf({ preferCSSPageSize: true })).toString("latin1");
  await page.emulateMedia({ media: "screen" });
  const [, width] = /\/MediaBox \[0 0 ([\d.]+) [\d.]+\]/.exec(sheet);
  return { width: Number(width) / MILLIMETRE_POINTS, pages: sheet.match(/\/Type \/Page\b/g).length };
}

/** The stamp of the slip that is shown, on white, as a camera's picture without colours: a byte a pixel. */
async function luma(page) {
  const text = await page.evaluate(async ({ width, height }) => {
    const svg = document.querySelector("svg.stamp");
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const pen = canvas.getContext("2d");
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, width, height);
    pen.fillStyle = "#000";
    const [, , side] = svg.getAttribute("viewBox").split(" ").map(Number);
    const scale = Math.floor((height * 0.9) / side);
    pen.translate((width - side * scale) / 2, (height - side * scale) / 2);
    pen.scale(scale, scale);
    for (const path of svg.querySelectorAll("path")) pen.fill(new Path2D(path.getAttribute("d")));
    const { data } = pen.getImageData(0, 0, width, height);
    return Array.from({ length: width * height }, (_, at) => String.fromCharCode(data[at * 4])).join("");
  }, FILM);
  return Buffer.from(text, "latin1");
}

/** A film of one picture, as YUV4MPEG2. */
function filmed(luma) {
  const { width, height } = FILM;
  const grey = Buffer.alloc((width * height) / 2, 128);
  const head = `YUV4MPEG2 W${width} H${height} F5:1 Ip A1:1 C420jpeg\n`;
  const frames = Array.from({ length: 5 }, () => [Buffer.from("FRAME\n"), luma, grey]).flat();
  return Buffer.concat([Buffer.from(head), ...frames]);
}

async function day(programs, browser, pictures) {
  await prepare(programs);
  const van = await programs.start("van-agent", "van", ["run", "--web", "127.0.0.1:0"]);
  const site = new URL(van.ready.url).origin;
  const reader = await Reader.open(browser, pictures);
  const { page } = reader;
  const ask = (...parts) => programs.ask("van-agent", "van", parts);
  const record = (fields) =>
    programs.ask("van-agent", "van", ["record", "--file", "-"], { input: line(fields) }).find((row) => row.slip);
  const main = () => page.locator("main").innerText();
  const onPaper = async () => {
    await page.emulateMedia({ media: "print" });
    const text = await main();
    await page.emulateMedia({ media: "screen" });
    return text;
  };
  const unprinted = () => ask("slip", "unprinted").filter((row) => row.slip).map((row) => row.slip);
  const to = async (place, act) => {
    // The page may be the same one again, so its address alone tells nothing.
    const arrives = page.waitForEvent("load");
    await act();
    await arrives;
    await page.waitForURL(place);
  };
  const press = (key, place) => to(place, () => page.keyboard.press(key));
  // Without a printer the dialog ends at once.
  await page.addInitScript("window.print = () => {}");
  let case_;
  let old;

  await check("what is saved waits for paper, and every page says so", async () => {
    await reader.go(van.ready.url);
    case_ = record({});
    assert.deepEqual(unprinted(), [case_.slip]);
    await reader.go(`${site}/`);
    assert.match(await page.locator("header").innerText(), /Belum tercetak 1/);
    await press("Alt+i", "**/slips");
    assert.ok((await main()).includes(case_.slip));
    await reader.audit("slips-id", "id");
    await press("Alt+p", "**/saved/*");
  });
  await check("the slip is plain, says what counts, and is asked after when it was printed", async () => {
    const text = await onPaper();
    assert.match(text, /TERCATAT, belum TERDAFTAR/);
    assert.match(text, /gratis, tidak dipungut biaya/);
    assert.match(text, /Yefta Nabuasa/);
    assert.match(text, /21 November 2026 · 09\.00 WITA/);
    assert.doesNotMatch(text, /SALINAN|PENGGANTI|Kertas keluar/);
    assert.equal(await page.locator("svg.stamp").count(), 1);
    assert.equal(await page.locator("#came-out").isVisible(), false, "nothing is asked before it is printed");
    await reader.audit("saved-id", "id");
    await page.keyboard.press("Alt+p");
    assert.match(await page.locator("#came-out").innerText(), /Kertas keluar\?/);
    assert.deepEqual(unprinted(), [case_.slip], "pressing print alone prints nothing");
    await reader.audit("saved-asked-id", "id");
    await page.keyboard.press("Alt+p");
    await press("Enter", "**/saved/*");
    assert.deepEqual(unprinted(), []);
    assert.doesNotMatch(await page.locator("header").innerText(), /Belum tercetak/);
  });
  await check("only what came out before is a copy", async () => {
    assert.match(await onPaper(), /SALINAN/);
    old = ask("slip", "show", case_.slip)[0];
    assert.equal(old.copies, 1);
    assert.match(await page.locator("svg.stamp path").getAttribute("d"), /^M4 4h7v1h-7z/);
  });
  await check("58 mm, 80 mm and A5 are as wide as they should be, and the stamp keeps its size", async () => {
    // Thermal printers have 203 dots an inch, about twice those of a screen.
    const dots = await browser.newContext({ deviceScaleFactor: 2, storageState: await page.context().storageState() });
    const printer = await dots.newPage();
    await printer.emulateMedia({ media: "print" });
    for (const [paper, width] of Object.entries(WIDTHS)) {
      ask("settings", "set", "paper", paper);
      await reader.go(`${site}/saved/${case_.case}`);
      const sheet = await printed(page);
      assert.ok(Math.abs(sheet.width - width) < 1, `${paper}: ${JSON.stringify(sheet)}`);
      assert.equal(sheet.pages, 1, paper);
      await page.emulateMedia({ media: "print" });
      const side = await page.locator("svg.stamp").evaluate((stamp) => stamp.getBoundingClientRect().width);
      const scrolled = await page.evaluate(() => document.querySelector(".slip-paper").scrollWidth <=
        document.querySelector(".slip-paper").clientWidth + 1);
      await page.emulateMedia({ media: "screen" });
      const millimetres = side / (96 / 25.4);
      assert.ok(millimetres >= 35 && millimetres <= 48, `${paper}: the stamp has ${millimetres} mm`);
      assert.ok(scrolled, `${paper}: something is wider than the paper`);
      const photo = join(programs.root, `${paper}.png`);
      await printer.goto(page.url());
      const out = await printer.locator(".slip-paper").evaluate((slip) => [...slip.querySelectorAll("*")].filter(
        (part) => part.getBoundingClientRect().right > slip.getBoundingClientRect().right + 1).map((part) => part.outerHTML));
      await printer.locator("svg.stamp").screenshot({ path: photo });
      assert.deepEqual(out, [], `${paper}: over the edge`);
      assert.equal(ask("slip", "verify", "--image", photo)[0].verdict, "valid", paper);
    }
    await dots.close();
    ask("settings", "set", "paper", "80");
  });
  await check("a slip is true when it is scanned, and when it is photographed", async () => {
    await reader.go(`${site}/verify`);
    await page.locator("#scan:focus").waitFor();
    await page.keyboard.type(old.stamp);
    await press("Enter", "**/verify?*");
    assert.match(await main(), /ASLI/);
    assert.ok((await main()).includes(case_.slip));
    await reader.audit("verify-id", "id");
    await reader.go(`${site}/saved/${case_.case}`);
    const photo = join(programs.root, "slip.png");
    await page.locator("svg.stamp").screenshot({ path: photo });
    const [seen] = ask("slip", "verify", "--image", photo, "--name", "O'a Mate");
    assert.deepEqual([seen.verdict, seen.name_agrees], ["valid", true]);
    await reader.go(`${site}/verify`);
    await page.locator("#photo").setInputFiles(photo);
    await press("Alt+b", "**/verify");
    assert.match(await main(), /ASLI/);
    const none = join(programs.root, "none.png");
    writeFileSync(none, await page.locator("h1").screenshot());
    const refused = page.waitForResponse((answer) => answer.request().method() === "POST");
    await page.locator("#photo").setInputFiles(none);
    await page.keyboard.press("Alt+b");
    assert.equal((await refused).status(), 422);
    await page.waitForLoadState();
    assert.match(await page.locator("[role=alert]").innerText(), /Tidak ada QR di gambar ini/);
    reader.complaints.length = 0;
  });
  await check("a slip is true when it is held before the camera, and read without a press", async () => {
    const film = join(programs.root, "slip.y4m");
    await reader.go(`${site}/saved/${case_.case}`);
    writeFileSync(film, filmed(await luma(page)));
    const camera = await launch([`--use-file-for-fake-video-capture=${film}`]);
    try {
      const counter = await Reader.open(camera, pictures);
      // The browser's own reader of barcodes is not everywhere: here the program reads.
      await counter.page.addInitScript("delete globalThis.BarcodeDetector");
      await counter.go(van.ready.url);
      await counter.go(`${site}/verify`);
      await counter.page.keyboard.press("Alt+k");
      await counter.page.waitForURL("**/verify?*");
      assert.match(await counter.page.locator("main").innerText(), /ASLI/);
      assert.ok((await counter.page.locator("main").innerText()).includes(case_.slip));
      assert.deepEqual(counter.complaints, []);
    } finally {
      await camera.close();
    }
  });
  await check("where the browser reads barcodes itself, what it reads goes into the field and is looked up", async () => {
    const film = join(programs.root, "grey.y4m");
    writeFileSync(film, filmed(Buffer.alloc(FILM.width * FILM.height, 128)));
    const camera = await launch([`--use-file-for-fake-video-capture=${film}`]);
    try {
      const counter = await Reader.open(camera, pictures);
      const asked = [];
      counter.page.on("request", (request) => asked.push(`${request.method()} ${new URL(request.url()).pathname}`));
      await counter.page.addInitScript((stamp) => {
        globalThis.BarcodeDetector = class {
          static getSupportedFormats = async () => ["qr_code"];
          detect = async (picture) => (picture.width > 0 ? [{ rawValue: stamp }] : []);
        };
      }, old.stamp);
      await counter.go(van.ready.url);
      for (const [path, place] of [["/verify", "**/verify?*"], ["/handover", "**/handover?q=*"]]) {
        await counter.go(`${site}${path}`);
        await counter.page.keyboard.press("Alt+k");
        await counter.page.waitForURL(place);
        assert.ok(counter.page.url().includes(encodeURIComponent(old.stamp)), "all of it came into the field");
      }
      assert.equal(asked.includes("POST /verify/frame"), false, "the program is not asked to read");
      assert.deepEqual(counter.complaints, []);
    } finally {
      await camera.close();
    }
  });
  await check("where a camera fails or there is none, the page says what else to do, and shows no dead button", async () => {
    for (const without of ["navigator.mediaDevices.getUserMedia = async () => { throw new Error('none'); }",
      "Object.defineProperty(navigator, 'mediaDevices', { value: undefined })"]) {
      const counter = await Reader.open(browser, pictures);
      await counter.page.addInitScript(without);
      await counter.go(van.ready.url);
      for (const path of ["/verify", "/handover"]) {
        await counter.go(`${site}${path}`);
        await counter.page.keyboard.press("Alt+k");
        await counter.page.locator("main [role=status]", { hasText: "Kamera tidak dapat dipakai: ketik nomornya" }).waitFor();
        assert.equal(await counter.page.locator("[data-scan]").count(), 0, path);
      }
      assert.deepEqual(counter.complaints, []);
      await counter.context.close();
    }
  });
  await check("a corrected case wants a new slip, which replaces the old one", async () => {
    ask("amend", case_.slip, "--set", "name=O'a Matte", "--reason", "salah eja");
    assert.deepEqual(unprinted(), [case_.slip]);
    await reader.go(`${site}/saved/${case_.case}`);
    const text = await onPaper();
    assert.match(text, /PENGGANTI tanda terima ke-1/);
    assert.doesNotMatch(text, /SALINAN/);
    await reader.go(`${site}/verify?slip=${old.stamp}`);
    assert.match(await main(), /DIGANTI/);
    await reader.audit("verify-replaced-id", "id");
    await reader.speak("en");
    await page.waitForLoadState();
    await reader.go(`${site}/slips`);
    await reader.audit("slips-en", "en");
    await page.locator("input[name=case]").press("Space");
    await press("Alt+s", "**/slips");
    assert.deepEqual(unprinted(), []);
    await reader.speak("id");
    await page.waitForLoadState();
  });
  await check("a slip with a wrong character is none", async () => {
    const wrong = old.stamp.slice(0, -1) + (old.stamp.endsWith("7") ? "8" : "7");
    const answered = page.waitForResponse((answer) => answer.url().includes("/verify?"));
    await page.goto(`${site}/verify?slip=${wrong}`);
    assert.equal((await answered).status(), 422);
    assert.equal((await page.locator("[role=alert]").innerText()).match(/pindai/gi).length, 1, "it is said once");
    reader.complaints.length = 0;
  });
  await check("what was corrected while its slip came out is still to be printed", async () => {
    const one = record({ name: "Sementara" });
    await reader.go(`${site}/saved/${one.case}`);
    ask("amend", one.slip, "--set", "name=Sementara Lagi", "--reason", "salah eja");
    await page.keyboard.press("Alt+p");
    await press("Enter", "**/saved/*");
    assert.deepEqual(unprinted(), [one.slip]);
    ask("slip", "printed", one.slip);
    assert.deepEqual(unprinted(), []);
  });
  await check("one paper bears all numbers of a sitting", async () => {
    const family = ["DUK-KK", "DUK-KIA", "BPJ-DATA"].map((service, index) =>
      record({ service, encounter: "family", name: `Anak ${index}`, status: "incomplete" }));
    await reader.go(`${site}/saved/${family[2].case}`);
    await press("Alt+j", "**/saved/*family=true");
    const text = await onPaper();
    for (const { slip } of family) assert.ok(text.includes(slip), `${slip}\n${text}`);
    assert.match(text, /Yang masih harus dibawa/);
    assert.equal(await page.locator(".slip-paper").count(), 1);
    assert.equal(await page.locator("svg.stamp").count(), 3);
    await reader.audit("family-id", "id");
  });
  await check("emergency sheets have numbers that nobody else gets, and are entered once, with the paper's time", async () => {
    await reader.go(`${site}/sheets`);
    await reader.audit("sheets-id", "id");
    await page.locator("#count").fill("2");
    await press("Enter", "**/sheets/*");
    assert.equal(await page.locator(".sheet-paper").count(), 2);
    assert.equal(await page.locator("svg.stamp").count(), 2);
    await reader.audit("sheets-paper-id", "id");
    assert.equal((await printed(page)).pages, 2);
    const [first, second] = ask("sheet", "list").filter((row) => row.sheet).map((row) => row.sheet);
    assert.ok(![first, second].includes(record({ name: "Lain" }).slip));
    await reader.go(`${site}/record?sheet=${first}`);
    await page.locator("#name").fill("Dari Kertas");
    await page.locator("#sex").selectOption("L");
    await page.locator("#born").fill("1980");
    await page.locator("#village").fill("53.02.01.1001");
    await page.locator("#add").fill("DUK-KK");
    await page.locator("#officer").fill("Yefta Nabuasa");
    for (const [typed, told] of [["2099-12-25T10:30", /belum lewat/], ["1999-11-20T10:30", /60 hari/]]) {
      await page.locator("#started").fill(typed);
      await press("Alt+s", "**/record?form=*&at=started");
      assert.match(await page.locator("#started-odd").innerText(), told);
      assert.equal(await page.locator("#started").inputValue(), typed);
    }
    await reader.audit("sheet-odd-id", "id");
    await press("Alt+s", "**/saved/*");
    const [odd] = ask("case", "show", first);
    assert.deepEqual([odd.started, "started_long_ago" in odd.warnings], ["1999-11-20T10:30:00+08:00", true]);
    await reader.go(`${site}/correct/${odd.case}`);
    assert.equal(await page.getByLabel("Tanggal dan jam di kertas").inputValue(), "1999-11-20T10:30");
    await page.locator("#started").fill("2026-11-20T10:30");
    await page.locator("#reason").fill("salah tahun");
    await press("Alt+s", "**/saved/*");
    const [shown] = ask("case", "show", first);
    assert.ok(!("started_long_ago" in shown.warnings));
    assert.deepEqual([shown.slip, shown.channel, shown.started], [first, "paper", "2026-11-20T10:30:00+08:00"]);
    await reader.go(`${site}/case/${shown.case}`);
    assert.match(await main(), /dari kertas/);
    programs.ask("van-agent", "van", ["record", "--file", "-"], { input: line({ sheet: first }), exit: 1 });
    const ordinary = record({ name: "Tanpa Lembar" }).slip;
    for (const [number, told] of [[first, /sudah dimasukkan/], [ordinary, /tanpa lembar darurat/],
      ["53.02/V01A/20200102/0042-E", /huruf terakhirnya/]]) {
      await reader.go(`${site}/record?sheet=${number}`);
      for (const [field, text] of Object.entries({ name: "Dari Kertas Dua", born: "1981", village: "53.02.01.1001",
        add: "DUK-KK", started: "2026-11-20T10:30", officer: "Yefta Nabuasa" })) await page.locator(`#${field}`).fill(text);
      await page.locator("#sex").selectOption("L");
      const answered = page.waitForResponse((answer) => answer.request().method() === "POST" && answer.url().endsWith("/record"));
      await page.keyboard.press("Alt+s");
      assert.equal((await answered).status(), 422);
      await page.getByText(told).waitFor();
    }
    reader.complaints.length = 0;
    await reader.go(`${site}/sheets`);
    assert.match(await main(), /1 lembar belum dimasukkan/);
    await reader.audit("sheets-entered-id", "id");
  });
  assert.deepEqual(reader.complaints, []);
  await reader.context.close();
  await van.stop();
}

await play(day);
