"use strict";
// Shows /docs/openapi.json and lets each operation be tried. Texts go in as text, never as markup.

function make(tag, attributes, ...children) {
  const node = document.createElement(tag);
  Object.assign(node, attributes);
  node.append(...children);
  return node;
}

const pretty = (value) => JSON.stringify(value, null, 2);
const exampleOf = (holder) => Object.values(holder.examples ?? {})[0]?.value;

// A schema with its references written out; one that holds itself ends in its name.
function written(schema, schemas, within = []) {
  if (Array.isArray(schema)) return schema.map((part) => written(part, schemas, within));
  if (schema === null || typeof schema !== "object") return schema;
  if (typeof schema.$ref === "string") {
    const name = schema.$ref.split("/").pop();
    return within.includes(name) ? name : written(schemas[name], schemas, [...within, name]);
  }
  return Object.fromEntries(Object.entries(schema).map(([key, part]) => [key, written(part, schemas, within)]));
}

function folded(title, schema, schemas) {
  const shown = make("pre");
  const box = make("details", {}, make("summary", {}, title), make("div", { className: "inside" }, shown));
  box.addEventListener("toggle", () => { shown.textContent ||= pretty(written(schema, schemas)); });
  return box;
}

function parameterField(parameter) {
  const input = make("input", { name: parameter.name, value: exampleOf(parameter) ?? "" });
  if (parameter.in === "query" && !parameter.required) input.value = "";
  if (parameter.name === "filters") input.placeholder = "key=value&key_min=1";
  else input.placeholder = exampleOf(parameter) ?? parameter.schema.default ?? "";
  const name = parameter.required ? `${parameter.name} *` : parameter.name;
  const label = make("label", {}, make("code", {}, name), input);
  if (parameter.description) label.append(make("small", {}, parameter.description));
  return { parameter, input, label };
}

function address(path, fields) {
  const query = new URLSearchParams();
  for (const { parameter, input } of fields) {
    if (parameter.in === "path") {
      path = path.replace(`{${parameter.name}}`, encodeURIComponent(input.value).replaceAll("%2F", "/"));
    } else if (parameter.name === "filters") {
      for (const [key, value] of new URLSearchParams(input.value)) query.append(key, value);
    } else if (input.value !== "") {
      query.append(parameter.name, input.value);
    }
  }
  return query.size ? `${path}?${query}` : path;
}

async function show(response, output) {
  output.textContent = `${response.status} ${response.headers.get("content-type") ?? ""}\n\n`;
  if ((response.headers.get("content-type") ?? "").includes("json")) {
    output.textContent += pretty(await response.json());
    return;
  }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) output.textContent += piece.value;
}

function operationBox(method, path, operation, schemas) {
  const fields = (operation.parameters ?? []).map(parameterField);
  const inside = make("div", { className: "inside" }, make("p", {}, operation.description));
  inside.append(...fields.map((field) => field.label));
  const content = operation.requestBody?.content["application/json"];
  const body = content && make("textarea", { rows: 8, value: pretty(exampleOf(content)), ariaLabel: "Body" });
  if (body) inside.append(body, folded("What goes in", content.schema, schemas));
  const answer = operation.responses["200"].content["application/json"];
  if (answer) inside.append(folded("What comes out", answer.schema, schemas));
  const output = make("pre", { hidden: true });
  const button = make("button", { type: "button", textContent: "Send" });
  button.addEventListener("click", async () => {
    output.hidden = false;
    output.textContent = "…";
    const sent = body ? { body: body.value, headers: { "Content-Type": "application/json" } } : {};
    try {
      await show(await fetch(address(path, fields), { method: method.toUpperCase(), ...sent }), output);
    } catch (error) {
      output.textContent = String(error);
    }
  });
  inside.append(button, output);
  const head = make("summary", {}, make("b", { className: "method" }, method.toUpperCase()), ` ${path} `);
  head.append(make("span", {}, operation.summary));
  return make("details", { id: operation.operationId }, head, inside);
}

function fill(spec) {
  document.getElementById("about").textContent = `${spec.info.description} Version ${spec.info.version}.`;
  const groups = new Map();
  for (const [path, methods] of Object.entries(spec.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const tag = operation.tags[0];
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push([method, path, operation]);
    }
  }
  const contents = document.getElementById("contents");
  const main = document.getElementById("operations");
  for (const [tag, operations] of groups) {
    main.append(make("h2", {}, tag));
    for (const [method, path, operation] of operations) {
      const box = operationBox(method, path, operation, spec.components.schemas);
      const link = make("a", { href: `#${operation.operationId}`, textContent: `${method.toUpperCase()} ${path}` });
      link.addEventListener("click", () => { box.open = true; });
      contents.append(link);
      main.append(box);
    }
  }
}

fetch("/docs/openapi.json")
  .then((response) => response.json())
  .then(fill)
  .catch((error) => { document.getElementById("about").textContent = String(error); });
