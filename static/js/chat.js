/* [data-chat=URL]: a conversation that this tab holds. Each message is sent with all that was said before it, and the
   answer appears as it is written. */

import { parametersOf, write } from "./writing.js";

const page = document.querySelector("[data-chat]");
const part = (name) => page.querySelector(`[data-chat-${name}]`);
const [turns, empty, error, form] = ["turns", "empty", "error", "form"].map(part);
const [send, stop, again, clear, pace, settings] = ["send", "stop", "again", "clear", "pace", "settings"].map(part);
const box = form.elements.message;
const storage = `chat-${page.dataset.chat}`;
let said = JSON.parse(sessionStorage.getItem(storage) ?? "[]");
let writing = null;
const SLACK_PX = 48;

/* How far the end of an answer lies behind the message that is being typed, in pixels; less than 0 when it is in sight. */
const hiddenBy = (place) => place.getBoundingClientRect().bottom - form.getBoundingClientRect().top;

function show(role, text) {
  const line = page.querySelector(`[data-chat-turn=${role}]`).content.firstElementChild.cloneNode(true);
  const place = line.querySelector(".turn-text");
  place.textContent = text;
  turns.append(line);
  line.scrollIntoView({ block: "nearest" });
  return place;
}

function settle() {
  sessionStorage.setItem(storage, JSON.stringify(said));
  empty.hidden = said.length > 0;
  send.disabled = Boolean(writing);
  stop.hidden = !writing;
  clear.disabled = !said.length || Boolean(writing);
  again.disabled = clear.disabled || said.at(-1).role !== "assistant";
}

function showAll() {
  turns.replaceChildren();
  for (const { role, content } of said) show(role, content);
  settle();
}

async function answer() {
  const system = settings.elements.system.value.trim();
  const messages = [...(system ? [{ role: "system", content: system }] : []), ...said];
  const place = show("assistant", "");
  place.setAttribute("aria-busy", "true");
  writing = new AbortController();
  error.hidden = true;
  settle();
  const began = performance.now();
  let text = "";
  try {
    await write(page.dataset.chat, { messages }, parametersOf(settings), {
      signal: writing.signal,
      onText(piece, { tokens }) {
        text += piece;
        const follows = hiddenBy(place) < SLACK_PX; // who has scrolled up to read is left there
        place.textContent = text;
        if (follows) window.scrollBy(0, Math.max(0, hiddenBy(place) + SLACK_PX / 2));
        pace.textContent = `${(tokens / ((performance.now() - began) / 1000)).toFixed(1)} token/s`;
      },
    });
  } catch (problem) {
    if (problem.name !== "AbortError") {
      error.textContent = problem.isForPeople ? problem.message : page.dataset.failed;
      error.hidden = false;
    }
  }
  place.removeAttribute("aria-busy");
  if (text) said.push({ role: "assistant", content: text });
  else place.closest("li").remove();
  writing = null;
  settle();
  box.focus();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const content = box.value.trim();
  if (!content || writing) return;
  box.value = "";
  if (said.at(-1)?.role === "user") {
    said.pop();
    turns.lastElementChild.remove();
  }
  said.push({ role: "user", content });
  show("user", content);
  answer();
});

box.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  form.requestSubmit();
});

stop.addEventListener("click", () => writing?.abort());

again.addEventListener("click", () => {
  said.pop();
  showAll();
  answer();
});

clear.addEventListener("click", () => {
  said = [];
  pace.textContent = "";
  error.hidden = true;
  showAll();
  box.focus();
});

page.addEventListener("click", (event) => {
  const example = event.target.closest("[data-chat-example]");
  if (!example || writing) return;
  box.value = example.dataset.chatExample;
  form.requestSubmit();
});

settings.addEventListener("submit", (event) => event.preventDefault());
showAll();
