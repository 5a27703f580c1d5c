/* [data-copy="text"]: a click copies the text; the button says data-done for two seconds. */

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await write(button.dataset.copy);
  const words = button.querySelector("span") ?? button;
  if (words.dataset.before) return;
  words.dataset.before = words.textContent;
  words.textContent = button.dataset.done;
  setTimeout(() => {
    words.textContent = words.dataset.before;
    delete words.dataset.before;
  }, 2000);
});

async function write(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // Plain http on a local network has no clipboard object: select a field and copy that.
  const field = document.createElement("textarea");
  field.value = text;
  (document.querySelector("dialog[open]") ?? document.body).append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}
