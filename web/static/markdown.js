// The Markdown of answers as DOM nodes: paragraphs, headings, lists, tables, code, bold, emphasis, links, citations.

import { copyButton, h } from "./dom.js";

const INLINE =
  /\\([^\w\s])|`([^`]+)`|\*\*(.+?)\*\*|\*(?!\s)([^*]+?)\*|\[(\d{1,3})\]|\[([^\]]{1,300})\]\(([^)\s]{1,500})\)/g;
const RULE = /^\|?(\s*:?-{2,}:?\s*\|?)+$/;
const ITEM = /^\s*(?:[-*]|\d{1,3}[.)])\s+(.*)$/;

/** Nodes of `text`; `cite(n)` makes the link of a citation, or null where there is none of that number. */
export function markdown(text, cite = () => null) {
  const lines = text.split("\n");
  const blocks = document.createDocumentFragment();
  while (lines.length) blocks.append(...block(lines, cite));
  return blocks;
}

function block(lines, cite) {
  const line = lines.shift();
  if (!line.trim()) return [];
  if (line.startsWith("```")) return [codeBlock(takeWhile(lines, (next) => !next.startsWith("```"), true).join("\n"))];
  const heading = /^#{1,6}\s+(.*)$/.exec(line);
  if (heading) return [h("p", { class: "heading" }, inline(heading[1], cite))];
  if (line.includes("|") && lines.length && RULE.test(lines[0].trim())) {
    lines.shift();
    return [table(line, takeWhile(lines, (next) => next.includes("|")), cite)];
  }
  if (ITEM.test(line)) {
    const items = [line, ...takeWhile(lines, (next) => ITEM.test(next) || /^\s+\S/.test(next))];
    return [list(items, cite)];
  }
  const isPlain = (next) => next.trim() && !ITEM.test(next) && !next.startsWith("```");
  return [h("p", {}, inline([line, ...takeWhile(lines, isPlain)].join(" "), cite))];
}

function takeWhile(lines, holds, dropNext = false) {
  const taken = [];
  while (lines.length && holds(lines[0])) taken.push(lines.shift());
  if (dropNext) lines.shift();
  return taken;
}

function list(lines, cite) {
  const items = [];
  for (const line of lines) {
    const item = ITEM.exec(line);
    if (item) items.push(item[1]);
    else items[items.length - 1] += ` ${line.trim()}`;
  }
  return h(/^\s*\d/.test(lines[0]) ? "ol" : "ul", {}, items.map((item) => h("li", {}, inline(item, cite))));
}

function table(head, rows, cite) {
  const cells = (line) => line.trim().replace(/^\||\|$/g, "").split("|").map((cell) => inline(cell.trim(), cite));
  return h("div", { class: "scrolls", tabindex: "0", role: "region", "aria-label": "Table" },
    h("table", {},
      h("thead", {}, h("tr", {}, cells(head).map((cell) => h("th", { scope: "col" }, cell)))),
      h("tbody", {}, rows.map((row) => h("tr", {}, cells(row).map((cell) => h("td", {}, cell)))))));
}

/** Code with a button that copies it. */
export function codeBlock(code) {
  return h("div", { class: "code" }, h("pre", { tabindex: "0" }, h("code", {}, code)), copyButton(code));
}

function inline(text, cite) {
  const nodes = [];
  let from = 0;
  for (const found of text.matchAll(INLINE)) {
    if (found.index > from) nodes.push(text.slice(from, found.index));
    nodes.push(...span(found, cite));
    from = found.index + found[0].length;
  }
  if (from < text.length) nodes.push(text.slice(from));
  return nodes;
}

function span([whole, escaped, code, bold, emphasis, citation, label, target], cite) {
  if (escaped) return [escaped];
  if (code) return code.includes(" ") ? [h("code", {}, code), " ", copyButton(code)] : [h("code", {}, code)];
  if (bold) return [h("strong", {}, inline(bold, cite))];
  if (emphasis) return [h("em", {}, inline(emphasis, cite))];
  if (citation) return [cite(Number(citation)) ?? whole];
  return isSafe(target) ? [h("a", { href: target, rel: "noopener noreferrer" }, label)] : [label];
}

const isSafe = (target) => /^https?:\/\//.test(target) || /^\/(?![/\\])/.test(target);
