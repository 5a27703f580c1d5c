"""What speaks for a decision, for each task: which token's score is explained, and which tokens are words of the input.

`inputs` are a prediction's, for one text; `target` names the decision: `{"label"}` of a classifier (the likeliest unless
given), `{"start", "end", "label"}` of an entity, `{"start", "end"}` of an answer (both 0: that there is none).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from nlpstudio.engine.encoders.example import Example
from nlpstudio.engine.errors import UnsuitableInput
from nlpstudio.engine.inference import engines
from nlpstudio.engine.inference.attribution import METHOD, Integrated, Place, Score, by_word, odds
from nlpstudio.engine.inference.predictor import Predictor, TorchForward
from nlpstudio.engine.tasks.pieces import Frame, Pieces, cut
from nlpstudio.engine.tasks.windows import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One decision to explain: the sequence that was decided on, its words, and the decision's score."""

    example: Example
    places: list[Place]
    score: Score
    texts: dict[str, str]
    target: dict[str, Any]


class Explaining:
    """A model in memory that explains instead of predicting; answers to `predict` as a pool's models do."""

    def __init__(self, predictor: Predictor, model: PreTrainedModel) -> None:
        self.predictor = predictor
        self.model = model
        self._integrated = Integrated(model)

    @classmethod
    def load(cls, folder: Path, *, engine: str = engines.TORCH, threads: int = 1) -> Explaining:
        """As `Predictor.load`; whatever the engine, by the model itself, for an exported one has no gradients."""
        predictor = Predictor.load(folder, engine=engines.TORCH, threads=threads)
        assert isinstance(predictor.forward, TorchForward), "what was asked for"
        return cls(predictor, predictor.forward.model)

    def close(self) -> None:
        """Let go of what the model holds; no prediction may follow."""
        self.predictor.close()

    def predict(self, inputs: Any, parameters: dict[str, Any]) -> dict[str, Any]:
        """Explain the decision `parameters["target"]` on the one input in the list `inputs`.

        Answers `{"method", "steps", "target", "words": {field: [{"start", "end", "score"}]}, "score", "baseline",
        "gap"}`; places are code points. Raises `UnsuitableInput`.
        """
        if not isinstance(inputs, list) or len(inputs) != 1:
            raise UnsuitableInput("give one input to explain")
        target = parameters.get("target") or {}
        if not isinstance(target, dict) or set(target) - {"label", "start", "end"}:
            raise UnsuitableInput("target must be an object with label, start and end")
        asked = QUESTIONS[self.predictor.task.name](self.predictor, inputs[0], target)
        found = self._integrated.attribute(asked.example, asked.places, asked.score)
        return {
            "method": METHOD,
            "steps": found.steps,
            "target": asked.target,
            "words": by_word(found.tokens, asked.places, asked.texts),
            "score": found.full,
            "baseline": found.base,
            "gap": found.gap,
        }


def _classification(predictor: Predictor, inputs: Any, target: Mapping[str, Any]) -> Question:
    row = predictor.task.parse(inputs)[0]
    setup = predictor.setup
    likeliest: Any = [] if target.get("label") else predictor.predict(inputs)
    label = target.get("label") or likeliest[0][0]["label"]
    if label not in setup.labels:
        raise UnsuitableInput(f"the model does not know the label {label!r}")
    chosen = setup.labels.index(label)
    example = predictor.task.encode([row], predictor.tokenizer, setup).examples[0]
    encoded: Any = predictor.tokenizer(row.text, row.text_pair, truncation="longest_first", max_length=setup.max_length)
    fields = ("text", "text_pair")
    places = [
        Place(at=at, field=fields[number], start=start, end=end)
        for at, (number, (start, end)) in enumerate(
            zip(encoded.encodings[0].sequence_ids, encoded.encodings[0].offsets, strict=True)
        )
        if number is not None and start < end
    ]
    texts = {"text": row.text} if row.text_pair is None else {"text": row.text, "text_pair": row.text_pair}

    def score(logits: Tensor) -> Tensor:
        return logits[:, chosen] if setup.multilabel else odds(logits, chosen)

    return Question(example=example, places=places, score=score, texts=texts, target={"label": label})


