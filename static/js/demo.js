/* [data-demo]: examples and past inputs fill the form, the address keeps the input, selected passages go into a correction.
   Keys outside of fields: w says what is wrong, x asks why; Esc leaves the field for the answer. */

const page = document.querySelector("[data-demo]");
const form = page.querySelector("[data-ask]");

page.addEventListener("click", (event) => {
  const example = event.target.closest("[data-example]");
  if (!example || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const values = new URL(example.href).searchParams;
  for (const field of form.querySelectorAll("textarea")) field.value = values.get(field.name) ?? "";
  const asked = form.querySelector("select[name=ask]");
  if (asked && values.has("ask")) asked.value = values.get("ask");
  form.requestSubmit();
});

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.target.id === "answer") keep(document.getElementById("answer"));
});

/** The address of the page becomes that of the input. */
function keep(answer) {
  if (answer?.dataset.link) history.replaceState(null, "", answer.dataset.link);
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const answer = document.getElementById("answer");
  if (event.target.closest("input, textarea, select")) {
    if (event.key === "Escape") answer.focus();
    return;
  }
  const fold = { w: "wrong", x: "why" }[event.key];
  const details = fold && document.getElementById(fold);
  if (!(details instanceof HTMLDetailsElement)) return;
  event.preventDefault();
  details.open = true;
  details.querySelector("select, input:not([type=hidden]), textarea")?.focus();
  if (fold === "why" && !document.getElementById("reasons").childElementCount) details.querySelector("form").requestSubmit();
});

/* A passage that is selected in the text goes into the first free line, or into the answer. */
function take(text) {
  const selection = document.getSelection();
  if (selection.isCollapsed || !text.contains(selection.anchorNode) || !text.contains(selection.focusNode)) return;
  const range = selection.getRangeAt(0);
  const before = document.createRange();
  before.setStart(text, 0);
  before.setEnd(range.startContainer, range.startOffset);
  const whole = range.toString();
  const passage = whole.trim();
  if (!passage) return;
  const start = [...(before.toString() + whole.slice(0, whole.indexOf(passage)))].length;
  const correction = text.closest("[data-correct]");
  const lines = [...correction.querySelectorAll("[data-line]")];
  const line = lines.find((each) => !each.querySelector("[name=passage]").value);
  const into = line ?? correction;
  const field = into.querySelector("[name=passage], [name=answer]");
  if (!field || (lines.length && !line)) return;
  field.value = passage;
  into.querySelector("[name=start]").value = String(start);
  if (line && line === lines.at(-1)) addLine(line);
  selection.removeAllRanges();
  (line?.querySelector("select") ?? field).focus();
}

function addLine(line) {
  const fresh = line.cloneNode(true);
  for (const field of fresh.querySelectorAll("input")) field.value = "";
  line.after(fresh);
}

page.addEventListener("pointerup", (event) => {
  const text = event.target.closest("[data-selectable]");
  if (text) take(text);
});
page.addEventListener("keyup", (event) => {
  const text = event.target.closest("[data-selectable]");
  if (text && event.key === "Enter") take(text);
});
/* What was typed over a selected passage stands elsewhere. */
page.addEventListener("input", (event) => {
  if (!event.target.matches("[name=passage], [name=answer]")) return;
  const start = event.target.closest("[data-line], [data-correct]").querySelector("[name=start]");
  if (start) start.value = "";
});

/* On a page that came whole, the tabs hide what is not chosen. */
document.getElementById("tab-answer")?.click();
keep(document.getElementById("answer"));
