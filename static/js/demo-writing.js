/* [data-writes=URL]: the answer of the demo page appears as it is written; without this script the form is sent whole. */

import { parametersOf, write } from "./writing.js";

const form = document.querySelector("[data-writes]");
const place = document.querySelector("[data-writing]");
const text = place.querySelector("[data-writing-text]");
const pace = place.querySelector("[data-writing-pace]");
const problem = place.querySelector("[data-writing-error]");
const stop = form.querySelector("[data-writing-stop]");
let writing = null;

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  writing?.abort();
  const mine = (writing = new AbortController());
  document.getElementById("answer")?.replaceChildren();
  place.hidden = stop.hidden = false;
  problem.hidden = true;
  text.textContent = pace.textContent = "";
  const began = performance.now();
  try {
    await write(form.dataset.writes, form.elements.text.value, parametersOf(form), {
      signal: mine.signal,
      onText(piece, { tokens }) {
        text.textContent += piece;
        pace.textContent = `${tokens} · ${(tokens / ((performance.now() - began) / 1000)).toFixed(1)} token/s`;
      },
    });
  } catch (error) {
    if (error.name !== "AbortError") {
      problem.textContent = error.isForPeople ? error.message : place.dataset.failed;
      problem.hidden = false;
    }
  }
  if (writing === mine) stop.hidden = true;
});

stop.addEventListener("click", () => writing?.abort());
