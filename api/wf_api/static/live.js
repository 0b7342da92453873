// Keeps the page true: the server sends its content again whenever it has changed. A tab that nobody looks at lets go:
// a browser has six connections to a server, and six tabs would keep the seventh waiting.
import { morph } from "./morph.js";

const sign = document.getElementById("live");
const words = document.getElementById("live-text");
const longest = 30_000;
let source = null;
let later = 0; // the timer of the next attempt
let wait = 1000;
let held = null; // news that must not be shown yet

function show(text, lost) {
  sign.hidden = false;
  sign.classList.toggle("lost", lost);
  if (words.textContent !== text) words.textContent = text;
}

function askToLogIn() {
  const link = document.createElement("a");
  link.href = location.href; // which leads to the login, and from there back
  link.textContent = "log in again";
  show("", true);
  words.replaceChildren(link);
}

function open() {
  const page = location.pathname + location.search.replace(/([?&])said=[^&]*&?/, "$1").replace(/[?&]$/, "");
  source = new EventSource(`/live?page=${encodeURIComponent(page)}`);
  source.addEventListener("open", () => {
    wait = 1000;
    show("live", false);
  });
  source.addEventListener("error", () => {
    show("not live", true);
    // A connection that is lost, the browser opens again; after an answer that is no stream, it never does.
    if (source?.readyState === EventSource.CLOSED) again();
  });
  source.addEventListener("gone", (event) => {
    close();
    if (JSON.parse(event.data).why === "login") askToLogIn();
    else show("this page is gone", true);
  });
  source.addEventListener("trouble", (event) => show(`not live: ${JSON.parse(event.data).why}`, true));
  source.addEventListener("page", (event) => {
    held = event.data;
    release();
  });
}

function again() {
  close();
  later = setTimeout(look, wait);
  wait = Math.min(wait * 2, longest);
}

function close() {
  clearTimeout(later);
  source?.close();
  source = null;
}

function look() {
  if (document.hidden) close();
  else if (!source) open();
}

// Rows that somebody has ticked must not leave under their hands: the list stands still until nothing is ticked.
function release() {
  if (held === null) return;
  if (document.querySelector("main .tick :checked")) {
    show("news wait: rows are ticked", false);
    return;
  }
  const next = new DOMParser().parseFromString(JSON.parse(held), "text/html").querySelector("main");
  const main = document.getElementById("main");
  const said = main.querySelector(":scope > .said");
  if (said && !next.querySelector(":scope > .said")) next.prepend(said.cloneNode(true));
  held = null;
  morph(main, next);
  show("live", false);
  document.dispatchEvent(new CustomEvent("changed"));
}

export function follow() {
  if (!sign || document.querySelector("main [data-still-page]")) return;
  document.addEventListener("visibilitychange", look);
  document.addEventListener("change", release);
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", look);
  look();
}
