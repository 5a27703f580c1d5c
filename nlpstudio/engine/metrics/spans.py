"""Entity-level precision, recall and F1 of tag sequences, equal to seqeval's, and what went wrong with each span.

Default mode reads chunks as CoNLL's conlleval does: an inside tag without its beginning begins an
entity. Strict mode (IOB2) takes only entities that begin with B. See Tjong Kim Sang and De Meulder,
"Introduction to the CoNLL-2003 Shared Task", and seqeval (Nakayama, 2018).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nlpstudio.engine.metrics.classification import evaluate as evaluate_labels
from nlpstudio.engine.metrics.classification import precision_recall_f1

Chunk = tuple[str, int, int]
Sequences = Sequence[Sequence[str]]

OUTCOMES = ("right", "wrong_type", "wrong_border", "missed", "invented")


def chunks(tags: Sequence[str], *, strict: bool = False) -> list[Chunk]:
    """(type, first token, token after the last) of each entity in one sentence, from left to right."""
    found: list[Chunk] = []
    kind, start = "", -1
    for index, tag in enumerate(tags):
        prefix, own = _cut(tag)
        if start >= 0 and not (prefix in "IE" and own == kind):
            found.append((kind, start, index))
            start = -1
        if start < 0 and (prefix == "B" or (prefix in "IES" and not strict)):
            kind, start = own, index
        if start >= 0 and prefix in "ES":
            found.append((kind, start, index + 1))
            start = -1
    if start >= 0:
        found.append((kind, start, len(tags)))
    return found


def _cut(tag: str) -> tuple[str, str]:
    prefix, dash, kind = tag.partition("-")
    return (prefix, kind) if dash else (tag, "_")


def evaluate(gold: Sequences, predicted: Sequences, *, strict: bool = False) -> dict[str, Any]:
    """Judge IOB2 tags, a sequence a sentence; for plain tags such as parts of speech see `evaluate_plain`.

    Returns {"metrics": {precision, recall, f1 (micro), macro_f1, weighted_f1, token_accuracy},
    "per_label": [{label, precision, recall, f1, support}] by entity type, "confusion": {"outcomes":
    {right, wrong_type, wrong_border, missed, invented}, "by_type": [{label, …the same}]}}.
    Raises `ValueError` when the lengths differ.
    """
    _same_lengths(gold, predicted)
    truth = [chunks(tags, strict=strict) for tags in gold]
    claim = [chunks(tags, strict=strict) for tags in predicted]
    kinds = sorted({kind for sentence in (*truth, *claim) for kind, _, _ in sentence})
    codes = {kind: code for code, kind in enumerate(kinds)}
    hits, claimed, support = (np.zeros(len(kinds), dtype=np.int64) for _ in range(3))
    for right, said in zip(truth, claim, strict=True):
        for kind, _, _ in right:
            support[codes[kind]] += 1
        for kind, _, _ in said:
            claimed[codes[kind]] += 1
        for kind, _, _ in set(right) & set(said):
            hits[codes[kind]] += 1
    precision, recall, f1 = precision_recall_f1(hits, claimed, support)
    total = precision_recall_f1(*(np.array([counts.sum()]) for counts in (hits, claimed, support)))
    metrics = {
        "precision": float(total[0][0]),
        "recall": float(total[1][0]),
        "f1": float(total[2][0]),
        "macro_f1": float(f1.mean()) if len(f1) else 0.0,
        "weighted_f1": float((f1 * support).sum() / support.sum()) if support.sum() else 0.0,
        "token_accuracy": token_accuracy(gold, predicted),
    }
    columns = zip(kinds, precision.tolist(), recall.tolist(), f1.tolist(), support.tolist(), strict=True)
    per_label = [{"label": k, "precision": p, "recall": r, "f1": f, "support": s} for k, p, r, f, s in columns]
    return {"metrics": metrics, "per_label": per_label, "confusion": span_confusion(truth, claim)}


def evaluate_plain(gold: Sequences, predicted: Sequences, labels: Sequence[str]) -> dict[str, Any]:
    """Judge tags without spans (parts of speech): as `classification.evaluate`, over tokens.

    `f1` and `token_accuracy` are both the share of right tokens, so that every tagger has them.
    """
    _same_lengths(gold, predicted)
    truth, claim = ([tag for sentence in tags for tag in sentence] for tags in (gold, predicted))
    judged = evaluate_labels(truth, claim, labels)
    accuracy = judged["metrics"]["accuracy"]
    judged["metrics"] |= {"f1": judged["metrics"]["micro_f1"], "token_accuracy": accuracy}
    return judged


def token_accuracy(gold: Sequences, predicted: Sequences) -> float:
    """The share of tokens with the right tag."""
    right = sum(a == b for left, said in zip(gold, predicted, strict=True) for a, b in zip(left, said, strict=True))
    tokens = sum(map(len, gold))
    return right / tokens if tokens else 0.0


def span_confusion(gold: Sequence[Sequence[Chunk]], predicted: Sequence[Sequence[Chunk]]) -> dict[str, Any]:
    """What became of every gold entity, and which predicted ones overlap none (counted under their own type)."""
    by_type: dict[str, dict[str, int]] = {}
    for truth, claim in zip(gold, predicted, strict=True):
        for outcome, chunk in outcomes(truth, claim):
            counts = by_type.setdefault(chunk[0], dict.fromkeys(OUTCOMES, 0))
            counts[outcome] += 1
    total = {name: sum(counts[name] for counts in by_type.values()) for name in OUTCOMES}
    return {"outcomes": total, "by_type": [{"label": kind, **by_type[kind]} for kind in sorted(by_type)]}


def outcomes(gold: Sequence[Chunk], predicted: Sequence[Chunk]) -> list[tuple[str, Chunk]]:
    """The outcome of each gold entity and of each invented one in a sentence.

    right: same borders and type; wrong_type: same borders; wrong_border: overlaps a predicted entity
    (of any type); missed: overlaps none; invented: predicted and overlaps no gold entity.
    """
    borders = {(start, end): kind for kind, start, end in predicted}
    found: list[tuple[str, Chunk]] = []
    for kind, start, end in gold:
        if (start, end) in borders:
            outcome = "right" if borders[start, end] == kind else "wrong_type"
        else:
            outcome = "wrong_border" if _overlaps(start, end, predicted) else "missed"
        found.append((outcome, (kind, start, end)))
    found += [("invented", chunk) for chunk in predicted if not _overlaps(chunk[1], chunk[2], gold)]
    return found


def _overlaps(start: int, end: int, others: Sequence[Chunk]) -> bool:
    return any(start < stop and begin < end for _, begin, stop in others)


def _same_lengths(gold: Sequences, predicted: Sequences) -> None:
    if len(gold) != len(predicted):
        raise ValueError(f"{len(gold)} gold sentences and {len(predicted)} predicted ones")
    for index, (left, right) in enumerate(zip(gold, predicted, strict=True)):
        if len(left) != len(right):
            raise ValueError(f"sentence {index} has {len(left)} gold tags and {len(right)} predicted ones")
