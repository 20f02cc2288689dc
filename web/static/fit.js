// The fit page: a form whose state is the address, and what the calculators say of it.

import { announce, copyText, h, number, problemOf, svg } from "./dom.js";
import { codeBlock } from "./markdown.js";
import "./suggest.js";

const form = document.getElementById("form");
const result = document.getElementById("result");
const fields = form.elements;
const devices = [1, 2, 3].map((place) => ({ name: fields[`device-${place}`], count: fields[`count-${place}`] }));
const PARTS = [["weights_gb", "Weights"], ["kv_cache_gb", "Cache"], ["compute_buffer_gb", "Compute"], ["runtime_overhead_gb", "Runtime"]];
const GIB_IN_GB = 1.073741824;
const hundredths = (value) => value.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const gb = (value) => `${number(value)} GB`;

// The form and the address

const context = () => 2 ** Number(fields.context.value);

/** What follows from the fields: the context in words, and no count beside a name that has its own. */
function showState() {
  for (const { name, count } of devices) count.disabled = /\+|^\s*\d+\s*[x×]/i.test(name.value);
  fields["context-shown"].value = `${number(context())} tokens`;
  fields.context.setAttribute("aria-valuetext", `${number(context())} tokens`);
}

/** What the form says, as the address has it; what is left at its default is left out. */
function state() {
  const pairs = [["model", fields.model.value.trim()], ["quantization", fields.quantization.value]];
  for (const { name, count } of devices) if (name.value.trim()) pairs.push(["device", name.value.trim()], ["count", count.value || "1"]);
  pairs.push(["context", String(context())], ["users", fields.users.value || "1"], ["kv", fields.kv.value], ["ram", fields.ram.value]);
  return new URLSearchParams(pairs.filter(([, value]) => value !== ""));
}

function restore(query) {
  const given = (key, otherwise) => query.get(key) ?? otherwise;
  fields.model.value = given("model", "");
  const wanted = given("quantization", "").toLowerCase();
  fields.quantization.value = [...fields.quantization.options].map((one) => one.value).find((one) => one.toLowerCase() === wanted) ?? "";
  const [names, counts] = [query.getAll("device"), query.getAll("count")];
  devices.forEach(({ name, count }, place) => {
    name.value = names[place] ?? "";
    count.value = counts[place] ?? "1";
  });
  fields.context.value = String(Math.round(Math.log2(Number(given("context", "8192")) || 8192)));
  fields.users.value = given("users", "1");
  fields.kv.value = given("kv", "f16");
  fields.ram.value = given("ram", "");
  showState();
}

/** The arguments of the calculators. Several devices are one, joined by `+`. */
function toolArguments() {
  const named = devices.filter(({ name }) => name.value.trim());
  const counted = ({ name, count }) => (Number(count.value) > 1 && !count.disabled ? `${count.value}x ${name.value.trim()}` : name.value.trim());
  const given = {
    model: fields.model.value.trim(), quantization: fields.quantization.value, device: named.map(counted).join(" + "),
    context: context(), concurrency: Number(fields.users.value) || 1, kv_cache_type: fields.kv.value,
    system_memory_gb: Number(fields.ram.value) || "",
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== ""));
}

// Asking

let asking = new AbortController();

async function call(tool, given) {
  const headers = { "Content-Type": "application/json" };
  const response = await fetch(`/tools/${tool}`, { method: "POST", headers, body: JSON.stringify(given), signal: asking.signal });
  return response.ok ? { value: await response.json() } : { problem: await problemOf(response) };
}

async function calculate() {
  asking.abort();
  asking = new AbortController();
  const { signal } = asking;
  const given = toolArguments();
  history.replaceState(null, "", `?${state()}`);
  clearErrors();
  if (!given.model || !given.device) {
    result.replaceChildren(h("p", { class: "note" }, "Name a model and a device, and what fits appears here."));
    return;
  }
  result.setAttribute("aria-busy", "true");
  try {
    const [fit, speed] = await Promise.all([call("check_fit", given), call("estimate_speed", given)]);
    if (fit.problem) refused(fit.problem);
    else document.getElementById("said").textContent = VERDICTS[fit.value.verdict][2];
    if (fit.value) result.replaceChildren(...report(fit.value, speed).filter(Boolean));
  } catch {
    if (signal.aborted) return;
    result.replaceChildren(h("p", { class: "note" }, "The server cannot be reached."));
  }
  result.setAttribute("aria-busy", "false");
}

