// Makes one element like another with as few changes as possible, so that focus, selection, scrolling, what was typed and
// what was opened stay as they are. Elements with an id are found again wherever they stand among their siblings.

const mine = (element) => element.matches("[data-still], dialog");

// Not `node.id`: of a form that has a field of this name, that is the field.
const id = (node) => node.getAttribute?.("id") ?? "";

function same(a, b) {
  return a.nodeType === b.nodeType && a.nodeName === b.nodeName && id(a) === id(b);
}

function attributes(from, to) {
  for (const { name } of [...from.attributes]) {
    const reader = name === "open" || (name === "class" && from.classList.contains("at"));
    if (!to.hasAttribute(name) && !reader) from.removeAttribute(name);
  }
  for (const { name, value } of [...to.attributes]) {
    const next = name === "class" && from.classList.contains("at") ? `${value} at` : value;
    if (from.getAttribute(name) !== next) from.setAttribute(name, next);
  }
}

function children(from, to) {
  // What leaves goes first: else all that stands behind it would have to be moved, and what is moved loses the focus.
  const wantedIds = new Set([...to.children].map(id));
  for (const child of [...from.children]) if (id(child) && !wantedIds.has(id(child))) child.remove();
  const known = new Map([...from.children].filter(id).map((child) => [id(child), child]));
  let here = from.firstChild;
  for (const wanted of [...to.childNodes]) {
    let found = id(wanted) ? known.get(id(wanted)) : null;
    if (found && !same(found, wanted)) found = null;
    if (!found && here && same(here, wanted)) found = here;
    if (!found) {
      from.insertBefore(document.importNode(wanted, true), here);
      continue;
    }
    if (found === here) here = here.nextSibling;
    else from.insertBefore(found, here);
    become(found, wanted);
  }
  while (here) {
    const next = here.nextSibling;
    here.remove();
    here = next;
  }
}

function become(from, to) {
  if (from.nodeType !== Node.ELEMENT_NODE) {
    if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue;
    return;
  }
  if (mine(from)) return;
  if (from.nodeName === "TIME" && from.dateTime === to.dateTime) return; // its text is ours, see times.js
  attributes(from, to);
  children(from, to);
}

export function morph(from, to) {
  const focused = document.activeElement;
  become(from, to);
  if (focused !== document.activeElement && focused?.isConnected) focused.focus({ preventScroll: true }); // it was moved
}
