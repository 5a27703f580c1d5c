"""Tagging of tokens: named entities (IOB2 tags), or plain tags such as parts of speech.

A row becomes one example, or overlapping windows when it is long; each token's tag is read from its first
word piece in the window where that has most context.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from transformers import AutoModelForTokenClassification, PreTrainedTokenizerBase

from nlpstudio.engine.data.rows import TaggedRow
from nlpstudio.engine.data.tokens import cut_tokens
from nlpstudio.engine.encoders.example import Example
from nlpstudio.engine.errors import UnsuitableInput, UnusableData
from nlpstudio.engine.metrics import spans as metrics
from nlpstudio.engine.shapes import Entity, Parameters, TokenTag
from nlpstudio.engine.tasks import tagging_answers
from nlpstudio.engine.tasks.alignment import Alignment, align
from nlpstudio.engine.tasks.base import Encoded, Report, Setup
from nlpstudio.engine.tasks.pieces import Frame, Ints, Pieces, cut
from nlpstudio.engine.tasks.tag_decoding import Tagset, completed, spans_of
from nlpstudio.engine.tasks.tagging_answers import Tagged
from nlpstudio.engine.tasks.windows import Window, windows

IGNORED = -100
SPAN = [("start", pa.int32()), ("end", pa.int32()), ("label", pa.string())]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaggingExample(Example):
    """One window of a row. `targets` [tokens] are tags' indices, or `IGNORED`: each token's is in one window only.

    `window` is in pieces of the row, of which the first stands at `offset` in `ids`.
    """

    pieces: Pieces
    alignment: Alignment
    window: Window
    offset: int
    targets: Ints


class TokenClassification:
    """A row's prediction is a `Tagged`: the logits of all its pieces, and a legal tag for each token."""

    name = "ner"
    encodes_by_chance = False
    pipeline_tag = "token-classification"
    input_names = ("text",)
    model_class = AutoModelForTokenClassification
    schema = pa.schema(
        [
            ("row_id", pa.int64()),
            ("gold", pa.list_(pa.string())),
            ("predicted", pa.list_(pa.string())),
            ("gold_spans", pa.list_(pa.struct(SPAN))),
            ("predicted_spans", pa.list_(pa.struct([*SPAN, ("score", pa.float32())]))),
            ("confidence", pa.float32()),
            ("correct", pa.bool_()),
            ("loss", pa.float32()),
        ]
    )

    def outputs(self, labels: Sequence[str]) -> tuple[str, ...]:
        """IOB2 tags made complete, O first; plain tags as they are. Raises `UnusableData` for fewer than two."""
        outputs = completed(labels)
        if len(outputs) < 2:
            found = f"only {outputs[0]!r}" if outputs else "none"
            raise UnusableData(f"A tagger needs at least two tags, found {found}", hint="Check the tag column.")
        return outputs

    def config(self, setup: Setup) -> dict[str, Any]:
        return {}

    def encode(
        self, rows: Sequence[TaggedRow], tokenizer: PreTrainedTokenizerBase, setup: Setup, *, first: int = 0
    ) -> Encoded[TaggingExample]:
        """Cut rows into pieces and windows that overlap by `doc_stride` pieces. Nothing is cut off."""
        frame = Frame.of(tokenizer, pair=False)
        index_of = {label: index for index, label in enumerate(setup.labels)}
        examples: list[TaggingExample] = []
        for number, (row, pieces) in enumerate(zip(rows, cut([row.text for row in rows], tokenizer), strict=True)):
            alignment = align(row.tokens, pieces)
            targets = np.full(len(pieces), IGNORED, dtype=np.int32)
            for piece, tag in zip(alignment.first.tolist(), row.tags, strict=bool(row.tags)):
                if tag not in index_of:
                    raise UnusableData(
                        f"line {row.line}: the model does not know the tag {tag!r}",
                        hint=f"It knows {', '.join(setup.labels)}.",
                    )
                if piece >= 0:
                    targets[piece] = index_of[tag]
            room = setup.max_length - frame.size
            for window in windows(len(pieces), room=room, overlap=setup.params.doc_stride):
                examples.append(_example(frame, pieces, alignment, window, targets, row=first + number))
        return Encoded(examples=examples)

    def balance(self, examples: Sequence[TaggingExample], setup: Setup) -> tuple[float, ...] | None:
        """n / (tags * tokens of the tag), as scikit-learn's "balanced"; a tag without tokens weighs 1."""
        counts = _counts(examples, setup)
        weights = np.where(counts > 0, counts.sum() / (len(counts) * np.maximum(counts, 1)), 1.0)
        return tuple(float(weight) for weight in weights)

    def weight(self, examples: Sequence[TaggingExample], setup: Setup) -> float:
        """The number of tagged tokens, each with its tag's weight; 1 where there is none."""
        counts = _counts(examples, setup)
        weights = np.ones(len(counts)) if setup.class_weights is None else np.array(setup.class_weights)
        return float(counts @ weights) or 1.0

    def loss(self, logits: Tensor, examples: Sequence[TaggingExample], setup: Setup) -> Tensor:
        """Cross-entropy of each token's first piece."""
        gold = torch.from_numpy(np.concatenate([example.targets for example in examples])).long().to(logits.device)
        return F.cross_entropy(
            logits,
            gold,
            weight=None if setup.class_weights is None else logits.new_tensor(setup.class_weights),
            ignore_index=IGNORED,
            label_smoothing=setup.params.label_smoothing,
            reduction="sum",
        )

    def decode(
        self,
        rows: Sequence[TaggedRow],
        examples: Sequence[TaggingExample],
        logits: Sequence[NDArray[np.float32]],
        setup: Setup,
    ) -> list[Tagged]:
        tagset = Tagset(setup.labels)
        windows_of: list[list[int]] = [[] for _ in rows]
        for index, example in enumerate(examples):
            windows_of[example.row].append(index)
        predictions = []
        for indices in windows_of:
            whole = np.concatenate([_kept(examples[index], logits[index]) for index in indices])
            example = examples[indices[0]]
            predictions.append(tagging_answers.tag(whole, example.pieces, example.alignment, tagset))
        return predictions

    def score(self, rows: Sequence[TaggedRow], predictions: Sequence[Tagged], setup: Setup) -> Report:
        """Precision, recall and F1 of entities as seqeval counts them; of plain tags, accuracy and F1 of tokens."""
        gold = [row.tags for row in rows]
        predicted = [prediction.tags for prediction in predictions]
        if Tagset(setup.labels).spans:
            judged = metrics.evaluate(gold, predicted)
        else:
            judged = metrics.evaluate_plain(gold, predicted, setup.labels)
        losses = np.concatenate([_losses(row, each, setup) for row, each in zip(rows, predictions, strict=True)])
        metrics_and_loss = {**judged["metrics"], "loss": float(losses.mean()) if len(losses) else 0.0}
        return Report(**{**judged, "rows": len(rows), "metrics": metrics_and_loss})  # type: ignore[typeddict-item]  # keys are Report's

    def records(self, rows: Sequence[TaggedRow], predictions: Sequence[Tagged], setup: Setup) -> list[dict[str, Any]]:
        """`confidence` is that of the least sure token, `loss` the mean over tokens; spans are in code points."""
        tagset = Tagset(setup.labels)
        return [_record(row, each, tagset, setup) for row, each in zip(rows, predictions, strict=True)]

    def example(self, row: TaggedRow) -> dict[str, Any]:
        return {"text": row.text}

    def tune(self, rows: Sequence[TaggedRow], predictions: Sequence[Tagged], setup: Setup) -> dict[str, Any]:
        """Nothing is tuned."""
        return {}

    def adapt(self, setup: Setup, parameters: Parameters) -> Setup:
        """`stride` is how many pieces two windows share."""
        stride = tagging_answers.options(parameters).stride
        return setup if stride is None else replace(setup, params=replace(setup.params, doc_stride=max(1, stride)))

    def parse(self, inputs: Any) -> list[TaggedRow]:
        """A text, `{"text"}`, or a list of these; cut into tokens as texts with marked spans are at import."""
        given = inputs if isinstance(inputs, list) else [inputs]
        if not given:
            raise UnsuitableInput("inputs is empty", hint="Give a text or a list of texts.")
        return [_row_of(each) for each in given]

    def respond(
        self,
        inputs: Any,
        rows: Sequence[TaggedRow],
        predictions: Sequence[Tagged],
        parameters: Parameters,
        setup: Setup,
    ) -> list[Entity] | list[TokenTag] | list[list[Entity]] | list[list[TokenTag]]:
        """A flat list for one text, a list of lists for several.

        Takes `aggregation_strategy` ("simple" unless given), `ignore_labels` and `stride`.
        """
        options, tagset = tagging_answers.options(parameters), Tagset(setup.labels)
        answers: Any = [
            tagging_answers.answer(row, prediction, tagset, options)
            for row, prediction in zip(rows, predictions, strict=True)
        ]
        return answers if isinstance(inputs, list) else answers[0]  # type: ignore[no-any-return]  # lists of one kind


