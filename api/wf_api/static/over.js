// Opens the page of a link with data-over in a dialog over this one: forms of actions, and details in a drawer. The link is
// a page of its own, so that it works in a new tab, and without this script.

let untouched = "";

function fill(dialog, main, drawer) {
  const close = document.createElement("form");
  close.method = "dialog";
  close.className = "close";
  close.innerHTML = '<button class="quiet" aria-label="Close">✕</button>';
  dialog.classList.toggle("drawer", drawer);
  dialog.replaceChildren(close, ...main.childNodes);
  const title = dialog.querySelector("h1");
  if (title) dialog.setAttribute("aria-label", title.textContent.trim());
}

// What stands in the fields of the dialog, to see whether somebody has filled anything in.
function filled(dialog) {
  return [...dialog.querySelectorAll("form")].map((form) => new URLSearchParams(new FormData(form)).toString()).join("\n");
}

function isOutside(dialog, event) {
  const { left, right, top, bottom } = dialog.getBoundingClientRect(); // its padding belongs to it
  return event.target === dialog && (event.clientX < left || event.clientX > right || event.clientY < top || event.clientY > bottom);
}

async function open(link, dialog) {
  const answer = await fetch(link.href, { headers: { Accept: "text/html" } });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const main = page.querySelector("main");
  if (!main || new URL(answer.url).pathname === "/login") {
    location.assign(link.href);
    return;
  }
  fill(dialog, main, link.dataset.over === "drawer");
  untouched = filled(dialog);
  if (!dialog.open) dialog.showModal();
  (dialog.querySelector("form:not(.close) :is(input:not([type=hidden]), select, textarea), button.main") ?? dialog).focus();
  document.dispatchEvent(new CustomEvent("changed"));
}

export function openOver() {
  const dialog = document.getElementById("over");
  if (!dialog) return;
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-over]");
    const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    if (!link || !plain) return;
    event.preventDefault();
    open(link, dialog).catch(() => location.assign(link.href));
  });
  // A click beside it closes it: one that has begun there, too, and is no text that was marked too far.
  let begun = false;
  dialog.addEventListener("pointerdown", (event) => { begun = isOutside(dialog, event); });
  dialog.addEventListener("click", (event) => {
    const left = event.target.closest?.("a[data-cancel]");
    if (left) event.preventDefault();
    if (left || (begun && isOutside(dialog, event) && filled(dialog) === untouched)) dialog.close();
  });
  dialog.addEventListener("close", () => dialog.replaceChildren());
}