// Errors, beside the field they are about

const FIELD_OF = { model: "model", quantization: "quantization", device: "device-1", context: "context", concurrency: "users",
  kv_cache_type: "kv", system_memory_gb: "ram" };

function clearErrors() {
  for (const node of form.querySelectorAll(".error")) node.replaceChildren();
  for (const node of form.querySelectorAll("[aria-invalid]")) node.removeAttribute("aria-invalid");
}

/** The field whose value a problem quotes; the first device where none is. */
function quotedField(problem) {
  const detail = problem.detail.toLowerCase();
  const quoted = /'(.*?)'/.exec(detail)?.[1] ?? "";
  const value = (field) => field.value.trim().toLowerCase();
  const candidates = [fields.model, fields.quantization, ...devices.map(({ name }) => name)].filter((field) => field.value.trim());
  return candidates.find((field) => detail.includes(`'${value(field).slice(0, 60)}`))
    ?? candidates.find((field) => quoted && value(field).includes(quoted)) ?? fields["device-1"];
}

function refused(problem) {
  const about = problem.errors
    ? problem.errors.map((one) => [fields[FIELD_OF[one.field.split(".")[0]] ?? "device-1"],
      `${one.value} ${one.problem}.${one.accepted ? ` Accepted: ${one.accepted}.` : ""}`])
    : [[quotedField(problem), problem.detail]];
  for (const [field, text] of about) {
    field.setAttribute("aria-invalid", "true");
    const names = problem.suggestions ?? problem.candidates ?? [];
    document.getElementById(`${field.id}-error`).replaceChildren(h("p", {}, text),
      ...names.slice(0, 5).map((name) => h("button", { type: "button", class: "suggestion", click: () => set(field, name) }, name)));
  }
  result.replaceChildren(h("p", { class: "note" }, "Nothing to show yet: see the form."));
}

function set(field, value) {
  field.value = value;
  calculate();
}

// What came out

const VERDICTS = {
  fits: ["good", "✓", "Fits"],
  fits_with_offload: ["fair", "◐", "Fits only with help from system RAM"],
  does_not_fit: ["bad", "✕", "Does not fit"],
};

function report(fit, speed) {
  const [tone, sign, words] = VERDICTS[fit.verdict];
  const room = fit.verdict === "fits" ? `${gb(fit.headroom_gb)} stay free` : `${gb(-fit.headroom_gb)} too much`;
  return [
    h("div", { class: `verdict ${tone}` },
      h("p", { class: "verdict-words" }, h("span", { "aria-hidden": "true" }, sign), ` ${words}${fit.is_tight ? ", but it is tight" : ""}`),
      h("p", {}, `${fit.model} at ${fit.quantization} on ${fit.device}: needs ${gb(fit.required_gb)}, and ${gb(fit.available_gb)} can be used; ${room}.`),
      fit.offload && h("p", {}, `${gb(fit.offload.weights_in_system_memory_gb)} of the weights (${number(fit.offload.weights_offloaded_percent)} %) stay in system RAM, which makes it slower.`),
      fit.max_context > 0 && h("p", {}, `The longest context that fits whole is ${number(fit.max_context)} tokens.`)),
    ...fit.warnings.map((text) => h("p", { class: "note" }, text)),
    memory(fit),
    speed.value && speed.value.decode_tokens_per_s.typical > 0 ? speedOf(speed.value) : null,
    speed.problem && h("p", { class: "note" }, `Speed: ${speed.problem.detail}`),
    changes(fit),
    commands(fit),
    h("details", {}, h("summary", {}, "Arithmetic and assumptions"), h("p", { class: "formula" }, fit.formula),
      speed.value && h("p", { class: "formula" }, speed.value.formula),
      h("ul", {}, [...new Set([...fit.assumptions, ...(speed.value?.assumptions ?? [])])].map((text) => h("li", {}, text)))),
  ];
}

