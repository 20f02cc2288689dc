// A model by a file of the user's: config.json or GGUF. What is read of it stays in this tab; the weights are never read.

import { NotGguf, readHeader } from "./gguf.js";

const KEY = "hardware-kb.model-file";
const LONGEST_CONFIG = 500_000;
const WANTED = "Choose a config.json from the model's page, or a .gguf file (of a split one, all parts).";
export class Unusable extends Error {}

/** `{name, config}` or `{name, header}`; throws Unusable with what to tell. */
export async function readModelFile(files) {
  const [first, ...others] = files;
  if (/\.gguf$/i.test(first.name)) return whole([...files]);
  if (others.length) throw new Unusable(`One file is one model. ${WANTED}`);
  if (!/\.json$/i.test(first.name)) throw new Unusable(`“${first.name}” is neither. ${WANTED}`);
  return configOf(first);
}

async function configOf(file) {
  if (file.size > LONGEST_CONFIG) throw new Unusable(`“${file.name}” is too long for a config.json. ${WANTED}`);
  let config;
  try {
    config = JSON.parse(await file.text());
  } catch {
    throw new Unusable(`“${file.name}” is not valid JSON. ${WANTED}`);
  }
  const text = config?.text_config ?? config?.llm_config ?? config;
  if (typeof text?.num_hidden_layers !== "number")
    throw new Unusable(`“${file.name}” does not describe a language model: it has no num_hidden_layers. ${WANTED}`);
  const called = typeof config._name_or_path === "string" && config._name_or_path.split("/").filter(Boolean).pop();
  return { name: file.name, config: { ...config, name: (called || config.model_type || "the model of the file").slice(0, 200) } };
}

/** One file, or the parts of a split one as a whole. */
async function whole(files) {
  files.sort((one, other) => one.name.localeCompare(other.name));
  const headers = [];
  for (const file of files) {
    try {
      headers.push(await readHeader(file));
    } catch (error) {
      if (!(error instanceof NotGguf)) throw new Unusable(`“${file.name}” cannot be read.`);
      throw new Unusable(`“${file.name}” ${error.message}. ${WANTED}`);
    }
  }
  const parts = headers[0].keys["split.count"] || 1;
  if (parts !== files.length)
    throw new Unusable(parts > 1 ? `“${files[0].name}” is one of ${parts} parts: choose all of them together.` : `One file is one model. ${WANTED}`);
  const tensors = headers.flatMap((header) => header.tensors);
  const file_bytes = files.reduce((sum, file) => sum + file.size, 0);
  return { name: files[0].name, header: { name: files[0].name.slice(-200), file_bytes, keys: headers[0].keys, tensors } };
}

/** What was chosen in this tab, so that a reload keeps it. */
export function keepFile(file) {
  try {
    if (file) sessionStorage.setItem(KEY, JSON.stringify(file));
    else sessionStorage.removeItem(KEY);
  } catch {
    // A browser that stores nothing: the file is chosen again after a reload.
  }
}

/** The file of that name, or null. */
export function keptFile(name) {
  try {
    const file = JSON.parse(sessionStorage.getItem(KEY));
    return file?.name === name ? file : null;
  } catch {
    return null;
  }
}
