"""Classification of a text or a pair of texts: binary, of many classes, or with several labels at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from transformers import AutoModelForSequenceClassification, PreTrainedTokenizerBase

from nlpstudio.engine.data.rows import ClassificationRow
from nlpstudio.engine.encoders.example import Example
from nlpstudio.engine.errors import UnusableData
from nlpstudio.engine.metrics import calibration
from nlpstudio.engine.metrics import classification as metrics
from nlpstudio.engine.shapes import LabelScore, Parameters
from nlpstudio.engine.tasks import classification_requests
from nlpstudio.engine.tasks.base import Encoded, Report, Setup

Logits = NDArray[np.float32]
CHOSEN_FROM = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassificationExample(Example):
    """`labels` are the indices of the row's labels: one, or any number in multi-label data."""

    labels: tuple[int, ...] = ()


class Classification:
    """A row becomes one example; its prediction is the logits [labels]."""

    name = "classification"
    encodes_by_chance = False
    pipeline_tag = "text-classification"
    input_names = ("text", "text_pair")
    model_class = AutoModelForSequenceClassification
    schema = pa.schema(
        [
            ("row_id", pa.int64()),
            ("gold", pa.list_(pa.string())),
            ("predicted", pa.list_(pa.string())),
            ("confidence", pa.float32()),
            ("correct", pa.bool_()),
            ("loss", pa.float32()),
            ("scores", pa.list_(pa.float32())),
        ]
    )

    def outputs(self, labels: Sequence[str]) -> tuple[str, ...]:
        """The labels themselves. Raises `UnusableData` when there is nothing to choose between."""
        if len(labels) < 2:
            found = f"only {labels[0]!r}" if labels else "none"
            raise UnusableData(
                f"A classifier needs at least two labels, found {found}", hint="Add rows of another label."
            )
        return tuple(labels)

    def config(self, setup: Setup) -> dict[str, Any]:
        kind = "multi_label_classification" if setup.multilabel else "single_label_classification"
        return {"problem_type": kind}

    def encode(
        self, rows: Sequence[ClassificationRow], tokenizer: PreTrainedTokenizerBase, setup: Setup, *, first: int = 0
    ) -> Encoded[ClassificationExample]:
        """Tokenise, cutting the longer of two texts first."""
        index_of = {label: index for index, label in enumerate(setup.labels)}
        encodings: dict[int, Any] = {}
        for paired in (False, True):
            chosen = [i for i, row in enumerate(rows) if (row.text_pair is not None) == paired]
            tokenized = _tokenize([rows[i] for i in chosen], tokenizer, setup, paired)
            encodings |= zip(chosen, tokenized, strict=True)
        examples: list[ClassificationExample] = []
        truncated = 0
        for offset, row in enumerate(rows):
            encoding = encodings[offset]
            types = np.array(encoding.type_ids, dtype=np.int32)
            truncated += bool(encoding.overflowing)
            examples.append(
                ClassificationExample(
                    ids=np.array(encoding.ids, dtype=np.int32),
                    types=types if types.any() and "token_type_ids" in tokenizer.model_input_names else None,
                    row=first + offset,
                    labels=tuple(_index(label, index_of, row) for label in row.labels),
                )
            )
        return Encoded(examples=examples, truncated=truncated)

    def balance(self, examples: Sequence[ClassificationExample], setup: Setup) -> tuple[float, ...] | None:
        """n / (labels * rows of the label), as scikit-learn's "balanced"; a label without rows weighs 1."""
        counts = np.bincount([i for example in examples for i in example.labels], minlength=len(setup.labels))
        weights = np.where(counts > 0, len(examples) / (len(setup.labels) * np.maximum(counts, 1)), 1.0)
        return tuple(float(weight) for weight in weights)

    def weight(self, examples: Sequence[ClassificationExample], setup: Setup) -> float:
        if setup.multilabel:
            return float(len(examples) * len(setup.labels))
        if setup.class_weights is None:
            return float(len(examples))
        return sum(setup.class_weights[example.labels[0]] for example in examples)

    def loss(self, logits: Tensor, examples: Sequence[ClassificationExample], setup: Setup) -> Tensor:
        """Cross-entropy, or binary cross-entropy over all labels for multi-label data."""
        smoothing = setup.params.label_smoothing
        weights = None if setup.class_weights is None else logits.new_tensor(setup.class_weights)
        if setup.multilabel:
            targets = torch.from_numpy(_multi_hot(examples, len(setup.labels))).to(logits)
            targets = targets * (1 - smoothing) + smoothing / 2
            return F.binary_cross_entropy_with_logits(logits, targets, pos_weight=weights, reduction="sum")
        gold = torch.tensor([example.labels[0] for example in examples], device=logits.device)
        return F.cross_entropy(logits, gold, weight=weights, label_smoothing=smoothing, reduction="sum")

    def decode(
        self,
        rows: Sequence[ClassificationRow],
        examples: Sequence[ClassificationExample],
        logits: Sequence[Logits],
        setup: Setup,
    ) -> list[Logits]:
        return list(logits)

    def tune(self, rows: Sequence[ClassificationRow], predictions: Sequence[Logits], setup: Setup) -> dict[str, Any]:
        """The temperature that makes probabilities mean what they say. What is answered changes only on demand."""
        return {"temperature": round(calibration.fitted(*_choices(rows, predictions, setup)), 4)} if rows else {}

    def score(self, rows: Sequence[ClassificationRow], predictions: Sequence[Logits], setup: Setup) -> Report:
        records = self.records(rows, predictions, setup)
        gold, predicted = ([record[key] for record in records] for key in ("gold", "predicted"))
        if setup.multilabel:
            judged = metrics.evaluate_multilabel(gold, predicted, setup.labels)
        else:
            judged = metrics.evaluate([each[0] for each in gold], [each[0] for each in predicted], setup.labels)
        loss = float(np.mean([record["loss"] for record in records]))
        if "temperature" in setup.decision:
            choices = _choices(rows, predictions, setup)
            judged["calibration"] = calibration.compared(*choices, setup.decision["temperature"])
        return Report(**{**judged, "rows": len(rows), "metrics": {**judged["metrics"], "loss": loss}})  # type: ignore[typeddict-item]  # keys are Report's

    def records(
        self, rows: Sequence[ClassificationRow], predictions: Sequence[Logits], setup: Setup
    ) -> list[dict[str, Any]]:
        """`confidence` is the probability of the chosen label (of the least sure decision in multi-label data)."""
        index_of = {label: index for index, label in enumerate(setup.labels)}
        return [
            self._record(row, logits, [_index(label, index_of, row) for label in row.labels], setup)
            for row, logits in zip(rows, predictions, strict=True)
        ]

    def _record(self, row: ClassificationRow, logits: Logits, gold: list[int], setup: Setup) -> dict[str, Any]:
        scores = probabilities(logits, "sigmoid" if setup.multilabel else "softmax")
        if setup.multilabel:
            chosen = [int(i) for i in np.flatnonzero(scores >= CHOSEN_FROM)]
            confidence = float(np.maximum(scores, 1 - scores).min())
            signs = np.where(np.isin(np.arange(len(scores)), gold), 1.0, -1.0)
            loss = float(np.logaddexp(0, -signs * logits).mean())
        else:
            chosen = [int(scores.argmax())]
            confidence = float(scores.max())
            loss = float(np.logaddexp.reduce(logits.astype(np.float64)) - logits[gold[0]])
        return {
            "row_id": row.row_id,
            "gold": [setup.labels[i] for i in gold],
            "predicted": [setup.labels[i] for i in chosen],
            "confidence": confidence,
            "correct": sorted(chosen) == sorted(gold),
            "loss": loss,
            "scores": scores.tolist(),
        }

    def example(self, row: ClassificationRow) -> dict[str, Any]:
        return {"text": row.text} if row.text_pair is None else {"text": row.text, "text_pair": row.text_pair}

    def parse(self, inputs: Any) -> list[ClassificationRow]:
        """A text, `{"text", "text_pair"}`, or a list of these."""
        return classification_requests.parse(inputs)

    def adapt(self, setup: Setup, parameters: Parameters) -> Setup:
        """Requests change nothing but the answer's shape."""
        return setup

    def respond(
        self,
        inputs: Any,
        rows: Sequence[ClassificationRow],
        predictions: Sequence[Logits],
        parameters: Parameters,
        setup: Setup,
    ) -> list[list[LabelScore]]:
        """A list of labels for each text, the likeliest first. Takes `top_k` and `function_to_apply`.

        With `abstain_below` scores are calibrated, and each label says whether the text's decision is less sure.
        """
        wanted = classification_requests.options(parameters, "sigmoid" if setup.multilabel else "softmax")
        temperature = 1.0 if wanted.abstain_below is None else setup.decision.get("temperature", 1.0)
        answers = []
        for logits in predictions:
            scores = probabilities(logits / temperature, wanted.function)
            order = np.argsort(-scores, kind="stable")[: wanted.top_k]
            answer = [LabelScore(label=setup.labels[i], score=float(scores[i])) for i in order]
            if wanted.abstain_below is not None:
                sure = float((np.maximum(scores, 1 - scores) if setup.multilabel else scores[order[:1]]).min())
                for each in answer:
                    each["abstained"] = sure < wanted.abstain_below
            answers.append(answer)
        return answers


