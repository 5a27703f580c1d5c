/* The first field in error gets the focus, on a new page and after a swap.
   [data-autosubmit] sends its form when its value changes. A form is not sent twice while its answer is under way. */

function focusFirstError(root) {
  root.querySelector("[aria-invalid='true']")?.focus();
}

document.addEventListener("htmx:afterSettle", (event) => focusFirstError(event.detail.elt));
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-autosubmit]")) event.target.form.requestSubmit();
});
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post" || form.hasAttribute("hx-post")) return;
  if (form.dataset.sent) event.preventDefault();
  else form.dataset.sent = "yes";
});
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});
focusFirstError(document);
