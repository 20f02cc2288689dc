// The fit page: a form whose state is the address, and what the calculators say of it.

import { announce, copyText, h, number, problemOf } from "./dom.js";
import { report, VERDICTS } from "./fit_report.js";
import { keepFile, keptFile, readModelFile, Unusable } from "./model_file.js";
import "./suggest.js";

const form = document.getElementById("form");
const result = document.getElementById("result");
const fields = form.elements;
let file = null;
const more = document.getElementById("more");
const devices = [1, 2, 3].map((place) => ({ name: fields[`device-${place}`], count: fields[`count-${place}`] }));

// The form and the address

const context = () => 2 ** Number(fields.context.value);

/** What follows from the fields: the context in words, no count beside a name that has its own, and no field hidden that is filled in. */
function showState() {
  if (fields.options.value || fields.images.value) more.open = true;
  for (const { name, count } of devices) count.disabled = /\+|^\s*\d+\s*[x×]/i.test(name.value);
  fields["context-shown"].value = `${number(context())} tokens`;
  fields.context.setAttribute("aria-valuetext", `${number(context())} tokens`);
}

/** What the form says, as the address has it; what is left at its default is left out. */
function state() {
  const pairs = [file ? ["file", file.name] : ["model", fields.model.value.trim()], ["quantization", fields.quantization.value]];
  for (const { name, count } of devices) if (name.value.trim()) pairs.push(["device", name.value.trim()], ["count", count.value || "1"]);
  pairs.push(["context", String(context())], ["users", fields.users.value || "1"], ["kv", fields.kv.value], ["ram", fields.ram.value],
    ["reserved", fields.reserved.value], ["options", fields.options.value.trim()], ["images", fields.images.value]);
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
  for (const name of ["ram", "reserved", "options", "images"]) fields[name].value = given(name, "");
  showState();
  if (!query.has("file")) return;
  take(keptFile(query.get("file")));
  if (!file) fileTrouble(`The address names the file “${query.get("file")}”, which a link does not carry. Choose it again, or name a model.`);
}

/** The arguments of the calculators. Several devices are one, joined by `+`. */
function toolArguments() {
  const named = devices.filter(({ name }) => name.value.trim());
  const counted = ({ name, count }) => (Number(count.value) > 1 && !count.disabled ? `${count.value}x ${name.value.trim()}` : name.value.trim());
  const given = {
    model: file?.config ?? fields.model.value.trim(), quantization: fields.quantization.value, device: named.map(counted).join(" + "),
    context: context(), concurrency: Number(fields.users.value) || 1, kv_cache_type: fields.kv.value,
    system_memory_gb: Number(fields.ram.value) || "", options: fields.options.value.trim(),
    images: Number(fields.images.value) || "", reserved_gib: fields.reserved.value === "" ? "" : Number(fields.reserved.value),
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== ""));
}

// Asking

let asking = new AbortController();

async function call(address, given) {
  const headers = { "Content-Type": "application/json" };
  const response = await fetch(address, { method: "POST", headers, body: JSON.stringify(given), signal: asking.signal });
  return response.ok ? { value: await response.json() } : { problem: await problemOf(response) };
}

/** How the devices are read where a name leaves something open, such as a size; as they are where that is refused. */
async function meant({ device, system_memory_gb: ram }) {
  const query = new URLSearchParams(ram ? { device, ram } : { device });
  const response = await fetch(`/fit/devices?${query}`, { signal: asking.signal });
  return response.ok ? response.json() : { device, readings: [] };
}

/** What the calculators say: of a GGUF file both at once, by its header. */
async function worked(given) {
  if (!file?.header) return Promise.all([call("/tools/check_fit", given), call("/tools/estimate_speed", given)]);
  const { model, quantization, ...others } = given;
  const { value, problem } = await call("/fit/gguf", { ...file.header, arguments: others });
  return [{ value: value?.fit, problem }, { value: value?.speed, problem: problem ?? (value?.no_speed && { detail: value.no_speed }) }];
}

