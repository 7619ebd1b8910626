// Building and changing the page. Nothing here turns text into markup: what a clip says stays text, whatever it says.

const SVG = "http://www.w3.org/2000/svg";

export const $ = (query, root = document) => root.querySelector(query);

// An element: h("p", {class: "x", onclick: f}, "text", child). Nothing, null and false leave a property or a child out.
export const h = (tag, props, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== undefined && child !== null && child !== false));
  return element;
};

export const icon = (name) => {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "ic");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
};

export const button = (text, onclick, { kind = "", ic, ...props } = {}) =>
  h("button", { type: "button", class: `button ${kind}`.trim(), onclick, ...props }, ic && icon(ic), text);

export const linkButton = (text, href, { kind = "", ic, ...props } = {}) => h("a", { class: `button ${kind}`.trim(), href, ...props }, ic && icon(ic), text);

// A view from its template, with its parts by name.
export const fromTemplate = (id) => {
  const root = document.getElementById(id).content.cloneNode(true);
  const refs = {};
  for (const element of root.querySelectorAll("[data-ref]")) refs[element.dataset.ref] = element;
  return { root, refs };
};

// The page is told every second or two; only what changed is touched, so that focus, selection and a screen reader are left in peace.
export const say = (element, text) => {
  const words = text ?? "";
  if (element.textContent !== words) element.textContent = words;
};
export const show = (element, shown) => {
  if (element.hidden === shown) element.hidden = !shown;
};
export const attr = (element, name, value) => {
  if (value === undefined || value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
};
export const setVar = (element, name, value) => {
  if (element.style.getPropertyValue(name) !== String(value)) element.style.setProperty(name, value);
};

// Children of a parent, one per item and the same one for the same key; make(item) gives {element, update}.
export const keyed = (make) => {
  const kept = new Map();
  return {
    update(parent, items, keyOf) {
      const keys = new Set();
      let before = null;
      for (const item of items) {
        const key = keyOf(item);
        if (keys.has(key)) continue;
        keys.add(key);
        if (!kept.has(key)) kept.set(key, make(item));
        const { element, update } = kept.get(key);
        update?.(item);
        const place = before === null ? parent.firstElementChild : before.nextElementSibling;
        if (place !== element) parent.insertBefore(element, place);
        before = element;
      }
      for (const [key, { element }] of kept) {
        if (keys.has(key)) continue;
        // who stands on a row that goes is put on its neighbour, not at the page's start
        if (element.contains(document.activeElement)) (element.nextElementSibling ?? element.previousElementSibling)?.querySelector("a, button")?.focus();
        element.remove();
        kept.delete(key);
      }
    },
    get: (key) => kept.get(key),
  };
};

// For those who listen: what comes at once is told together, and the same words again are told again.
const TOGETHER_MS = 60;
let telling = [];
export const announce = (text) => {
  telling.push(text.replace(/\.$/, ""));
  if (telling.length > 1) return;
  const place = document.getElementById("said");
  place.textContent = "";
  setTimeout(() => {
    place.textContent = telling.join(". ");
    telling = [];
  }, TOGETHER_MS);
};

// Asks in a dialog; true where the answer is yes. Focus returns to where it was; "no" has it first.
export const confirmed = ({ title, text, yes, no }) => {
  const dialog = document.getElementById("confirm");
  say($("#confirm-title"), title);
  say($("#confirm-text"), text);
  say($("[data-ref=yes]", dialog), yes);
  say($("[data-ref=no]", dialog), no);
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }));
};