/** A bar for each device and, where it helps, for system RAM; the same numbers as a table. */
function memory(fit) {
  const rows = fit.per_device.map((one) => ({
    name: one.device, capacity: one.available_gb, parts: PARTS.map(([key]) => one[key]), layers: one.layers,
  }));
  if (fit.offload && fit.system_memory_gb) {
    const cache = Math.max(0, fit.breakdown.kv_cache_gb - fit.per_device.reduce((sum, one) => sum + one.kv_cache_gb, 0));
    rows.push({
      name: fit.system_memory_assumed ? "System RAM (assumed)" : "System RAM", capacity: fit.system_memory_gb * GIB_IN_GB,
      parts: [fit.offload.system_memory_gb - cache, cache, 0, 0],
      layers: fit.offload.layers_total - fit.offload.layers_on_device,
    });
  }
  const cells = rows.map((row) => ({ ...row, used: row.parts.reduce((sum, part) => sum + part, 0) }));
  const largest = Math.max(...cells.map((row) => Math.max(row.used, row.capacity)));
  return h("section", { class: "card" }, h("h2", {}, "Memory"),
    h("ul", { class: "legend" }, [...PARTS.map(([, name]) => name), "Free"].map((name) =>
      h("li", {}, svg("svg", { width: 12, height: 12, "aria-hidden": "true" }, svg("rect", { width: 12, height: 12, rx: 2, class: `part-${name.toLowerCase()}` })), name))),
    cells.map((row) => h("div", { class: "bar" },
      h("p", {}, row.name, h("small", {}, ` ${gb(row.used)} of ${gb(row.capacity)}`)), bar(row, largest))),
    h("div", { class: "scrolls", tabindex: "0", role: "region", "aria-label": "Memory in numbers" },
      h("table", { class: "numbers" }, h("caption", { class: "offscreen" }, "Memory of each device, in GB"),
        h("thead", {}, h("tr", {}, ["Device", "Layers", ...PARTS.map(([, name]) => name), "Free", "Of"].map((name) => h("th", { scope: "col" }, name)))),
        h("tbody", {}, cells.map((row) => h("tr", {}, h("th", { scope: "row" }, row.name),
          h("td", {}, String(row.layers)), [...row.parts, row.capacity - row.used, row.capacity].map((value) => h("td", {}, hundredths(value)))))))));
}

function bar(row, largest) {
  let from = 0;
  const scaled = (value) => (100 * value) / largest;
  const piece = (size, name) => {
    const drawn = svg("rect", { x: `${scaled(from)}%`, y: 0, width: `${scaled(size)}%`, height: 26, class: `part-${name.toLowerCase()}` },
      svg("title", {}, `${name}: ${gb(size)}`));
    from += size;
    return drawn;
  };
  const pieces = row.parts.map((size, place) => piece(size, PARTS[place][1]));
  if (row.capacity > row.used) pieces.push(piece(row.capacity - row.used, "Free"));
  const edge = svg("line", { x1: `${scaled(row.capacity)}%`, x2: `${scaled(row.capacity)}%`, y1: 0, y2: 26, class: "edge" });
  const label = `${row.name}: ${gb(row.used)} of ${gb(row.capacity)} used`;
  return svg("svg", { class: "bar-drawing", width: "100%", height: 26, role: "img", "aria-label": label }, pieces, row.used > row.capacity && edge);
}