async function calculate() {
  asking.abort();
  asking = new AbortController();
  const { signal } = asking;
  const given = toolArguments();
  history.replaceState(null, "", `?${state()}`);
  clearErrors();
  if (!(file || given.model) || !given.device) {
    result.replaceChildren(h("p", { class: "note" }, "Name a model and a device, and what fits appears here."));
    return;
  }
  result.setAttribute("aria-busy", "true");
  try {
    const { device, readings } = await meant(given);
    const [fit, speed] = await worked({ ...given, device });
    if (fit.problem) refused(fit.problem);
    else shown(fit.value, speed, readings);
  } catch {
    if (signal.aborted) return;
    result.replaceChildren(h("p", { class: "note" }, "The server cannot be reached."));
  }
  result.setAttribute("aria-busy", "false");
}

function shown(fit, speed, readings) {
  document.getElementById("said").textContent = VERDICTS[fit.verdict][2];
  if (file) fileTrouble("");
  result.replaceChildren(...readings.map(readAs), ...report(fit, speed, change).filter(Boolean));
}

/** What a name was taken for, and what it may be too. */
function readAs({ typed, note, others }) {
  const field = devices.map(({ name }) => name).find((one) => holds(one, typed));
  return h("p", { class: "note" }, note, others.length > 0 && " It may also be: ", others.slice(0, MOST_INSTEAD).map((other) => instead(field, typed, other)));
}

const MOST_INSTEAD = 6;
const holds = (field, name) => field.value.toLowerCase().includes(name.toLowerCase());

/** A button that writes another name for one in a field, and leaves a count before it as it is. */
function instead(field, name, other) {
  function click() {
    const start = name && holds(field, name) ? field.value.toLowerCase().indexOf(name.toLowerCase()) : -1;
    field.value = start < 0 ? other : field.value.slice(0, start) + other + field.value.slice(start + name.length);
    calculate();
  }
  return h("button", { type: "button", class: "suggestion", click }, other);
}

// Errors, beside the field they are about

const FIELD_OF = { model: "model", quantization: "quantization", device: "device-1", context: "context", concurrency: "users",
  kv_cache_type: "kv", system_memory_gb: "ram", reserved_gib: "reserved", options: "options", images: "images" };

function clearErrors() {
  for (const node of form.querySelectorAll(".error:not(#file-error)")) node.replaceChildren();
  for (const node of form.querySelectorAll("[aria-invalid]")) node.removeAttribute("aria-invalid");
}

const quotedName = (problem) => /'(.*?)'/.exec(problem.detail)?.[1] ?? "";

/** The field whose value a problem quotes; the first device where none is. */
function quotedField(problem) {
  const detail = problem.detail.toLowerCase();
  const quoted = quotedName(problem).toLowerCase();
  const value = (field) => field.value.trim().toLowerCase();
  const candidates = [fields.model, fields.quantization, ...devices.map(({ name }) => name)].filter((field) => field.value.trim());
  return candidates.find((field) => detail.includes(`'${value(field).slice(0, 60)}`))
    ?? candidates.find((field) => quoted && value(field).includes(quoted)) ?? fields["device-1"];
}

/** What is wrong with a file's figures, each key once, without what is only of use to programs. */
function fileProblem(problem) {
  const wrong = (problem.errors ?? []).filter((one) => /^(model|keys|tensors)\b/.test(one.field) && !one.field.endsWith("constrained-str"));
  if (!wrong.length) return file?.header && /unreadable/.test(problem.type) ? problem.detail : null;
  const told = wrong.map((one) => `${one.field.split(".").pop()}: ${one.problem.replace(/^Field required$/, "is missing")}${one.accepted ? ` (${one.accepted.split(";")[0]})` : ""}`);
  return `“${file.name}” cannot be used. ${told.slice(0, 5).join("; ")}.`;
}

