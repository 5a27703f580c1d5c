/* [data-demo=ID]: examples fill the form, the address keeps the input, and what was asked is listed for this session. */

const LISTED = 12;
const page = document.querySelector("[data-demo]");
const form = page.querySelector("form");
const storage = `demo-${page.dataset.demo}`;

page.addEventListener("click", (event) => {
  const example = event.target.closest("[data-example]");
  if (!example || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  fill(new URL(example.href).searchParams);
  form.requestSubmit();
});

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.target.id === "answer") remember(event.target);
});

function fill(values) {
  for (const field of form.querySelectorAll("textarea")) field.value = values.get(field.name) ?? "";
}

function remember(answer) {
  if (!answer.dataset.link) return;
  history.replaceState(null, "", answer.dataset.link);
  const asked = [...form.querySelectorAll("textarea")].map((field) => field.value).filter(Boolean).pop() ?? "";
  const entry = { link: answer.dataset.link, asked: asked.slice(0, 110), said: answer.dataset.words ?? "" };
  const entries = [entry, ...read().filter((other) => other.link !== entry.link)].slice(0, LISTED);
  sessionStorage.setItem(storage, JSON.stringify(entries));
  show(entries);
}

function read() {
  return JSON.parse(sessionStorage.getItem(storage) ?? "[]");
}

function show(entries) {
  page.querySelector("[data-history]").hidden = entries.length === 0;
  page.querySelector("[data-history-list]").replaceChildren(...entries.map(item));
}

function item({ link, asked, said }) {
  const line = document.createElement("li");
  const anchor = document.createElement("a");
  anchor.href = link;
  anchor.dataset.example = "";
  anchor.textContent = asked;
  line.append(anchor);
  if (said) {
    const answer = document.createElement("span");
    answer.className = "muted small";
    answer.textContent = ` ${said}`;
    line.append(answer);
  }
  return line;
}

show(read());
const answered = document.getElementById("answer");
if (answered) remember(answered);
