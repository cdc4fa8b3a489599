// Alt and a letter do what bears the letter on this page, Escape what bears it; F1, or a question mark outside of
// inputs, tells which there are.
// Without this file everything is still reached by Tab and Enter.

const bearers = () => [...document.querySelectorAll("[data-key]")].filter((bearer) => !bearer.hidden);
const overlay = document.getElementById("keys");
const list = document.getElementById("keys-list");
const own = list.innerHTML;
const opener = document.getElementById("keys-open");
opener.hidden = false;
opener.addEventListener("click", tell);

function tell() {
  list.innerHTML = own;
  for (const bearer of bearers()) {
    const [term, text] = [document.createElement("dt"), document.createElement("dd")];
    const key = document.createElement("kbd");
    key.textContent = bearer.dataset.key === "Escape" ? "Esc" : `Alt+${bearer.dataset.key.toUpperCase()}`;
    term.append(key);
    // What a closed part of the menu bears is told too.
    text.textContent = (bearer.dataset.says ?? bearer.textContent).replace(key.textContent, "").trim();
    list.append(term, text);
  }
  overlay.showModal();
}

addEventListener("keydown", (event) => {
  if (event.altKey && !event.ctrlKey && !event.metaKey) {
    const letter = event.code.startsWith("Key") ? event.code.slice(3).toLowerCase() : event.key;
    const bearer = bearers().find(({ dataset }) => dataset.key === letter);
    if (bearer === undefined) return;
    event.preventDefault();
    bearer.click();
  } else if (event.key === "Escape" && !document.querySelector("dialog[open]")) {
    bearers().find(({ dataset }) => dataset.key === "Escape")?.click();
  } else if (event.key === "F1" || (event.key === "?" && !event.target.matches("input, select, textarea"))) {
    event.preventDefault();
    tell();
  }
});