function refused(problem) {
  const ofFile = file && fileProblem(problem);
  if (ofFile) {
    fileTrouble(ofFile);
    result.replaceChildren(h("p", { class: "note" }, "Nothing to show yet: see the form."));
    return;
  }
  const about = problem.errors
    ? problem.errors.map((one) => [fields[FIELD_OF[one.field.split(".")[0]] ?? "device-1"],
      `${one.value} ${one.problem}.${one.accepted ? ` Accepted: ${one.accepted}.` : ""}`])
    : [[quotedField(problem), problem.detail]];
  for (const [field, text] of about) {
    field.setAttribute("aria-invalid", "true");
    const names = problem.suggestions ?? problem.candidates ?? [];
    document.getElementById(`${field.id}-error`).replaceChildren(h("p", {}, text),
      ...names.slice(0, MOST_INSTEAD).map((name) => instead(field, quotedName(problem), name)));
  }
  result.replaceChildren(h("p", { class: "note" }, "Nothing to show yet: see the form."));
}

// Ways out

const floorPower = (tokens) => Math.floor(Math.log2(tokens));

const CHANGES = {
  more_devices: (way) => setDevices(way.device),
  smaller_quantization: (way) => (fields.quantization.value = way.quantization),
  shorter_context: (way) => (fields.context.value = String(floorPower(way.context))),
  smaller_cache_type: (way) => (fields.kv.value = way.kv_cache_type),
  other_placement: (way) => (fields.options.value = way.options),
  smaller_model: (way) => {
    take(null);
    fields.model.value = way.size;
    fields.quantization.value = way.quantization;
  },
};

function setDevices(text) {
  devices.forEach(({ name, count }, place) => {
    name.value = place === 0 ? text : "";
    count.value = "1";
  });
}

/** Does a way out to the form; a GGUF file has the type that it has. */
function change(way) {
  if (file?.header && way.change === "smaller_quantization") return null;
  return () => {
    CHANGES[way.change](way);
    showState();
    calculate();
  };
}

// A model by its file

const chosen = document.getElementById("chosen");
const picker = document.getElementById("file");

function fileTrouble(text) {
  document.getElementById("file-error").replaceChildren(...(text ? [h("p", {}, text)] : []));
}

/** From now on the model is that of the file; of null, that of the field. */
function take(next) {
  file = next;
  fileTrouble("");
  fields.model.disabled = Boolean(file);
  fields.quantization.disabled = Boolean(file?.header);
  fields.quantization.options[0].textContent = file?.header ? "The file's own" : "The usual one";
  if (file?.header) fields.quantization.value = "";
  chosen.hidden = !file;
  if (!file) return;
  const leave = () => {
    take(null);
    keepFile(null);
    calculate();
    fields.model.focus();
  };
  chosen.replaceChildren("By the file ", h("strong", {}, file.name), " ", h("button", { type: "button", class: "quiet", click: leave }, "Leave it"));
}

async function choose(files) {
  if (!files.length) return;
  try {
    take(await readModelFile(files));
    keepFile(file);
    calculate();
  } catch (error) {
    if (!(error instanceof Unusable)) throw error;
    fileTrouble(error.message);
  }
  picker.value = "";
}

picker.addEventListener("change", () => choose([...picker.files]));
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  form.classList.add("dropping");
});
document.addEventListener("dragleave", (event) => event.relatedTarget ?? form.classList.remove("dropping"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  form.classList.remove("dropping");
  choose([...event.dataTransfer.files]);
});

// The form scrolls by itself where it is higher than the window.
more.querySelector("summary").addEventListener("click", () => requestAnimationFrame(() => more.scrollIntoView({ block: "nearest" })));

let waiting;
form.addEventListener("input", (event) => {
  if (event.target === picker) return;
  showState();
  clearTimeout(waiting);
  waiting = setTimeout(calculate, 250);
});
form.addEventListener("submit", (event) => event.preventDefault());
document.getElementById("share").addEventListener("click", () =>
  copyText(location.href).then(() => announce("The link is in the clipboard."), () => announce("The browser did not allow to copy.")));

restore(new URLSearchParams(location.search || JSON.parse(form.dataset.example)));
calculate();
