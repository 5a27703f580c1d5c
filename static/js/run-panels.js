/* [data-panel]: one uPlot chart each. Colours come from the tokens, words from the panel's data- attributes. */

import { smoothed } from "./run-curves.js";
import { colour } from "./theme.js";

const SCORES = ["macro_f1", "f1", "accuracy", "exact_match", "majority_accuracy", "pair_accuracy"];
const MEGABYTE = 1e6;

export class Panels {
  constructor(root) {
    this.root = root;
    this.panels = new Map();
    for (const element of root.querySelectorAll("[data-panel]")) this.panels.set(element.dataset.panel, { element });
  }

  draw(curves) {
    const isLog = this.root.querySelector("[data-log-axis]").checked;
    const weight = Number(this.root.querySelector("[data-smoothing]").value);
    this.#show("loss", lossPanel(curves, weight, this.#words("loss")), { isLog });
    this.#show("scores", scoresPanel(curves, this.#words("scores")), { best: curves.best });
    if (this.panels.has("perplexity")) this.#show("perplexity", perplexityPanel(curves, this.#words("perplexity")), { isLog: true, best: curves.best });
    this.#show("lr", single(curves, "lr", this.#words("lr")), {});
    this.#show("tokens_per_s", single(curves, "tokens_per_s", this.#words("tokens_per_s")), {});
    if (this.panels.has("ceiling")) this.#show("ceiling", single(curves, "tokens_per_s", this.#words("ceiling"), curves.ceiling / 100), {});
    this.#show("memory", single(curves, "memory_bytes", this.#words("memory"), MEGABYTE), {});
  }

  /* After a change of theme. */
  repaint(curves) {
    for (const panel of this.panels.values()) forget(panel);
    this.draw(curves);
  }

  resize() {
    for (const { element, plot } of this.panels.values()) plot?.setSize(sizeOf(element));
  }

  #words(name) {
    return this.panels.get(name).element.dataset;
  }

  #show(name, { series, data }, options) {
    const panel = this.panels.get(name);
    panel.best = options.best ?? null;
    const shape = JSON.stringify([series.map((each) => each.label), options.isLog]);
    if (panel.shape !== shape) forget(panel);
    panel.shape = shape;
    if (panel.plot) panel.plot.setData(data);
    else {
      panel.plot = new window.uPlot(optionsOf(panel, series, options), data, panel.element);
      requestAnimationFrame(() => panel.plot?.setSize(sizeOf(panel.element))); // once its legend has been laid out
    }
  }
}

function forget(panel) {
  panel.plot?.destroy();
  panel.plot = null;
}

/* Values of two sets of steps side by side: nulls where one has none. */
function joined(tables) {
  const steps = [...new Set(tables.flatMap(([xs]) => xs))].sort((a, b) => a - b);
  const place = new Map(steps.map((step, index) => [step, index]));
  const columns = tables.flatMap(([xs, ...rows]) =>
    rows.map((row) => {
      const column = new Array(steps.length).fill(null);
      xs.forEach((step, index) => (column[place.get(step)] = row[index]));
      return column;
    }),
  );
  return [steps, ...columns];
}

function lossPanel(curves, weight, words) {
  const { step, loss } = curves.steps;
  const judged = curves.validation.filter((entry) => entry.metrics.loss !== undefined);
  const validation = [judged.map((entry) => entry.step), judged.map((entry) => entry.metrics.loss)];
  const data = joined([[step, loss, smoothed(loss, weight)], validation]);
  const series = [
    { label: words.raw, tone: 1, alpha: 0.4, show: weight > 0 },
    { label: words.smooth, tone: 4 },
    { label: words.validation, tone: 5, points: true },
  ];
  return { series, data };
}

function scoresPanel(curves, words) {
  const judged = curves.validation;
  const names = SCORES.filter((name) => judged.some((entry) => name in entry.metrics));
  const columns = names.map((name) => judged.map((entry) => entry.metrics[name] ?? null));
  const series = names.map((name, index) => ({ label: words[name], tone: [2, 0, 6, 7, 3, 1][index], points: true }));
  return { series, data: [judged.map((entry) => entry.step), ...columns] };
}

function perplexityPanel(curves, words) {
  const judged = curves.validation.filter((entry) => entry.metrics.perplexity !== undefined);
  const data = [judged.map((entry) => entry.step), judged.map((entry) => entry.metrics.perplexity)];
  return { series: [{ label: words.name, tone: 5, points: true }], data };
}

function single(curves, column, words, divisor = 1) {
  const values = curves.steps[column].map((value) => (value === null || !divisor ? null : value / divisor));
  return { series: [{ label: words.name, tone: 4 }], data: [curves.steps.step, values] };
}

function optionsOf(panel, series, { isLog }) {
  const { element } = panel;
  const axis = { stroke: colour("--muted"), grid: { stroke: colour("--grid"), width: 1 }, ticks: { show: false } };
  const size = (plot, values) => 16 + 7 * Math.max(3, ...(values ?? []).map((value) => String(value ?? "").length));
  return {
    ...sizeOf(element),
    scales: { x: { time: false }, y: { distr: isLog ? 3 : 1 } },
    axes: [{ ...axis, size: 32 }, { ...axis, size, values: (plot, ticks) => ticks.map((tick) => (tick === null ? "" : short(tick))) }],
    series: [{ label: document.documentElement.lang.startsWith("zh") ? "步" : "Step" }, ...series.map(seriesOf)],
    legend: { live: true },
    hooks: { draw: [(plot) => markBest(plot, panel.best)] },
  };
}

function seriesOf({ label, tone, alpha = 1, show = true, points = false }) {
  const stroke = colour(`--tone-${tone}`);
  return {
    label,
    stroke,
    alpha,
    show,
    width: 1.5,
    spanGaps: true,
    points: { show: points, size: 6, fill: stroke },
    value: (plot, value) => (value === null ? "–" : short(value)),
  };
}

/* A dashed line at the step whose weights are kept. */
function markBest(plot, step) {
  if (step === null || !plot.data[0].includes(step)) return;
  const x = Math.round(plot.valToPos(step, "x", true));
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = colour("--finished");
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(x, bbox.top);
  ctx.lineTo(x, bbox.top + bbox.height);
  ctx.stroke();
  const words = plot.root.parentElement.dataset.best;
  ctx.fillStyle = colour("--finished");
  ctx.font = `${11 * devicePixelRatio}px system-ui`;
  const isNearEnd = x > bbox.left + bbox.width * 0.85;
  ctx.textAlign = isNearEnd ? "right" : "left";
  ctx.textBaseline = "bottom";
  ctx.fillText(words, x + (isNearEnd ? -4 : 4) * devicePixelRatio, bbox.top + bbox.height - 4 * devicePixelRatio);
  ctx.restore();
}

function sizeOf(element) {
  const legend = element.querySelector(".u-legend")?.offsetHeight ?? 24;
  const low = element.classList.contains("is-low");
  return { width: Math.max(element.clientWidth, 120), height: (low ? 160 : 260) - legend };
}

/* Three significant digits. */
export function short(value) {
  if (value !== 0 && Math.abs(value) < 0.001) return value.toExponential(1);
  return Number(value.toPrecision(3)).toLocaleString(document.documentElement.lang);
}
