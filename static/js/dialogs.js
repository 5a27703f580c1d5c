/* [data-dialog="id"] opens that <dialog>; [data-close] inside it, or a click beside it, closes it. Esc is the browser's.
   <dialog data-open> opens by itself, for one whose form came back with errors. */

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog]");
  if (opener) document.getElementById(opener.dataset.dialog)?.showModal();
  if (event.target.closest("[data-close]")) event.target.closest("dialog")?.close();
  if (event.target instanceof HTMLDialogElement) event.target.close();
});

document.querySelector("dialog[data-open]")?.showModal();
