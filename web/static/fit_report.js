// What the calculators say of a fit: verdict, memory bars, speed, ways out, command lines.

import { h, number, svg } from "./dom.js";
import { codeBlock } from "./markdown.js";

const PARTS = [["weights_gb", "Weights"], ["kv_cache_gb", "Cache"], ["compute_buffer_gb", "Compute"], ["runtime_overhead_gb", "Runtime"]];
const SEEING = ["projector_gb", "Seeing"];
const GIB_IN_GB = 1.073741824;
const hundredths = (value) => value.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1).replace(/\.$/, "")}.`;
const gb = (value) => `${number(value)} GB`;

export const VERDICTS = {
  fits: ["good", "✓", "Fits"],
  fits_with_offload: ["fair", "◐", "Fits only with help from system RAM"],
  does_not_fit: ["bad", "✕", "Does not fit"],
};

/** The nodes of a result; `change(way)` makes a way out that is chosen, and is null where the form cannot take it. */
export function report(fit, speed, change) {
  const placed = fit.options && fit.offload;
  const [tone, sign, words] = placed ? [...VERDICTS[fit.verdict].slice(0, 2), "Runs with a part of it in system RAM"] : VERDICTS[fit.verdict];
  const room = fit.verdict === "fits" ? `${gb(fit.headroom_gb)} stay free`
    : fit.overflow ? `but ${fit.overflow.is_system ? "system RAM" : `one ${fit.overflow.memory}`} would have to hold ${gb(fit.overflow.required_gb)}, and ${gb(fit.overflow.available_gb)} can be used there`
    : fit.headroom_gb < 0 ? `${gb(-fit.headroom_gb)} too much`
    : "without these options all of it would fit";
  return [
    h("div", { class: `verdict ${tone}` },
      h("p", { class: "verdict-words" }, h("span", { "aria-hidden": "true" }, sign), ` ${words}${fit.is_tight ? ", but it is tight" : ""}`),
      h("p", {}, `${fit.model} at ${fit.quantization} on ${fit.device}: needs ${gb(fit.required_gb)}, and ${gb(fit.available_gb)} can be used; ${room}.`),
      fit.offload && h("p", {}, `${gb(fit.offload.weights_in_system_memory_gb)} of the weights (${number(fit.offload.weights_offloaded_percent)} %) stay in system RAM, which makes it slower.`),
      fit.max_context > 0 && h("p", {}, `${placed ? "With these options the context can grow to" : "The longest context that fits whole is"} ${number(fit.max_context)} tokens.`)),
    ...fit.warnings.map((text) => h("p", { class: "note" }, sentence(text))),
    memory(fit),
    speed.value && speed.value.decode_tokens_per_s.typical > 0 ? speedOf(speed.value) : null,
    speed.problem && h("p", { class: "note" }, `Speed: ${speed.problem.detail}`),
    changes(fit, change),
    commands(fit),
    h("details", {}, h("summary", {}, "Arithmetic and assumptions"), h("p", { class: "formula" }, fit.formula),
      speed.value && h("p", { class: "formula" }, speed.value.formula),
      h("ul", {}, [...new Set([...fit.assumptions, ...(speed.value?.assumptions ?? [])])].map((text) => h("li", {}, text)))),
  ];
}

/** A bar for each device and, where it helps, for system RAM; the same numbers as a table. */
function memory(fit) {
  const parts = fit.breakdown.projector_gb ? [...PARTS, SEEING] : PARTS;
  const rows = fit.per_device.map((one) => ({
    name: one.device, capacity: one.available_gb, parts: parts.map(([key]) => one[key]), layers: one.layers,
  }));
  if (fit.offload && fit.system_memory_gb) {
    const cache = Math.max(0, fit.breakdown.kv_cache_gb - fit.per_device.reduce((sum, one) => sum + one.kv_cache_gb, 0));
    rows.push({
      name: fit.system_memory_assumed ? "System RAM (assumed)" : "System RAM", capacity: fit.system_memory_gb * GIB_IN_GB,
      parts: parts.map((_, place) => [fit.offload.system_memory_gb - cache, cache][place] ?? 0),
      layers: fit.offload.layers_total - fit.offload.layers_on_device,
    });
  }
  const cells = rows.map((row) => ({ ...row, used: row.parts.reduce((sum, part) => sum + part, 0) }));
  const largest = Math.max(...cells.map((row) => Math.max(row.used, row.capacity)));
  return h("section", { class: "card" }, h("h2", {}, "Memory"),
    h("ul", { class: "legend" }, [...parts.map(([, name]) => name), "Free"].map((name) =>
      h("li", {}, svg("svg", { width: 12, height: 12, "aria-hidden": "true" }, svg("rect", { width: 12, height: 12, rx: 2, class: `part-${name.toLowerCase()}` })), name))),
    cells.map((row) => h("div", { class: "bar" },
      h("p", {}, row.name, h("small", {}, ` ${gb(row.used)} of ${gb(row.capacity)}`)), bar(row, parts, largest))),
    h("div", { class: "scrolls", tabindex: "0", role: "region", "aria-label": "Memory in numbers" },
      h("table", { class: "numbers" }, h("caption", { class: "offscreen" }, "Memory of each device, in GB"),
        h("thead", {}, h("tr", {}, h("td", {}), cells.map((row) => h("th", { scope: "col" }, row.name)))),
        h("tbody", {}, [
          ["Layers", (row) => String(row.layers)],
          ...parts.map(([, name], place) => [name, (row) => hundredths(row.parts[place])]),
          ["Free", (row) => hundredths(row.capacity - row.used)], ["Of", (row) => hundredths(row.capacity)],
        ].map(([name, cell]) => h("tr", {}, h("th", { scope: "row" }, name), cells.map((row) => h("td", {}, cell(row)))))))));
}

function bar(row, parts, largest) {
  let from = 0;
  const scaled = (value) => (100 * value) / largest;
  const piece = (size, name) => {
    const drawn = svg("rect", { x: `${scaled(from)}%`, y: 0, width: `${scaled(size)}%`, height: 26, class: `part-${name.toLowerCase()}` },
      svg("title", {}, `${name}: ${gb(size)}`));
    from += size;
    return drawn;
  };
  const pieces = row.parts.map((size, place) => piece(size, parts[place][1]));
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

/** Each way out in words. */
const WAYS = {
  more_devices: (way) => `Take ${way.device}`,
  smaller_quantization: (way) => `Take ${way.quantization}${way.is_lossy ? ", at a loss of quality that is easy to notice" : ""}`,
  shorter_context: (way) => `Shorten the context to ${number(way.context)} tokens`,
  smaller_cache_type: (way) => `Keep the cache in ${way.kv_cache_type}`,
  other_placement: (way) => `Place it with ${way.options}`,
  smaller_model: (way) => `Take a model of about ${way.size}`,
};

function changes(fit, change) {
  return fit.ways_out.length > 0 && h("section", { class: "card" }, h("h2", {}, "What would make it fit"),
    h("ul", { class: "ways" }, fit.ways_out.map((way) => {
      const words = WAYS[way.change](way);
      const click = change(way);
      const needs = way.change === "other_placement" ? "" : `: needs ${gb(way.required_gb)}`;
      return h("li", {}, h("span", {}, `${words}${needs}.`),
        click && h("button", { type: "button", class: "suggestion", "aria-label": `Try it: ${words}`, click }, "Try it"));
    })));
}

function commands(fit) {
  const known = Object.entries(fit.commands ?? {}).filter(([, line]) => line);
  const names = { llama_cpp: "llama.cpp", ollama: "Ollama", vllm: "vLLM" };
  return known.length > 0 && h("section", { class: "card" }, h("h2", {}, "Start it"),
    known.map(([engine, line], place) => h("details", { open: place === 0 }, h("summary", {}, names[engine] ?? engine), codeBlock(line))));
}
