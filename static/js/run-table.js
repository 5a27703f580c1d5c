/* The curves as a table: at most so many steps, and every evaluation. */

import { short } from "./run-panels.js";

const MOST_ROWS = 100;
const MEGABYTE = 1e6;

export function fillTable(details, curves) {
  const { step, loss, lr, tokens_per_s: speed, memory_bytes: memory } = curves.steps;
  const stride = Math.max(1, Math.ceil(step.length / MOST_ROWS));
  const rows = step
    .map((number, index) => ({ number, index }))
    .filter(({ index }) => index % stride === 0 || index === step.length - 1)
    .map(({ number, index }) => ({
      number,
      cells: [loss[index], lr[index], speed[index], memory[index] === null ? null : memory[index] / MEGABYTE],
      words: "",
    }));
  for (const entry of curves.validation) {
    const words = Object.entries(entry.metrics).map(([name, value]) => `${name} ${value === null ? "–" : short(value)}`);
    rows.push({ number: entry.step, cells: [null, null, null, null], words: words.join(", ") });
  }
  rows.sort((a, b) => a.number - b.number);
  details.querySelector("tbody").replaceChildren(...rows.map(rowOf));
}

function rowOf({ number, cells, words }) {
  const row = document.createElement("tr");
  const texts = [String(number), ...cells.map((value) => (value === null ? "" : short(value)))];
  row.append(...texts.map((text) => cellOf(text, "num")), cellOf(words, ""));
  return row;
}

function cellOf(text, className) {
  const cell = document.createElement("td");
  cell.className = className;
  cell.textContent = text;
  return cell;
}
