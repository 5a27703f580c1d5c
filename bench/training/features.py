"""Rows as the peers tokenise them: the way of transformers' own example scripts (run_classification, run_ner, run_qa)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from transformers import PreTrainedTokenizerBase

from bench.training.data import Rows
from bench.training.setting import DOC_STRIDE

Feature = dict[str, Any]
IGNORED = -100


def encode(rows: Rows, tokenizer: PreTrainedTokenizerBase, max_length: int) -> list[Feature]:
    """The training rows as `input_ids`, `attention_mask`, labels, and so on; long contexts give several features."""
    return ENCODERS[rows.task](rows, tokenizer, max_length)


def _classification(rows: Rows, tokenizer: Any, max_length: int) -> list[Feature]:
    index_of = {label: index for index, label in enumerate(rows.labels)}
    found: Any = rows.train
    pairs = [row.text_pair for row in found] if found[0].text_pair is not None else None
    encoded = tokenizer([row.text for row in found], pairs, truncation=True, max_length=max_length)
    labels = [index_of[row.labels[0]] for row in found]
    return [{**feature, "labels": label} for feature, label in zip(_each(encoded), labels, strict=True)]


def _ner(rows: Rows, tokenizer: Any, max_length: int) -> list[Feature]:
    """The first piece of a word carries its tag."""
    index_of = {label: index for index, label in enumerate(rows.labels)}
    found: Any = rows.train
    words = [[row.text[begin:end] for begin, end in row.tokens] for row in found]
    encoded = tokenizer(words, is_split_into_words=True, truncation=True, max_length=max_length)
    features = []
    for number, feature in enumerate(_each(encoded)):
        word_ids = encoded.word_ids(number)
        before = [None, *word_ids]
        labels = [
            IGNORED if word is None or word == last else index_of[found[number].tags[word]]
            for last, word in zip(before, word_ids, strict=False)
        ]
        features.append({**feature, "labels": labels})
    return features


def _qa(rows: Rows, tokenizer: Any, max_length: int) -> list[Feature]:
    """Windows over the context; one without the answer points at its first token."""
    found: Any = rows.train
    encoded = tokenizer(
        [row.question.strip() for row in found],
        [row.context for row in found],
        truncation="only_second",
        max_length=max_length,
        stride=DOC_STRIDE,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )
    row_of, offsets = encoded.pop("overflow_to_sample_mapping"), encoded.pop("offset_mapping")
    features = []
    for number, feature in enumerate(_each(encoded)):
        text, begin = found[row_of[number]].answers[0]
        start, end = _span(offsets[number], encoded.sequence_ids(number), begin, begin + len(text))
        features.append({**feature, "start_positions": start, "end_positions": end})
    return features


def _span(offsets: Sequence[tuple[int, int]], sequences: Sequence[int | None], begin: int, end: int) -> tuple[int, int]:
    """The first and last token of the answer `begin:end` in this window, or (0, 0)."""
    context = [index for index, sequence in enumerate(sequences) if sequence == 1]
    if offsets[context[0]][0] > begin or offsets[context[-1]][1] < end:
        return 0, 0
    first = next(index for index in reversed(context) if offsets[index][0] <= begin)
    last = next(index for index in context if offsets[index][1] >= end)
    return first, last


def _each(encoded: Mapping[str, Sequence[Any]]) -> list[Feature]:
    keys = list(encoded)
    return [dict(zip(keys, values, strict=True)) for values in zip(*(encoded[key] for key in keys), strict=True)]


ENCODERS: Mapping[str, Callable[[Rows, Any, int], list[Feature]]] = {
    "classification": _classification,
    "ner": _ner,
    "qa": _qa,
}