def _ner(predictor: Predictor, inputs: Any, target: Mapping[str, Any]) -> Question:
    row = predictor.task.parse(inputs)[0]
    start, end = _span(target, row.text)
    labels = predictor.setup.labels
    label = str(target.get("label", ""))
    beginning, inside = (name if name in labels else label for name in (f"B-{label}", f"I-{label}"))
    if beginning not in labels:
        raise UnsuitableInput(f"the model does not know the label {label!r}")
    examples = predictor.task.encode([row], predictor.tokenizer, predictor.setup).examples
    first = examples[0].alignment.first
    tokens = [k for k, (left, right) in enumerate(row.tokens) if left < end and right > start and first[k] >= 0]
    if not tokens:
        raise UnsuitableInput("there is no word at that place")
    example = next(each for each in examples if _keeps(each.window, int(first[tokens[0]])))
    window, shift = example.window, example.offset - example.window.begin
    tags = [
        (int(first[k]) + shift, labels.index(beginning if k == tokens[0] else inside))
        for k in tokens
        if window.begin <= first[k] < window.end
    ]

    def score(logits: Tensor) -> Tensor:
        return torch.stack([odds(logits[:, at], tag) for at, tag in tags]).mean(dim=0)

    return Question(
        example=example,
        places=_places(example.pieces, window, shift, "text"),
        score=score,
        texts={"text": row.text},
        target={"start": start, "end": end, "label": label},
    )


def _qa(predictor: Predictor, inputs: Any, target: Mapping[str, Any]) -> Question:
    row = predictor.task.parse(inputs)[0]
    examples = predictor.task.encode([row], predictor.tokenizer, predictor.setup).examples
    is_none = not target.get("end")
    if is_none:
        example = examples[0]
        start = end = 0
        ends = (example.null, example.null)
    else:
        start, end = _span(target, row.context)
        example, ends = _answer(examples, start, end)
    window, shift = example.window, example.offset - example.window.begin
    frame = Frame.of(predictor.tokenizer, pair=True)
    question = cut([row.question], predictor.tokenizer)[0]
    asked = Window(
        begin=0, end=example.offset - len(frame.before) - len(frame.between), keep_begin=0, keep_end=len(question)
    )

    def score(logits: Tensor) -> Tensor:
        shares = logits.log_softmax(dim=1)
        return shares[:, ends[0], 0] + shares[:, ends[1], 1]

    return Question(
        example=example,
        places=[
            *_places(question, asked, len(frame.before), "question"),
            *_places(example.pieces, window, shift, "context"),
        ],
        score=score,
        texts={"question": row.question, "context": row.context},
        target={"start": start, "end": end},
    )


def _answer(examples: Sequence[Any], start: int, end: int) -> tuple[Any, tuple[int, int]]:
    """The window that holds the answer, best where it has most context, and its first and last place there."""
    pieces = examples[0].pieces
    inside = [
        piece for piece in range(len(pieces)) if pieces.starts[piece] < end and pieces.ends[piece] > start
    ]  # a bare blank stands for nothing and cannot bound an answer
    inside = [piece for piece in inside if pieces.filled[piece]]
    if not inside:
        raise UnsuitableInput("there is no word at that place")
    holding = [each for each in examples if each.window.begin <= inside[0] and inside[-1] < each.window.end]
    if not holding:
        raise UnsuitableInput("the answer is longer than what the model sees at once")
    best = next((each for each in holding if _keeps(each.window, inside[0])), holding[0])
    shift = best.offset - best.window.begin
    return best, (inside[0] + shift, inside[-1] + shift)


def _span(target: Mapping[str, Any], text: str) -> tuple[int, int]:
    start, end = target.get("start"), target.get("end")
    if not isinstance(start, int) or not isinstance(end, int) or not 0 <= start < end <= len(text):
        raise UnsuitableInput(f"start and end must be places in the text, from 0 to {len(text)}")
    return start, end


def _keeps(window: Window, piece: int) -> bool:
    return window.keep_begin <= piece < window.keep_end


def _places(pieces: Pieces, window: Window, shift: int, field: str) -> list[Place]:
    """The pieces of a window that stand for something; piece i is token `i + shift`."""
    return [
        Place(at=piece + shift, field=field, start=int(pieces.starts[piece]), end=int(pieces.ends[piece]))
        for piece in range(window.begin, window.end)
        if pieces.filled[piece]
    ]


QUESTIONS: Mapping[str, Callable[[Predictor, Any, Mapping[str, Any]], Question]] = {
    "classification": _classification,
    "ner": _ner,
    "qa": _qa,
}
