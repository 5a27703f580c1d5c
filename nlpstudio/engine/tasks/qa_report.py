"""How well questions were answered: scores, tables by kind of question, and a record of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from nlpstudio.engine.data.facts import question_word
from nlpstudio.engine.data.rows import QARow
from nlpstudio.engine.data.tokens import word_count
from nlpstudio.engine.metrics import answers as metrics
from nlpstudio.engine.tasks.base import Report, Setup
from nlpstudio.engine.tasks.span_search import Found, probabilities

UNTUNED = 0.0
SHOWN = 5
LENGTHS = ((1, "1"), (2, "2"), (4, "3–4"), (8, "5–8"), (16, "9–16"))
LONGER, NO_ANSWER = "17+", "no answer"
SCHEMA = pa.schema(
    [
        ("row_id", pa.int64()),
        ("gold", pa.list_(pa.string())),
        ("predicted", pa.list_(pa.string())),
        ("start", pa.int32()),
        ("end", pa.int32()),
        ("confidence", pa.float32()),
        ("correct", pa.bool_()),
        ("f1", pa.float32()),
        ("loss", pa.float32()),
        ("no_answer_score", pa.float32()),
        (
            "n_best",
            pa.list_(
                pa.struct(
                    [("answer", pa.string()), ("score", pa.float32()), ("start", pa.int32()), ("end", pa.int32())]
                )
            ),
        ),
    ]
)


def variant_of(rows: Sequence[QARow]) -> str:
    """The scorer for these rows: CMRC's for Chinese ones, SQuAD 2.0's where some are unanswerable, else 1.1's."""
    if metrics.variant_for(list(dict.fromkeys(row.context for row in rows))) == metrics.CMRC:
        return metrics.CMRC
    return metrics.SQUAD1 if all(row.answers for row in rows) else metrics.SQUAD2


def threshold_of(rows: Sequence[QARow], setup: Setup) -> float | None:
    """The tuned threshold of "no answer", `UNTUNED` where rows need one that has none yet, else None."""
    tuned: float | None = setup.decision.get("no_answer_threshold")
    return UNTUNED if tuned is None and not all(row.answers for row in rows) else tuned


def best_text(row: QARow, found: Found) -> str:
    """The best span's text, whatever the score of "no answer"."""
    return row.context[found.candidates[0].start : found.candidates[0].end] if found.candidates else ""


def report(rows: Sequence[QARow], predictions: Sequence[Found], setup: Setup) -> Report:
    """Exact match and F1 from 0 to 1, and both by question word and by length of the answer in words."""
    threshold = threshold_of(rows, setup)
    predicted = [_chosen(row, found, threshold) for row, found in zip(rows, predictions, strict=True)]
    gold = [[text for text, _ in row.answers] for row in rows]
    judged = metrics.evaluate(gold, predicted, variant=variant_of(rows))
    losses = [found.loss for found in predictions if found.loss is not None]
    scores = judged["per_question"]
    return Report(
        rows=len(rows),
        metrics={**judged["metrics"], "loss": float(np.mean(losses)) if losses else 0.0},
        by_question_word=_table(rows, scores, lambda row: question_word(row.question), ()),
        by_answer_length=_table(rows, scores, _length, (*(name for _, name in LENGTHS), LONGER, NO_ANSWER)),
    )


def records(rows: Sequence[QARow], predictions: Sequence[Found], setup: Setup) -> list[dict[str, Any]]:
    """One record a row; `gold` and `predicted` are empty for "no answer", whose `start` and `end` are -1."""
    threshold, variant = threshold_of(rows, setup), variant_of(rows)
    return [_record(row, found, threshold, variant) for row, found in zip(rows, predictions, strict=True)]


def _record(row: QARow, found: Found, threshold: float | None, variant: str) -> dict[str, Any]:
    shares, none = probabilities(found, threshold)
    text = _chosen(row, found, threshold)
    gold = [answer for answer, _ in row.answers]
    judged = metrics.judge(gold, text, variant)
    n_best = [
        {"answer": row.context[each.start : each.end], "score": share, "start": each.start, "end": each.end}
        for each, share in zip(found.candidates[:SHOWN], shares, strict=False)
    ]
    return {
        "row_id": row.row_id,
        "gold": list(dict.fromkeys(gold)),
        "predicted": [text] if text else [],
        "start": found.candidates[0].start if text else -1,
        "end": found.candidates[0].end if text else -1,
        "confidence": shares[0] if text else none,
        "correct": judged.exact_match == 1.0,
        "f1": judged.f1,
        "loss": found.loss or 0.0,
        "no_answer_score": none,
        "n_best": n_best,
    }


def _chosen(row: QARow, found: Found, threshold: float | None) -> str:
    is_none = threshold is not None and found.no_answer_margin > threshold
    return "" if is_none else best_text(row, found)


def _length(row: QARow) -> str:
    """The class of the shortest right answer, in words (a Chinese character is one)."""
    if not row.answers:
        return NO_ANSWER
    words = min(word_count(text) for text, _ in row.answers)
    return next((name for most, name in LENGTHS if words <= most), LONGER)


def _table(
    rows: Sequence[QARow], scores: Sequence[Mapping[str, float]], kind_of: Callable[[QARow], str], order: Sequence[str]
) -> list[dict[str, Any]]:
    """{label, rows, exact_match, f1} of each kind, in `order` or the most frequent first."""
    groups: dict[str, list[Mapping[str, float]]] = {}
    for row, score in zip(rows, scores, strict=True):
        groups.setdefault(kind_of(row), []).append(score)
    names = [name for name in order if name in groups] or sorted(groups, key=lambda name: (-len(groups[name]), name))
    return [
        {
            "label": name,
            "rows": len(groups[name]),
            **{key: float(np.mean([score[key] for score in groups[name]])) for key in ("exact_match", "f1")},
        }
        for name in names
    ]
