// Keeps what is typed on a sheet while it is typed, and reads the NIK aloud to the eye. Without this file the page
// works as well: what was typed is then kept at every button.

const sheet = document.getElementById("sheet");
const words = document.getElementById("sheet-words").dataset;
const told = document.getElementById("kept");
const PAUSE_MS = 400;
const AGAIN_MS = 2000;
let timer;
// What was typed last stands on this page alone, and whether that is because no program answers.
let unkept = "onlyHere" in words;
let alone = false;
let dirty = unkept;
// What is being kept; a press that waits for it; and whether a press has taken all that is typed along.
let keeping;
let waits = false;
let gone = false;

function keep() {
  clearTimeout(timer);
  keeping ??= send().finally(() => (keeping = undefined));
  return keeping;
}

async function send() {
  if (!dirty || gone) return;
  dirty = false;
  const body = new URLSearchParams(new FormData(sheet));
  let says = words.unkept;
  try {
    const answer = await fetch(sheet.dataset.keep, { method: "POST", body, keepalive: true });
    unkept = !answer.ok;
    // A failure of the program's own comes with its reason, such as a full disk.
    alone = unkept && answer.status < 500;
    if (unkept && !alone) says = await answer.text();
  } catch {
    unkept = true;
    alone = true;
  }
  dirty ||= unkept;
  told.textContent = unkept ? says : words.kept;
  told.classList.toggle("open", unkept);
  // The program may be starting again, room be made, or somebody have typed on.
  clearTimeout(timer);
  if (dirty) timer = setTimeout(keep, unkept ? AGAIN_MS : PAUSE_MS);
}

sheet.addEventListener("input", () => {
  dirty = true;
  if (!unkept) told.textContent = "";
  clearTimeout(timer);
  timer = setTimeout(keep, PAUSE_MS);
});
// What was typed while the rest is being kept does not wait for that.
addEventListener("pagehide", send);
// The browser may show this page again as it was left.
addEventListener("pageshow", () => (gone = false));
// Nothing leaves this page for a program that is not there: what stands in its fields would be gone.
sheet.addEventListener("submit", async (event) => {
  if (gone) return;
  if (!unkept) {
    clearTimeout(timer);
    gone = true;
    return;
  }
  event.preventDefault();
  if (waits) return;
  waits = true;
  await keep();
  waits = false;
  if (alone) return;
  // A program that answers gives all that is typed back, with why it cannot be kept.
  gone = true;
  sheet.requestSubmit(event.submitter);
});
if (unkept) keep();

/** What the digits of a NIK say, or nothing. */
function decoded(digits) {
  if (digits.length < 12) return "";
  const number = (at) => Number(digits.slice(at, at + 2));
  const woman = number(6) > 40;
  const [day, month, year] = [number(6) - (woman ? 40 : 0), number(8), number(10)];
  const century = year <= new Date().getFullYear() % 100 ? 2000 : 1900;
  const date = new Date(Date.UTC(century + year, month - 1, day));
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return "";
  const format = new Intl.DateTimeFormat(words.lang, { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" });
  return `${woman ? words.p : words.l}, ${format.format(date)}`;
}

const nik = document.getElementById("nik");

// A scanner of barcodes is a keyboard that ends with Enter: 16 digits outside of text fields are a NIK, and that
// Enter presses nothing.
const TEXT_FIELD = "input:not([type=checkbox], [type=radio]), textarea";
const NIK_DIGITS = 16;
const BETWEEN_KEYS_MS_MAX = 500;
let scanned = "";
let scanned_at = 0;

function scan(event) {
  if (event.target.matches?.(TEXT_FIELD) || event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.timeStamp - scanned_at > BETWEEN_KEYS_MS_MAX) scanned = "";
  scanned_at = event.timeStamp;
  if (/^\d$/.test(event.key)) {
    scanned += event.key;
  } else if (event.key === "Enter" && scanned.length === NIK_DIGITS) {
    event.preventDefault();
    found(scanned);
    scanned = "";
  } else {
    scanned = "";
  }
}

function found(digits) {
  if (!nik) {
    told.textContent = words.taken;
    return;
  }
  nik.value = digits;
  sheet.querySelector("button.first").click();
}
addEventListener("keydown", scan, true);

if (nik) {
  const says = document.getElementById("nik-says");
  const hint = says.textContent;
  const look = () => {
    const digits = nik.value.replace(/\D/g, "");
    // Groups are for the eye; a caret in the middle is left alone.
    if (nik.selectionStart === nik.value.length) {
      nik.value = [digits.slice(0, 6), digits.slice(6, 12), digits.slice(12)].filter(Boolean).join(" ");
    }
    says.textContent = decoded(digits) || (digits.length === 0 ? hint : `${digits.length}/16`);
  };
  nik.addEventListener("input", look);
  if (nik.value !== "") look();
}
