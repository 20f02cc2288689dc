// A box that narrows the list beside it while one types; without it the form asks the server.

const box = document.querySelector("[data-filters]");
const entries = [...document.getElementById(box.dataset.filters).children];
const texts = entries.map((entry) => entry.textContent.toLowerCase());
const count = document.getElementById("count");

function narrow() {
  const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
  entries.forEach((entry, place) => (entry.hidden = !words.every((word) => texts[place].includes(word))));
  count.textContent = `${entries.filter((entry) => !entry.hidden).length} of ${entries.length}`;
}

box.addEventListener("input", narrow);
