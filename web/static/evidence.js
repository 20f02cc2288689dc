// What an answer stands on: what was understood, what was calculated, what is cited.

import { h, number } from "./dom.js";

const UNITS = [
  ["_tokens_per_s", "tokens/s"], ["tokens_per_s", "tokens/s"], ["_gb_per_s", "GB/s"], ["_mb_per_s", "MB/s"],
  ["_gb", "GB"], ["_gib", "GB"], ["_w", "W"], ["watts", "W"],
];
const WORDS = { system_memory: "RAM", considered_system_memory: "RAM, if there were", users: "users", context: "tokens of context" };
const ASSUMED = { quantization: (value) => value, context: (value) => `${number(value)} tokens of context`,
  system_memory_gb: (value) => `${number(value)} GB RAM` };

/** The name of a quantity, and the unit that its key ends in. */
function nameAndUnit(key) {
  const [ending, unit] = UNITS.find(([end]) => key.endsWith(end)) ?? ["", ""];
  const name = key.slice(0, key.length - ending.length).replace(/_$/, "");
  return [WORDS[name] ?? name.replaceAll("_", " "), unit];
}

function shown(value) {
  if (Array.isArray(value)) return value.map(shown).join(", ");
  if (typeof value === "number") return number(value);
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** A quantity in words. */
function quantity(key, value) {
  const [name, unit] = nameAndUnit(key);
  return [shown(value), unit, name].filter(Boolean).join(" ");
}

/** What the calculators took where nothing was said: in a result, but in no argument. */
function assumed(calls) {
  const found = new Map();
  for (const { arguments: given, result } of calls)
    for (const [key, words] of Object.entries(ASSUMED))
      if (typeof (result[key] ?? null) !== "object" && given[key] === undefined && !found.has(key))
        found.set(key, words(result[key]));
  return [...found.values()];
}

function chips(reply, correct) {
  const { names = [], quantities = {}, unknown = [] } = reply.understood;
  const list = [
    ...names.filter((one) => one.kind !== "terms").map((one) => ({
      text: one.count > 1 ? `${one.count}× ${one.name}` : one.name, note: one.standing === "has" ? "yours" : "",
    })),
    ...Object.entries(quantities).filter(([key]) => key !== "speed_is").map(([key, value]) => ({ text: quantity(key, value) })),
    ...assumed(reply.tool_calls).map((text) => ({ text, note: "assumed" })),
    ...unknown.map((text) => ({ text, note: "not known here" })),
  ];
  return list.map(({ text, note = "" }) => h("li", {}, chip(text, note, correct)));
}

/** A button that turns into a field; what is written there goes on as the next message. */
function chip(text, note, correct) {
  const label = `${text}${note ? `, ${note}` : ""}: correct this`;
  const button = h("button", { type: "button", class: note ? `chip ${note.split(" ")[0]}` : "chip", "aria-label": label, click: open },
    text, note && h("small", {}, ` ${note}`));
  function open() {
    const field = h("input", { type: "text", value: text, maxlength: 200, "aria-label": `Correct “${text}”` });
    const close = () => (form.replaceWith(button), button.focus());
    const submit = (event) => {
      event.preventDefault();
      const value = field.value.trim();
      close();
      if (value && value !== text) correct(value);
    };
    const form = h("form", { class: "chip-form", submit, keydown: (event) => event.key === "Escape" && close() },
      field, h("button", { type: "submit" }, "Correct"));
    button.replaceWith(form);
    field.select();
  }
  return button;
}

/** Pages that take the arguments of a calculator, and what they call them; a list is a field for each. */
const FIT = { title: "Change this on the Fit page", path: "/fit", needs: ["model", "device"],
  fields: { model: "model", quantization: "quantization", context: "context", concurrency: "users", kv_cache_type: "kv",
    device: "device", device_count: "count", system_memory_gb: "ram" } };
const PAGES = {
  check_fit: FIT,
  estimate_speed: FIT,
  compare_devices: { title: "See it on the Compare page", path: "/compare", needs: ["devices"],
    fields: { devices: "device", model: "model", quantization: "quantization", context: "context" } },
  compare_models: { title: "See it on the Compare page", path: "/compare?of=models", needs: ["models"],
    fields: { models: "model", device: "device", quantization: "quantization", context: "context", system_memory_gb: "ram" } },
  what_runs_on: { title: "See all on the Run page", path: "/run", needs: ["device"],
    fields: { device: "device", device_count: "count", context: "context", use: "use", system_memory_gb: "ram" } },
};
const MOST_COMPARED = 4;

/** A link to the page that shows a call; null where there is none, or where it cannot take the arguments. */
function pageOf({ name, arguments: given }) {
  const page = PAGES[name];
  if (!page) return null;
  const pairs = Object.entries(given).flatMap(([key, value]) => [value].flat().map((one) => [page.fields[key], one]))
    .filter(([field]) => field);
  const isFull = page.needs.every((key) => given[key]?.length) && [given.devices ?? []].flat().length <= MOST_COMPARED;
  if (!isFull || pairs.some(([, value]) => typeof value === "object")) return null;
  const query = new URLSearchParams(pairs.map(([field, value]) => [field, String(value)]));
  return h("a", { href: `${page.path}${page.path.includes("?") ? "&" : "?"}${query}` }, page.title);
}

function call(one, isOpen) {
  const link = pageOf(one);
  return h("details", { open: isOpen },
    h("summary", {}, one.name.replaceAll("_", " ")),
    h("dl", { class: "arguments" }, Object.entries(one.arguments).map(([key, value]) => {
      const [name, unit] = nameAndUnit(key);
      return [h("dt", {}, name), h("dd", {}, `${shown(value)} ${unit}`)];
    })),
    one.result.formula && h("p", { class: "formula" }, one.result.formula),
    link && h("p", {}, link));
}

/** Where the whole of a citation is, and the address of its data where it is worth reading beside the answer. */
function whereabouts(cited) {
  if (cited.dispute) return { page: `/disputes/${cited.dispute}`, data: `/disputes/${cited.dispute}` };
  if (cited.passage_id) return { page: `/passages/${cited.passage_id}`, data: `/passages/${cited.passage_id}` };
  if (cited.term) return { page: `/terms/${cited.term}` };
  if (cited.spec) return { page: `/specs/${cited.spec.split("#")[0]}` };
  return cited.tool ? {} : { page: `/sources/${cited.source}` };
}

function citation(cited, id) {
  const { page, data } = whereabouts(cited);
  const title = cited.tool ? `Calculator: ${cited.tool.replaceAll("_", " ")}` : cited.title;
  const where = [cited.source !== "calculator" && cited.section].filter(Boolean).join(" ");
  return h("li", { id, value: cited.id, tabindex: "-1" },
    page ? h("a", { href: page }, title) : title,
    where && h("small", {}, ` ${where}`),
    data && passage(data));
}

/** The words of a passage, or the claims of a dispute; fetched when they are opened. */
function passage(address) {
  const box = h("details", { class: "passage", toggle: read }, h("summary", {}, "Read it here"));
  async function read() {
    if (!box.open || box.dataset.read) return;
    box.dataset.read = "yes";
    const response = await fetch(address, { headers: { Accept: "application/json" } });
    if (!response.ok) {
      box.append(h("p", {}, "It is not to be had at the moment."));
      return;
    }
    const found = await response.json();
    if (found.text) box.append(h("blockquote", {}, found.text));
    else box.append(h("ul", {}, found.claims.map((claim) => h("li", {}, claim.says, h("small", {}, ` ${claim.source}`)))),
      h("p", {}, h("strong", {}, "Ruling: "), found.ruling));
  }
  return box;
}

/** The evidence of a reply; `cited` are the numbers that its answer names, `anchor(n)` the id of a citation. */
export function evidence(reply, cited, anchor, correct) {
  const understood = chips(reply, correct);
  const named = reply.citations.filter((one) => cited.has(one.id));
  const others = reply.citations.filter((one) => !cited.has(one.id));
  const entries = (list) => h("ol", { class: "citations" }, list.map((one) => citation(one, anchor(one.id))));
  return [
    understood.length > 0 && h("section", {}, h("h3", {}, "Understood"), h("ul", { class: "chips" }, understood),
      h("p", { class: "hint" }, "Something wrong? Select it and correct it.")),
    reply.tool_calls.length > 0 && h("section", {}, h("h3", {}, "Worked out with"), reply.tool_calls.map((one, place) => call(one, place === 0))),
    reply.citations.length > 0 && h("section", {}, h("h3", {}, "Sources"), named.length > 0 && entries(named),
      others.length > 0 && h("details", {}, h("summary", {}, `${others.length} more`), entries(others))),
  ];
}