TASK = Classification()


def probabilities(logits: Logits, function: str) -> Logits:
    """Scores [labels] from logits by "softmax", "sigmoid" or "none"."""
    values = logits.astype(np.float64)
    if function == "softmax":
        values = np.exp(values - np.logaddexp.reduce(values))
    elif function == "sigmoid":
        values = np.exp(-np.logaddexp(0, -values))
    return values.astype(np.float32)


def _tokenize(
    rows: Sequence[ClassificationRow], tokenizer: PreTrainedTokenizerBase, setup: Setup, paired: bool
) -> list[Any]:
    if not rows:
        return []
    texts = [row.text for row in rows]
    pairs = [row.text_pair or "" for row in rows] if paired else None
    encoded: Any = tokenizer(texts, pairs, truncation="longest_first", max_length=setup.max_length)
    return list(encoded.encodings)


def _index(label: str, index_of: Mapping[str, int], row: ClassificationRow) -> int:
    try:
        return index_of[label]
    except KeyError:
        raise UnusableData(
            f"line {row.line}: the model does not know the label {label!r}", hint=f"It knows {', '.join(index_of)}."
        ) from None


def _multi_hot(examples: Sequence[ClassificationExample], count: int) -> Logits:
    hot = np.zeros((len(examples), count), dtype=np.float32)
    for place, example in zip(hot, examples, strict=True):
        place[list(example.labels)] = 1
    return hot


def _choices(
    rows: Sequence[ClassificationRow], predictions: Sequence[Logits], setup: Setup
) -> tuple[calibration.Numbers, NDArray[np.int64]]:
    """Logits and the right output of each decision: one a row, or one a row and label in multi-label data."""
    index_of = {label: index for index, label in enumerate(setup.labels)}
    logits = np.asarray(predictions, dtype=np.float64)
    gold = [[_index(label, index_of, row) for label in row.labels] for row in rows]
    if not setup.multilabel:
        return logits, np.array([each[0] for each in gold], dtype=np.int64)
    has_label = np.zeros(logits.shape, dtype=bool)
    for place, labels in zip(has_label, gold, strict=True):
        place[labels] = True
    return calibration.as_choices(logits, has_label)
