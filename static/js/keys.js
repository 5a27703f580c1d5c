/* Keys: / goes to the page's search, g then d, r, m, o to data sets, runs, models, the overview of the project.
   A link says its key by data-key. [data-submit-keys] on a form: Ctrl-Enter in a field sends it. */

const WAIT = 1000;
let went = 0;

function isTyping(target) {
  return target.closest("input, textarea, select, [contenteditable]") !== null;
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.target.closest("form[data-submit-keys]")?.requestSubmit();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (event.key === "/") {
    const search = document.querySelector("[data-search]");
    if (search) {
      event.preventDefault();
      search.focus();
      search.select();
    }
  } else if (event.key === "g") {
    went = event.timeStamp;
  } else if (went && event.timeStamp - went < WAIT) {
    document.querySelector(`[data-key="${event.key}"]`)?.click();
  }
});
