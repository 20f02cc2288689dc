// Names that fit what is being typed, for each field that says of which kinds of specs it takes them.

const PAUSE_MS = 150;
const MOST = 12;

function suggests(field) {
  const kinds = new Set(field.dataset.suggests.split(" "));
  const list = document.getElementById(field.getAttribute("list"));
  let timer;
  async function look() {
    const last = field.value.split("+").pop().replace(/^\s*\d+\s*[x×]\s*/i, "").trim();
    if (last.length < 2) return;
    const before = field.value.slice(0, field.value.length - last.length);
    const response = await fetch(`/specs/search?${new URLSearchParams({ q: last, limit: "100" })}`);
    if (!response.ok) return;
    const found = (await response.json()).items.filter((one) => kinds.has(one.kind)).slice(0, MOST);
    list.replaceChildren(...found.map((one) => Object.assign(document.createElement("option"), { value: before + one.name, textContent: one.vendor })));
  }
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => look().catch(() => {}), PAUSE_MS);
  });
}

document.querySelectorAll("[data-suggests]").forEach(suggests);
