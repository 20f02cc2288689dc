// The turns of a conversation: kept in this browser alone, and carried by a link in its fragment, which no server sees.

const KEY = "hardware-kb.conversation.1";
const MOST_TURNS = 30;
const MOST_SHARED = 20;
const MOST_MESSAGES = 48;
const MOST_CHARACTERS = 15000;
export const LONGEST_MESSAGE = 8000;

/** What was kept: `[{question, reply}]`. */
export function kept() {
  try {
    const turns = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return turns.filter((turn) => typeof turn.question === "string" && typeof turn.reply.answer === "string");
  } catch {
    return [];
  }
}

export function keep(turns) {
  try {
    localStorage.setItem(KEY, JSON.stringify(turns.filter((turn) => turn.reply).slice(-MOST_TURNS)));
  } catch {
    // A browser that stores nothing, or is full: the conversation lasts as long as the page.
  }
}

export function forget() {
  localStorage.removeItem(KEY);
}

/** What the server is sent: the latest turns, within its limits. */
export function messages(turns, question) {
  const said = [{ role: "user", content: question }];
  let characters = question.length;
  for (const turn of turns.filter((one) => one.reply).reverse()) {
    characters += turn.question.length;
    if (characters > MOST_CHARACTERS || said.length >= MOST_MESSAGES) break;
    const answer = turn.reply.answer.slice(0, LONGEST_MESSAGE) || "(no answer)";
    said.unshift({ role: "user", content: turn.question }, { role: "assistant", content: answer });
  }
  return said;
}

/** The questions as a fragment. */
export function toFragment(questions) {
  const bytes = new TextEncoder().encode(JSON.stringify(questions.slice(0, MOST_SHARED)));
  const text = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  return `#c=${text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}`;
}

/** The questions of a fragment, or null where it carries none. */
export function fromFragment(fragment) {
  if (!fragment.startsWith("#c=")) return null;
  try {
    const text = atob(fragment.slice(3).replaceAll("-", "+").replaceAll("_", "/"));
    const questions = JSON.parse(new TextDecoder().decode(Uint8Array.from(text, (one) => one.charCodeAt(0))));
    const isRight = (one) => typeof one === "string" && one.trim() && one.length <= LONGEST_MESSAGE;
    return Array.isArray(questions) && questions.every(isRight) ? questions.slice(0, MOST_SHARED) : null;
  } catch {
    return null;
  }
}
