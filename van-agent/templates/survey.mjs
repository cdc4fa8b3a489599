// In the grid of sheets a digit moves on to the next element, and a space, a zero or a hyphen leaves one out. Arrows go
// where they point; Enter goes to the next sheet. Without this file Tab does, and Enter saves.

const grid = document.getElementById("grid");
const rows = [...grid.tBodies[0].rows].map((row) => [...row.querySelectorAll("input")]);
const cells = rows.flat();
const across = rows[0].length;

function go(from, by) {
  const next = cells[cells.indexOf(from) + by];
  if (next === undefined) return;
  next.focus();
  next.select();
}

grid.addEventListener("input", ({ target }) => {
  if (/^[ 0-]$/.test(target.value)) target.value = "";
  else if (!/^[1-4]$/.test(target.value)) {
    target.value = "";
    return;
  }
  go(target, 1);
});

grid.addEventListener("keydown", (event) => {
  const { target, key } = event;
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across };
  if (key === "Enter") {
    event.preventDefault();
    const row = rows.findIndex((inputs) => inputs.includes(target));
    rows[row + 1]?.[0].focus();
  } else if (key in steps) {
    event.preventDefault();
    go(target, steps[key]);
  } else if (key === "Backspace" && target.value === "") {
    event.preventDefault();
    go(target, -1);
  }
});
