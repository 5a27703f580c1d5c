/* [data-formula]: TeX in the page, set as MathML by KaTeX, which needs no style of its own; without it the TeX stays to be read.
   One that is wider than its place can be scrolled, also with the keyboard. */

function set(root) {
  if (!window.katex) return;
  for (const element of root.querySelectorAll("[data-formula]:not([data-set])")) {
    const source = element.textContent;
    element.dataset.set = "";
    window.katex.render(source, element, { output: "mathml", throwOnError: false, displayMode: true });
    if (element.scrollWidth > element.clientWidth) element.tabIndex = 0;
  }
}

set(document);
document.addEventListener("htmx:afterSettle", (event) => set(event.detail.elt.parentNode ?? document));
