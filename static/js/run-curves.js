/* The curves of a run as columns, and what each event adds to them. */

const COLUMNS = ["loss", "lr", "tokens_per_s", "memory_bytes"];
const MOST_POINTS = 2000;

export class Curves {
  constructor(loaded) {
    this.after = loaded.after;
    this.best = loaded.best_step;
    this.ceiling = loaded.ceiling; // tokens a second of a device that only multiplies matrices
    this.steps = loaded.steps;
    this.evaluations = loaded.evaluations;
  }

  get isEmpty() {
    return this.steps.step.length === 0;
  }

  /* Evaluations of the split that chooses the best, one a step. */
  get validation() {
    return this.evaluations.filter((entry) => entry.split === "validation");
  }

  add(event) {
    if (event.seq <= this.after) return;
    this.after = event.seq;
    if (event.kind === "step") this.#step(event);
    else if (event.kind === "evaluated") this.#evaluated(event);
    else if (event.kind === "saved" && event.best) this.best = event.step;
    else if (event.kind === "prepared") {
      this.ceiling = event.ceiling_tokens_per_s;
      this.#goBackTo(event.resumed_from);
    }
  }

  #step(event) {
    this.steps.step.push(event.step);
    for (const name of COLUMNS) this.steps[name].push(event[name]);
    if (this.steps.step.length > MOST_POINTS) this.#thinOut();
  }

  #evaluated(event) {
    const others = this.evaluations.filter((entry) => entry.step !== event.step || entry.split !== event.split);
    this.evaluations = [...others, event].sort((a, b) => a.step - b.step);
  }

  /* A resumed run does again what lay beyond its checkpoint. */
  #goBackTo(step) {
    const length = this.steps.step.filter((each) => each <= step).length;
    for (const column of Object.values(this.steps)) column.length = length;
    this.evaluations = this.evaluations.filter((entry) => entry.step <= step);
  }

  #thinOut() {
    const last = this.steps.step.length - 1;
    for (const name of Object.keys(this.steps)) {
      this.steps[name] = this.steps[name].filter((_, index) => index % 2 === 0 || index === last);
    }
  }
}

/* An exponential mean that does not start at zero. `weight` 0 is the curve itself. */
export function smoothed(values, weight) {
  let sum = 0;
  let norm = 0;
  return values.map((value) => {
    if (value === null) return null;
    sum = sum * weight + value * (1 - weight);
    norm = norm * weight + (1 - weight);
    return sum / norm;
  });
}
