"""The courses of trials as a Markdown table: final accuracy, and the time to Trainer's."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from bench.training.trial import TRAINER, Course


def markdown(courses: Sequence[Course]) -> str:
    """One line a recipe: its final accuracy, and how long it took to Trainer's."""
    by_recipe: dict[str, list[Course]] = {}
    for course in courses:
        by_recipe.setdefault(course.trial.recipe, []).append(course)
    trial, base = courses[0].trial, by_recipe[TRAINER]
    target = statistics.mean(course.last.accuracy for course in base)
    whole = statistics.mean(course.last.cpu for course in base)
    lines = [
        f"### {trial.data}, {trial.model}, {trial.rows:,} rows, {len(base)} seed{'s' if len(base) > 1 else ''}",
        "",
        f"Batch {trial.batch_size}, {trial.max_length} tokens, accuracy on {trial.validation:,} validation rows every "
        f"{trial.every} steps. Target: {target:.4f}, the mean of Trainer's ends.",
        "",
        "| recipe | settings | final accuracy (mean ± s.e.) | CPU-s in all | seeds that reach the target "
        "| CPU-s to the target (mean) | share of Trainer's run |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [_line(recipe, found, target, whole) for recipe, found in by_recipe.items()]
    return "\n".join([*lines, ""])


def _line(recipe: str, found: Sequence[Course], target: float, whole: float) -> str:
    finals = [course.last.accuracy for course in found]
    error = f" ± {statistics.stdev(finals) / len(finals) ** 0.5:.4f}" if len(finals) > 1 else ""
    reached = [point.cpu for course in found if (point := course.reaches(target))]
    settings = ", ".join(f"{key} {value}" for key, value in found[0].trial.params.items())
    values = [
        f"{recipe} ({found[0].precision})",
        settings or "defaults",
        f"{statistics.mean(finals):.4f}{error}",
        f"{statistics.mean(course.last.cpu for course in found):.1f}",
        f"{len(reached)} of {len(found)}",
        f"{statistics.mean(reached):.1f}" if reached else "–",
        f"{statistics.mean(reached) / whole:.2f}" if reached else "–",
    ]
    return "| " + " | ".join(values) + " |"
