// The chat page: questions, streamed answers, and what they stand on.

import { announce, copyText, h, problemOf } from "./dom.js";
import { forget, fromFragment, keep, kept, messages, toFragment } from "./conversation.js";
import { evidence } from "./evidence.js";
import { markdown } from "./markdown.js";
import { events } from "./stream.js";

const page = Object.fromEntries(["log", "start", "composer", "question", "send", "stop", "new", "share", "shared", "place"]
  .map((id) => [id, document.getElementById(id)]));
let turns = [];
let places = 0;
let running = null;
let last = Promise.resolve();
let isShared = false;

/** A turn as it is shown; `show` draws its reply again, `say` adds a note below. */
function shown(turn) {
  const place = ++places;
  const answer = h("div", { class: "answer", "aria-live": "polite", "aria-busy": "true" }, h("p", { class: "waiting" }, "…"));
  const pane = h("aside", { class: "evidence", "aria-label": `What answer ${place} stands on` });
  const more = h("div", { class: "more" });
  const section = h("section", { class: "turn", "aria-label": `Question ${place}` },
    h("h2", { class: "question" }, turn.question), h("div", { class: "said" }, answer, more), pane);
  const anchor = (id) => `answer-${place}-source-${id}`;
  page.log.append(section);

  function cite(reply, cited, id) {
    const one = reply.citations.find((each) => each.id === id);
    if (!one) return null;
    cited.add(id);
    const mark = (isOn) => () => document.getElementById(anchor(id))?.classList.toggle("marked", isOn);
    const open = () => {
      const entry = document.getElementById(anchor(id));
      if (entry?.closest("details")) entry.closest("details").open = true;
    };
    return h("a", { class: "cite", href: `#${anchor(id)}`, "aria-label": `Source ${id}: ${one.title}`, title: one.title,
      mouseenter: mark(true), mouseleave: mark(false), focus: mark(true), blur: mark(false), click: open }, String(id));
  }

  /** Draws anew only what has changed: what a reader has opened meanwhile stays open. */
  const drawn = new Map();
  function draw(node, children, ...of) {
    const state = JSON.stringify(of);
    if (drawn.get(node) !== state) node.replaceChildren(...children().filter(Boolean));
    drawn.set(node, state);
  }

  function show(reply, isDone) {
    const cited = new Set();
    answer.replaceChildren(markdown(reply.answer, (id) => cite(reply, cited, id)));
    answer.setAttribute("aria-busy", String(!isDone));
    const correct = (value) => ask(`I meant ${value}`);
    draw(pane, () => evidence(reply, cited, anchor, correct), reply.understood, reply.tool_calls, reply.citations, [...cited]);
    draw(more, () => [suggestions(reply), full(reply)], reply.question, reply.follow_ups, reply.details);
    if (isDone) more.append(verdicts(turn));
  }

  function full(reply) {
    return reply.details && h("details", { class: "full" }, h("summary", {}, "Full answer: arithmetic, assumptions, commands"),
      h("div", {}, markdown(reply.details, (id) => cite(reply, new Set(), id))));
  }

  return { section, show, say: (...nodes) => more.append(h("p", { class: "note" }, ...nodes)), finish: () => {
    answer.setAttribute("aria-busy", "false");
    answer.querySelector(".waiting")?.remove();
  } };
}

function suggestions(reply) {
  const options = reply.question?.options ?? [];
  const button = (text) => h("button", { type: "button", class: "suggestion", click: () => ask(text) }, text);
  const all = [...options, ...reply.follow_ups];
  return all.length > 0 && h("div", { class: "suggestions", role: "group", "aria-label": options.length ? "Answers to choose from" : "What to ask next" },
    all.map(button));
}

/** Thumbs: nothing is sent anywhere, a report is copied. */
function verdicts(turn) {
  const report = (verdict) => async () => {
    const ready = await fetch("/health/ready").then((response) => response.json(), () => ({}));
    const text = `Verdict: ${verdict}\nQuestion: ${turn.question}\nAnswer: ${turn.reply.answer}\nEngine: ${turn.reply.engine}\nBuild: ${ready.build_id ?? "unknown"}\n`;
    await copyText(text).then(() => announce("A report is in the clipboard; nothing was sent."), () => announce("The browser did not allow to copy."));
  };
  const button = (words, verdict) => h("button", { type: "button", class: "quiet", title: "Copies a report; nothing is sent", click: report(verdict) }, words);
  return h("div", { class: "verdicts" }, button("Good answer", "good"), button("Bad answer", "bad"));
}

