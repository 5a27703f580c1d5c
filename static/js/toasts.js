/* Toasts: the good ones leave after six seconds, the others when dismissed. Failed requests of htmx become one:
   #toasts carries the words as data-refused, data-broken and data-offline. */

const STAY_MS = 6000;
const box = document.getElementById("toasts");

function watch() {
  for (const toast of document.querySelectorAll("#toasts [data-toast='success']:not([data-seen])")) {
    toast.dataset.seen = "yes";
    setTimeout(() => toast.remove(), STAY_MS);
  }
}

/** Show words that somebody has to act on. */
export function complain(words) {
  const template = document.getElementById("toast-template");
  const toast = template.content.firstElementChild.cloneNode(true);
  toast.querySelector("p").textContent = words;
  document.getElementById("toasts").append(toast);
}

document.addEventListener("click", (event) => event.target.closest("[data-dismiss]")?.closest(".toast")?.remove());
document.addEventListener("htmx:afterSettle", watch);
document.addEventListener("htmx:responseError", (event) => {
  complain(event.detail.xhr.status < 500 ? box.dataset.refused : box.dataset.broken);
});
document.addEventListener("htmx:sendError", (event) => {
  // What asks again by itself need not complain each time.
  if (!event.detail.elt.getAttribute("hx-trigger")?.includes("every")) complain(box.dataset.offline);
});
watch();