TASK = TokenClassification()


def _example(
    frame: Frame, pieces: Pieces, alignment: Alignment, window: Window, row_targets: Ints, *, row: int
) -> TaggingExample:
    ids, types = frame.around(pieces.ids[window.begin : window.end])
    offset = len(frame.before)
    targets = np.full(len(ids), IGNORED, dtype=np.int32)
    kept = slice(offset + window.keep_begin - window.begin, offset + window.keep_end - window.begin)
    targets[kept] = row_targets[window.keep_begin : window.keep_end]
    return TaggingExample(
        ids=ids,
        types=types,
        row=row,
        pieces=pieces,
        alignment=alignment,
        window=window,
        offset=offset,
        targets=targets,
    )


def _counts(examples: Sequence[TaggingExample], setup: Setup) -> NDArray[np.int64]:
    """How many tokens have each tag."""
    targets = np.concatenate([example.targets for example in examples])
    return np.bincount(targets[targets != IGNORED], minlength=len(setup.labels))


def _kept(example: TaggingExample, logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """The logits of the pieces that have most context in this window."""
    shift = example.offset - example.window.begin
    return logits[example.window.keep_begin + shift : example.window.keep_end + shift]


def _losses(row: TaggedRow, prediction: Tagged, setup: Setup) -> NDArray[np.float64]:
    """The cross-entropy of each token that has a piece of its own."""
    own = np.flatnonzero(prediction.alignment.first >= 0)
    gold = np.array([setup.labels.index(row.tags[token]) for token in own], dtype=np.int64)
    return -prediction.log_probabilities(own)[np.arange(len(own)), gold].astype(np.float64)


def _record(row: TaggedRow, prediction: Tagged, tagset: Tagset, setup: Setup) -> dict[str, Any]:
    losses = _losses(row, prediction, setup)
    gold = spans_of(row.tags, spans=tagset.spans)
    found = tagging_answers.entities(row, prediction, tagset)
    return {
        "row_id": row.row_id,
        "gold": list(row.tags),
        "predicted": prediction.tags,
        "gold_spans": [
            {"start": row.tokens[begin][0], "end": row.tokens[end - 1][1], "label": kind}
            for kind, begin, end in gold
            if kind != "O"
        ],
        "predicted_spans": [
            {"start": each["start"], "end": each["end"], "label": each["entity_group"], "score": each["score"]}
            for each in found
            if each["entity_group"] != "O"
        ],
        "confidence": min(prediction.scores.tolist(), default=1.0),
        "correct": list(row.tags) == prediction.tags,
        "loss": float(losses.mean()) if len(losses) else 0.0,
    }


def _row_of(given: Any) -> TaggedRow:
    text = given.get("text") if isinstance(given, dict) and set(given) == {"text"} else given
    if not isinstance(text, str):
        raise UnsuitableInput("each input must be a text or an object with text")
    if not text.strip():
        raise UnsuitableInput("the text is empty", hint="Give some text to tag.")
    return TaggedRow(text=text, tokens=cut_tokens(text), tags=())
