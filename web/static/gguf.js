// The header of a GGUF file, read in the browser: keys and the tensors' shapes, never their data.
// Format: the GGUF specification (ggml, docs/gguf.md).

const FIRST_BYTES = 2 ** 18;
const MOST_BYTES = 2 ** 26;
const LONGEST_LIST = 1024;
const LONGEST_TEXT = 200;
const MOST_ITEMS = 2 ** 20;
const STRING = 8;
const ARRAY = 9;
const NUMBERS = { 0: ["getUint8", 1], 1: ["getInt8", 1], 2: ["getUint16", 2], 3: ["getInt16", 2], 4: ["getUint32", 4], 5: ["getInt32", 4],
  6: ["getFloat32", 4], 7: ["getUint8", 1], 10: ["getBigUint64", 8], 11: ["getBigInt64", 8], 12: ["getFloat64", 8] };
const BOOLEAN = 7;

/** What was read ends before the header does. */
class Short extends Error {}
export class NotGguf extends Error {}

class Reader {
  constructor(buffer) {
    this.view = new DataView(buffer);
    this.at = 4;
    this.isLittle = true;
  }

  number(kind) {
    const [read, size] = NUMBERS[kind] ?? [];
    if (!read) throw new NotGguf("holds a value of a type that is not known");
    const from = this.skip(size);
    const value = this.view[read](from, this.isLittle);
    return kind === BOOLEAN ? value !== 0 : Number(value);
  }

  /** Where the bytes begin that are left behind. */
  skip(size) {
    const from = this.at;
    if (from + size > this.view.byteLength) throw new Short();
    this.at = from + size;
    return from;
  }

  count() {
    const value = this.number(10);
    if (value > MOST_ITEMS) throw new NotGguf("is damaged");
    return value;
  }

  text() {
    const size = this.number(10);
    return new TextDecoder().decode(new Uint8Array(this.view.buffer, this.skip(size), size));
  }

  /** Of lists that are long, and of lists of texts, only the length. */
  value(kind) {
    if (kind === STRING) return this.text();
    if (kind !== ARRAY) return this.number(kind);
    const inner = this.number(4);
    const length = this.count();
    if (inner === STRING) for (let place = 0; place < length; place++) this.skip(this.number(10));
    else if (length > LONGEST_LIST) this.skip(length * (NUMBERS[inner]?.[1] ?? 1));
    else return Array.from({ length }, () => this.number(inner));
    return length;
  }

  header() {
    let version = this.number(4);
    if (version !== 2 && version !== 3) {
      this.isLittle = false;
      this.at = 4;
      version = this.number(4);
    }
    if (version !== 2 && version !== 3) throw new NotGguf("has a version that is not known");
    const [tensors, pairs] = [this.count(), this.count()];
    const keys = {};
    for (let place = 0; place < pairs; place++) keys[this.text()] = this.value(this.number(4));
    return { keys, tensors: Array.from({ length: tensors }, () => this.tensor()) };
  }

  tensor() {
    const name = this.text();
    const shape = Array.from({ length: this.number(4) }, () => this.number(10));
    const type = this.number(4);
    this.skip(8);
    return { name, type, shape };
  }
}

/** Only what describes the model: the vocabulary by its length, texts that are short. */
function described(keys) {
  const kind = keys["general.architecture"];
  const isOurs = ([key, value]) =>
    (key.startsWith("general.") || key.startsWith(`${kind}.`) || key.startsWith("split.")) && !(typeof value === "string" && value.length > LONGEST_TEXT);
  const tokens = keys["tokenizer.ggml.tokens"];
  return { ...Object.fromEntries(Object.entries(keys).filter(isOurs)), ...(typeof tokens === "number" && { "tokenizer.ggml.tokens": tokens }) };
}

/** `{keys, tensors}` of a file; throws NotGguf. Reads a little first, and more only where the header is longer. */
export async function readHeader(file) {
  for (let size = FIRST_BYTES; ; size *= 4) {
    const buffer = await file.slice(0, size).arrayBuffer();
    if (new TextDecoder().decode(buffer.slice(0, 4)) !== "GGUF") throw new NotGguf("does not begin with 'GGUF'");
    try {
      const { keys, tensors } = new Reader(buffer).header();
      return { keys: described(keys), tensors };
    } catch (error) {
      if (!(error instanceof Short)) throw error;
      if (size >= file.size || size >= MOST_BYTES) throw new NotGguf("is damaged or cut short; download it again");
    }
  }
}
