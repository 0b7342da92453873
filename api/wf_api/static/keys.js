// Moves through a page by keys. `?` shows them; whoever types into a field is left alone.

const places = { w: "/", a: "/attention", m: "/activity", j: "/jobs" };
let afterG = 0;

// What stands for a row: the link in its head, or else what can be seen of others. A link in a closed <details> takes no
// focus.
function mark(row) {
  const found = [...row.querySelectorAll("th a"), ...row.querySelectorAll("a, summary")];
  return found.find((element) => element.checkVisibility());
}

function move(by) {
  const rows = [...document.querySelectorAll("main tbody tr")].filter(mark);
  if (!rows.length) return;
  const at = rows.findIndex((row) => row.classList.contains("at"));
  const next = rows[Math.min(Math.max(at + by, 0), rows.length - 1)];
  rows[at]?.classList.remove("at");
  next.classList.add("at");
  mark(next).focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
}

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]") || document.querySelector("dialog[open]")) return;
  if (Date.now() - afterG < 1000 && places[event.key]) {
    location.assign(places[event.key]);
    return;
  }
  const acts = {
    j: () => move(1),
    k: () => move(-1),
    x: () => document.querySelector("main tr.at input[type=checkbox]")?.click(),
    g: () => { afterG = Date.now(); },
    "/": () => document.querySelector("[data-search]")?.focus(),
    "?": () => document.getElementById("keys")?.showModal(),
  };
  if (!acts[event.key]) return;
  if (event.key !== "g") event.preventDefault();
  acts[event.key]();
}

export function listen() {
  const button = document.getElementById("show-keys");
  if (!button) return;
  button.hidden = false;
  button.addEventListener("click", () => document.getElementById("keys").showModal());
  document.addEventListener("keydown", press);
}