/** Asks; an answer that is still being written is stopped first. */
function ask(question) {
  running?.abort();
  last = last.then(() => askNow(question));
  return last;
}

async function askNow(question) {
  const before = messages(turns, question);
  const turn = { question, reply: null };
  turns.push(turn);
  const view = shown(turn);
  running = new AbortController();
  const own = running;
  buttons();
  view.section.scrollIntoView({ block: "start" });
  try {
    await answered(turn, before, view, own.signal);
  } catch {
    if (!own.signal.aborted) view.say("The connection broke off. ", again(turn, view));
  }
  view.finish();
  if (turn.reply) view.show(turn.reply, true);
  if (own.signal.aborted) view.say("Stopped.");
  if (running !== own) return;
  running = null;
  if (!isShared) keep(turns);
  buttons();
}

function again(turn, view) {
  const click = () => {
    view.section.remove();
    turns = turns.filter((one) => one !== turn);
    ask(turn.question);
  };
  return h("button", { type: "button", class: "suggestion", click }, "Ask again");
}

async function answered(turn, said, view, signal) {
  const body = JSON.stringify({ messages: said, stream: true });
  const response = await fetch("/chat", { method: "POST", headers: { "Content-Type": "application/json" }, body, signal });
  if (!response.ok) {
    view.say((await problemOf(response)).detail, " ", again(turn, view));
    return;
  }
  for await (const { event, data } of events(response)) {
    if (event === "evidence") turn.reply = { engine: "composed", ...data };
    else if (event === "token") turn.reply = { ...turn.reply, answer: turn.reply.answer + data.text };
    else if (event === "done") turn.reply = data;
    else if (event === "error") view.say(data.message);
    page.place.textContent = event === "waiting" && data.ahead ? `${data.ahead} before you at the language model` : "";
    if (turn.reply) view.show(turn.reply, false);
    if (event === "evidence") view.section.scrollIntoView({ block: "start" });
  }
}

function buttons() {
  page.send.hidden = Boolean(running);
  page.stop.hidden = !running;
  page.place.textContent = "";
  page.start.hidden = turns.length > 0;
  page.new.hidden = page.share.hidden = turns.length === 0;
}

function clear() {
  running?.abort();
  running = null;
  turns = [];
  page.log.replaceChildren();
  if (isShared) {
    isShared = false;
    page.shared.hidden = true;
    history.replaceState(null, "", "/");
  } else forget();
  buttons();
  page.question.focus();
}

async function share() {
  const fragment = toFragment(turns.map((turn) => turn.question));
  const said = () => announce("The link is in the clipboard. It carries your questions.");
  await copyText(`${location.origin}/${fragment}`).then(said, () => announce("The browser did not allow to copy."));
}

page.composer.addEventListener("submit", (event) => {
  event.preventDefault();
  const question = page.question.value.trim();
  if (!question) return;
  page.question.value = "";
  ask(question);
});
page.question.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  page.composer.requestSubmit();
});
page.stop.addEventListener("click", () => running?.abort());
page.new.addEventListener("click", clear);
page.share.addEventListener("click", share);
for (const example of page.start.querySelectorAll("button")) example.addEventListener("click", () => ask(example.textContent));

async function begin() {
  const questions = fromFragment(location.hash);
  if (questions) {
    isShared = true;
    page.shared.hidden = false;
    for (const question of questions) if (isShared) await ask(question);
  } else {
    for (const turn of kept()) {
      turns.push(turn);
      shown(turn).show(turn.reply, true);
    }
    page.log.lastElementChild?.scrollIntoView({ block: "start" });
  }
  buttons();
}

begin();
window.addEventListener("hashchange", () => fromFragment(location.hash) && location.reload());
