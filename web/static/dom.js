// Builds DOM nodes. Text is only ever set as text: nothing that comes from outside is parsed as HTML.

const SVG = "http://www.w3.org/2000/svg";

function filled(node, props, children) {
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === "function") node.addEventListener(key, value);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** An element; a property that is a function listens to the event of its name. */
export const h = (tag, props = {}, ...children) => filled(document.createElement(tag), props, children);

/** An element of a drawing. */
export const svg = (tag, props = {}, ...children) => filled(document.createElementNS(SVG, tag), props, children);

/** Says something to everybody, screen readers among them, for a few seconds. */
export function announce(text) {
  const status = document.getElementById("status");
  status.textContent = text;
  clearTimeout(announce.timer);
  announce.timer = setTimeout(() => (status.textContent = ""), 4000);
}

/** Into the clipboard; where the browser has none for this page (plain http from another machine), by a selection. */
export async function copyText(text) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const area = h("textarea", { class: "offscreen", "aria-hidden": "true" });
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

export function copyButton(text, label = "Copy") {
  const click = () => copyText(text).then(() => announce("Copied."), () => announce("The browser did not allow to copy."));
  return h("button", { type: "button", class: "copy", click }, label);
}

/** About three significant digits, as the answers have them. */
export function number(value) {
  const size = Math.abs(value);
  const digits = size >= 100 || Number.isInteger(value) ? 0 : size >= 10 ? 1 : size >= 0.1 ? 2 : 3;
  return value.toLocaleString("en-US", { maximumFractionDigits: digits });
}

/** A problem (RFC 9457) of ours, whatever came instead of one. */
export async function problemOf(response) {
  try {
    return await response.json();
  } catch {
    return { status: response.status, detail: `The server answered with ${response.status}.` };
  }
}
