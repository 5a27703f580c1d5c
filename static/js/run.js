/* [data-run]: the curves of a run. Loads them once, then follows the run's events; after a break it goes on from the
   last event it saw, so that nothing is missing and nothing is there twice. */

import { Curves } from "./run-curves.js";
import { Panels } from "./run-panels.js";
import { fillTable } from "./run-table.js";

const DRAW_MS = 250;
const LONGEST_WAIT_MS = 10_000;

async function start(root) {
  const panels = new Panels(root);
  const table = root.querySelector("[data-run-table]");
  const empty = root.querySelector("[data-run-empty]");
  const neverToBe = root.querySelector("[data-run-over]");
  const curves = new Curves(await load(root));
  let timer = 0;

  function draw() {
    timer = 0;
    empty.hidden = !curves.isEmpty;
    if (neverToBe) neverToBe.hidden = curves.isEmpty;
    panels.draw(curves);
    if (table.open) fillTable(table, curves);
  }

  function drawSoon() {
    timer ||= setTimeout(draw, DRAW_MS);
  }

  table.addEventListener("toggle", () => table.open && fillTable(table, curves));
  root.addEventListener("change", draw);
  document.addEventListener("studio:theme", () => panels.repaint(curves));
  new ResizeObserver(() => panels.resize()).observe(root);
  draw();
  follow(root, () => curves.after, (event) => {
    curves.add(event);
    drawSoon();
  });
}

async function load(root) {
  const answer = await fetch(root.dataset.chart, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`the curves could not be loaded: ${answer.status}`);
  return answer.json();
}

function follow(root, after, take) {
  let wait = 500;
  function open() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}${root.dataset.socket}?after=${after()}`);
    socket.addEventListener("message", (message) => {
      wait = 500;
      take(JSON.parse(message.data));
    });
    socket.addEventListener("close", (event) => {
      if (event.code >= 4400) return; // the door is shut
      setTimeout(open, wait);
      wait = Math.min(wait * 2, LONGEST_WAIT_MS);
    });
  }
  open();
}

for (const root of document.querySelectorAll("[data-run]")) start(root);
