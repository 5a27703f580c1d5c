"""Whole fine-tunes of ours and of transformers' recipes as one Markdown table."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from bench.training.models import ON_THE_SHELF
from bench.training.task_sets import METRICS, TaskSet, Whole

OURS, THEIRS = "ours", "trainer"
WORDS = {"accuracy": "accuracy", "f1": "F1", "exact_match": "exact match"}
HEAD = (
    "| data | base model | rows → held out | epochs, batch, length, rate | score | transformers' recipe | NLP Studio "
    "| difference ± s.e. | CPU-minutes a run, theirs / ours |"
)


def markdown(found: Sequence[tuple[TaskSet, Sequence[Whole]]]) -> str:
    """One line for each score of each set; scores are percent, mean ± standard deviation over the seeds."""
    lines = [HEAD, "|" + " --- |" * (HEAD.count("|") - 1)]
    for wanted, wholes in found:
        lines += [_line(wanted, wholes, metric) for metric in METRICS[wanted.task]]
    return "\n".join([*lines, ""])


def difference(wholes: Sequence[Whole], metric: str) -> tuple[float, float]:
    """Ours minus theirs in points, and its standard error over the seeds (0 for a single one)."""
    ours, theirs = (_scores(wholes, contender, metric) for contender in (OURS, THEIRS))
    error = sum(statistics.variance(each) / len(each) for each in (ours, theirs) if len(each) > 1) ** 0.5
    return statistics.mean(ours) - statistics.mean(theirs), error


def is_whole(wholes: Sequence[Whole]) -> bool:
    """Whether both contenders were measured."""
    return {OURS, THEIRS} <= {whole.contender for whole in wholes}


def _line(wanted: TaskSet, wholes: Sequence[Whole], metric: str) -> str:
    points, error = difference(wholes, metric)
    minutes = {
        contender: statistics.mean(whole.cpu_seconds for whole in wholes if whole.contender == contender) / 60
        for contender in (OURS, THEIRS)
    }
    values = [
        wanted.name,
        ON_THE_SHELF[wanted.model],
        f"{wanted.rows:,} → {wanted.held_out:,}",
        f"{wanted.epochs}, {wanted.batch_size}, {wanted.max_length}, {wanted.learning_rate:g}",
        WORDS[metric],
        f"{_mean(wholes, THEIRS, metric)} ({_precision(wholes, THEIRS)})",
        f"{_mean(wholes, OURS, metric)} ({_precision(wholes, OURS)})",
        f"{points:+.2f} ± {error:.2f}" if error else f"{points:+.2f}, no s.e. yet",
        f"{minutes[THEIRS]:.1f} / {minutes[OURS]:.1f}",
    ]
    return "| " + " | ".join(values) + " |"


def _mean(wholes: Sequence[Whole], contender: str, metric: str) -> str:
    scores = _scores(wholes, contender, metric)
    spread = f" ± {statistics.stdev(scores):.2f}" if len(scores) > 1 else ""
    return f"{statistics.mean(scores):.2f}{spread}, {len(scores)} seed{'s' if len(scores) > 1 else ''}"


def _scores(wholes: Sequence[Whole], contender: str, metric: str) -> list[float]:
    return [100 * whole.scores[metric] for whole in wholes if whole.contender == contender]


def _precision(wholes: Sequence[Whole], contender: str) -> str:
    return "/".join(sorted({whole.precision for whole in wholes if whole.contender == contender}))
