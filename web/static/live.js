// A form that asks again by itself when it is changed, and shows what came in place; without it the form loads its page.

import { announce, copyText } from "./dom.js";
import "./suggest.js";

const form = document.querySelector("[data-live]");
let asking = new AbortController();

/** The address of what the form says; what is left empty is left out. */
function address() {
  const pairs = [...new FormData(form)].filter(([, value]) => value.trim());
  return `${form.getAttribute("action")}?${new URLSearchParams(pairs)}`;
}

async function show() {
  const wanted = address();
  asking.abort();
  asking = new AbortController();
  const { signal } = asking;
  const region = document.getElementById(form.dataset.live);
  region.setAttribute("aria-busy", "true");
  try {
    const response = await fetch(wanted, { headers: { Accept: "text/html" }, signal });
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const fresh = page.getElementById(region.id);
    if (!fresh) {
      location.assign(wanted);
      return;
    }
    history.replaceState(null, "", wanted);
    region.replaceWith(document.importNode(fresh, true));
    showTroubles(page);
    announce(page.querySelector(".error p")?.textContent ?? "Worked out anew.");
  } catch {
    if (signal.aborted) return;
    region.removeAttribute("aria-busy");
    announce("The server cannot be reached.");
  }
}

/** The fields keep what was typed into them; only what is wrong with them is new. */
function showTroubles(page) {
  for (const box of form.querySelectorAll(".error")) {
    const told = page.getElementById(box.id);
    box.replaceChildren(...(told ? document.importNode(told, true).childNodes : []));
    const field = document.getElementById(box.id.replace(/-error$/, ""));
    if (box.querySelector("p")) field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
  }
}

form.addEventListener("change", () => form.reportValidity() && show());
form.addEventListener("submit", (event) => {
  event.preventDefault();
  show();
});
for (const button of form.querySelectorAll("[data-copies-address]")) {
  button.hidden = false;
  button.addEventListener("click", () =>
    copyText(location.origin + address()).then(() => announce("The link is in the clipboard."), () => announce("The browser did not allow to copy.")));
}
