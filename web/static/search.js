// The search box in the head of every page: names that fit, while one types. Without it the form asks the server.

const PAUSE_MS = 150;
const SHORTEST = 2;
const box = document.getElementById("find");
const list = document.getElementById("found-names");

const KINDS = [
  { address: (q) => `/terms?${q}`, most: 5, of: (one) => ({ words: one.pref_label, kind: "term", address: `/terms/${one.slug}` }) },
  { address: (q) => `/specs/search?${q}`, most: 6, of: (one) => ({ words: one.name, kind: one.kind.replaceAll("-", " "), address: `/specs/${one.kind}/${one.slug}` }) },
  { address: (q) => `/disputes?${q}`, most: 3, of: (one) => ({ words: one.title, kind: "dispute", address: `/disputes/${one.slug}` }) },
];

let timer;
let asking = new AbortController();
let chosen = -1;

async function found({ address, most, of }, words, signal) {
  const query = new URLSearchParams({ q: words, limit: String(most) });
  const response = await fetch(address(query), { headers: { Accept: "application/json" }, signal });
  return response.ok ? (await response.json()).items.map(of) : [];
}

async function look() {
  asking.abort();
  asking = new AbortController();
  const words = box.value.trim();
  if (words.length < SHORTEST) return close();
  try {
    const groups = await Promise.all(KINDS.map((kind) => found(kind, words, asking.signal)));
    show(groups.flat());
  } catch {
    close();
  }
}

function show(names) {
  chosen = -1;
  list.replaceChildren(...names.map((one, place) => {
    const option = Object.assign(document.createElement("li"), { id: `found-name-${place}`, role: "option" });
    option.dataset.address = one.address;
    option.setAttribute("aria-selected", "false");
    option.append(one.words, " ", Object.assign(document.createElement("small"), { textContent: one.kind }));
    return option;
  }));
  list.hidden = names.length === 0;
  box.setAttribute("aria-expanded", String(!list.hidden));
  box.removeAttribute("aria-activedescendant");
}

function close() {
  show([]);
}

function move(step) {
  const options = [...list.children];
  if (!options.length) return;
  options[chosen]?.setAttribute("aria-selected", "false");
  // One place more than there are names: the box itself.
  chosen = ((chosen + 1 + step + options.length + 1) % (options.length + 1)) - 1;
  if (chosen < 0) return box.removeAttribute("aria-activedescendant");
  options[chosen].setAttribute("aria-selected", "true");
  options[chosen].scrollIntoView({ block: "nearest" });
  box.setAttribute("aria-activedescendant", options[chosen].id);
}

for (const [key, value] of Object.entries({ role: "combobox", "aria-expanded": "false", "aria-controls": list.id, "aria-autocomplete": "list" })) box.setAttribute(key, value);
list.setAttribute("role", "listbox");
list.setAttribute("aria-label", "Names that fit");
box.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(look, PAUSE_MS);
});
box.addEventListener("keydown", (event) => {
  const steps = { ArrowDown: 1, ArrowUp: -1 };
  if (event.key in steps) {
    event.preventDefault();
    move(steps[event.key]);
  } else if (event.key === "Escape" && !list.hidden) {
    event.preventDefault();
    close();
  } else if (event.key === "Enter" && chosen >= 0) {
    event.preventDefault();
    location.assign(list.children[chosen].dataset.address);
  }
});
box.addEventListener("blur", close);
list.addEventListener("mousedown", (event) => event.preventDefault());
list.addEventListener("click", (event) => {
  const option = event.target.closest("[role=option]");
  if (option) location.assign(option.dataset.address);
});
