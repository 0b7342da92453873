// Keeps the page true: the server sends its content again whenever it has changed. A tab that nobody looks at lets go:
// a browser has six connections to a server, and six tabs would keep the seventh waiting.
import { morph } from "./morph.js";

const sign = document.getElementById("live");
const words = document.getElementById("live-text");
let source = null;

function show(text, lost) {
  sign.hidden = false;
  sign.classList.toggle("lost", lost);
  if (words.textContent !== text) words.textContent = text;
}

function open() {
  const page = location.pathname + location.search.replace(/([?&])said=[^&]*&?/, "$1").replace(/[?&]$/, "");
  source = new EventSource(`/live?page=${encodeURIComponent(page)}`);
  source.addEventListener("open", () => show("live", false));
  source.addEventListener("error", () => show("not live", true));
  source.addEventListener("gone", () => {
    close();
    show("this page is gone", true);
  });
  source.addEventListener("page", (event) => {
    const next = new DOMParser().parseFromString(JSON.parse(event.data), "text/html").querySelector("main");
    const main = document.getElementById("main");
    const said = main.querySelector(":scope > .said");
    if (said && !next.querySelector(":scope > .said")) next.prepend(said.cloneNode(true));
    morph(main, next);
    document.dispatchEvent(new CustomEvent("changed"));
  });
}

function close() {
  source?.close();
  source = null;
}

export function follow() {
  if (!sign || document.querySelector("main [data-still-page]")) return;
  const look = () => (document.hidden ? close() : source ?? open());
  document.addEventListener("visibilitychange", look);
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", look);
  look();
}