/** The range that holds most measurements, the typical value in it, and the ceiling that bandwidth sets. */
function speedOf(speed) {
  const { low, typical, high } = speed.decode_tokens_per_s;
  const most = Math.max(speed.ceiling_tokens_per_s ?? 0, high) * 1.05;
  const at = (value) => `${(100 * value) / most}%`;
  const span = `${(100 * (high - low)) / most}%`;
  return h("section", { class: "card" }, h("h2", {}, "Speed"),
    h("p", {}, h("strong", {}, `About ${number(typical)} tokens/s`), ` when it writes; most people would measure ${number(low)} to ${number(high)}.`),
    svg("svg", { class: "bar-drawing", width: "100%", height: 26, role: "img", "aria-label": `${number(low)} to ${number(high)} tokens per second, typically ${number(typical)}` },
      svg("rect", { x: 0, y: 0, width: "100%", height: 26, class: "part-free" }),
      svg("rect", { x: at(low), y: 5, width: span, height: 16, rx: 3, class: "part-weights" }, svg("title", {}, `${number(low)} to ${number(high)} tokens/s`)),
      svg("line", { x1: at(typical), x2: at(typical), y1: 2, y2: 24, class: "typical" }),
      speed.ceiling_tokens_per_s && svg("line", { x1: at(speed.ceiling_tokens_per_s), x2: at(speed.ceiling_tokens_per_s), y1: 0, y2: 26, class: "edge" })),
    h("div", { class: "scrolls", tabindex: "0", role: "region", "aria-label": "Speed in numbers" },
      h("table", {}, h("caption", { class: "offscreen" }, "Speed in numbers"), h("tbody", {}, [
        ["Writes, tokens/s", `${number(low)} to ${number(high)}, typically ${number(typical)}`],
        ["What memory bandwidth allows, tokens/s", speed.ceiling_tokens_per_s && number(speed.ceiling_tokens_per_s)],
        ["Reads a prompt, tokens/s", speed.prefill_tokens_per_s && `${number(speed.prefill_tokens_per_s.low)} to ${number(speed.prefill_tokens_per_s.high)}`],
        ["First word after a prompt that fills the context", speed.time_to_first_token_s && `${number(speed.time_to_first_token_s)} s`],
        ["All users together, tokens/s", speed.aggregate_tokens_per_s && number(speed.aggregate_tokens_per_s.typical ?? speed.aggregate_tokens_per_s)],
        ["Limited by", speed.bottleneck],
      ].filter(([, value]) => value).map(([name, value]) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, value)))))));
}

const floorPower = (tokens) => Math.floor(Math.log2(tokens));

/** Each way out: what it is in words, and what it does to the form. */
const CHANGES = {
  more_devices: (way) => [`Take ${way.device}`, () => setDevices(way.device)],
  smaller_quantization: (way) => [`Take ${way.quantization}${way.is_lossy ? ", at a loss of quality that is easy to notice" : ""}`, () => (fields.quantization.value = way.quantization)],
  shorter_context: (way) => [`Shorten the context to ${number(way.context)} tokens`, () => (fields.context.value = String(floorPower(way.context)))],
  smaller_cache_type: (way) => [`Keep the cache in ${way.kv_cache_type}`, () => (fields.kv.value = way.kv_cache_type)],
  smaller_model: (way) => [`Take a model of about ${way.size}`, () => {
    fields.model.value = way.size;
    fields.quantization.value = way.quantization;
  }],
};

function setDevices(text) {
  devices.forEach(({ name, count }, place) => {
    name.value = place === 0 ? text : "";
    count.value = "1";
  });
}

function changes(fit) {
  return fit.ways_out.length > 0 && h("section", { class: "card" }, h("h2", {}, "What would make it fit"),
    h("ul", { class: "ways" }, fit.ways_out.map((way) => {
      const [words, change] = CHANGES[way.change](way);
      const click = () => {
        change();
        showState();
        calculate();
      };
      return h("li", {}, h("span", {}, `${words}: needs ${gb(way.required_gb)}.`), h("button", { type: "button", class: "suggestion", "aria-label": `Try it: ${words}`, click }, "Try it"));
    })));
}

function commands(fit) {
  const known = Object.entries(fit.commands ?? {}).filter(([, line]) => line);
  const names = { llama_cpp: "llama.cpp", ollama: "Ollama", vllm: "vLLM" };
  return known.length > 0 && h("section", { class: "card" }, h("h2", {}, "Start it"),
    known.map(([engine, line], place) => h("details", { open: place === 0 }, h("summary", {}, names[engine] ?? engine), codeBlock(line))));
}

let waiting;
form.addEventListener("input", () => {
  showState();
  clearTimeout(waiting);
  waiting = setTimeout(calculate, 250);
});
form.addEventListener("submit", (event) => event.preventDefault());
document.getElementById("share").addEventListener("click", () =>
  copyText(location.href).then(() => announce("The link is in the clipboard."), () => announce("The browser did not allow to copy.")));

restore(new URLSearchParams(location.search || JSON.parse(form.dataset.example)));
calculate();
