"""Extractive question answering: where in its context a question is answered, if at all.

A question and its context become one example, or several when the context is long: each has the whole question
and a window of the context that overlaps the next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import AutoModelForQuestionAnswering, PreTrainedTokenizerBase

from nlpstudio.engine.data.rows import QARow
from nlpstudio.engine.encoders.example import Example
from nlpstudio.engine.metrics import answers as metrics
from nlpstudio.engine.shapes import Answer, Parameters
from nlpstudio.engine.tasks import qa_report, qa_requests
from nlpstudio.engine.tasks.base import Encoded, Report, Setup
from nlpstudio.engine.tasks.pieces import Frame, Ints, Pieces, cut
from nlpstudio.engine.tasks.span_search import Found, Logits, Scored, search
from nlpstudio.engine.tasks.windows import Window, windows

UNKNOWN = -1
LONGEST_ANSWER = 64
LONGEST_QUESTION = 64
N_BEST = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class QAExample(Example):
    """A question with one window of its context, whose first piece stands at `offset` in `ids`.

    `start` and `end` are the places in `ids` of the answer's first and last piece; both are `null`, that of the
    classification token, where the answer is not in this window, and `UNKNOWN` where it is not known.
    """

    pieces: Pieces
    window: Window
    offset: int
    null: int
    start: int
    end: int


class QuestionAnswering:
    """A row's prediction is `Found`: the best spans over all windows and the score of "no answer".

    What `tune` decides: "no_answer_threshold", above which margin a question counts as unanswerable; models that
    never saw such a question have none and always answer. Scores are from 0 to 1.
    """

    name = "qa"
    encodes_by_chance = False
    pipeline_tag = "question-answering"
    input_names = ("context", "question")
    model_class = AutoModelForQuestionAnswering
    schema = qa_report.SCHEMA

    def outputs(self, labels: Sequence[str]) -> tuple[str, ...]:
        """None with names: the two outputs are start and end."""
        return ()

    def config(self, setup: Setup) -> dict[str, Any]:
        return {"num_labels": 2}

    def encode(
        self, rows: Sequence[QARow], tokenizer: PreTrainedTokenizerBase, setup: Setup, *, first: int = 0
    ) -> Encoded[QAExample]:
        """Windows of the context that share `doc_stride` pieces. Only a very long question is cut short."""
        frame = Frame.of(tokenizer, pair=True)
        room = setup.max_length - frame.size
        most = min(setup.decision.get("longest_question", LONGEST_QUESTION), room // 2)
        distinct = list(dict.fromkeys(row.context for row in rows))
        contexts = dict(zip(distinct, cut(distinct, tokenizer), strict=True))
        questions = cut([row.question for row in rows], tokenizer)
        examples: list[QAExample] = []
        for number, (row, question) in enumerate(zip(rows, questions, strict=True)):
            pieces, asked = contexts[row.context], question.ids[:most]
            answer = _answer_pieces(row, pieces)
            for window in windows(len(pieces), room=room - len(asked), overlap=setup.params.doc_stride):
                examples.append(_example(frame, asked, pieces, window, answer, row=first + number))
        return Encoded(examples=examples, truncated=sum(len(question) > most for question in questions))

    def balance(self, examples: Sequence[QAExample], setup: Setup) -> None:
        """Places in a text have no classes to balance."""

    def weight(self, examples: Sequence[QAExample], setup: Setup) -> float:
        """The number of windows with a known answer; 1 where there is none."""
        return float(sum(example.start != UNKNOWN for example in examples)) or 1.0

    def loss(self, logits: Tensor, examples: Sequence[QAExample], setup: Setup) -> Tensor:
        """The mean of the cross-entropies of start and end over each window's tokens."""
        lengths = [len(example) for example in examples]
        padded = logits.new_full((len(examples), max(lengths), 2), -torch.inf)
        mask = torch.arange(max(lengths))[None, :] < torch.tensor(lengths)[:, None]
        padded[mask.to(logits.device)] = logits
        gold = torch.tensor([[each.start, each.end] for each in examples], device=logits.device)
        parts = [F.cross_entropy(padded[..., i], gold[:, i], ignore_index=UNKNOWN, reduction="sum") for i in (0, 1)]
        return (parts[0] + parts[1]) / 2

    def decode(
        self, rows: Sequence[QARow], examples: Sequence[QAExample], logits: Sequence[Logits], setup: Setup
    ) -> list[Found]:
        windows_of: list[list[int]] = [[] for _ in rows]
        for index, example in enumerate(examples):
            windows_of[example.row].append(index)
        decision = setup.decision
        longest, count = decision.get("longest_answer", LONGEST_ANSWER), decision.get("n_best", N_BEST)
        predictions = []
        for indices in windows_of:
            found = search([_scored(examples[i], logits[i]) for i in indices], longest=longest, count=count)
            predictions.append(replace(found, loss=_loss([(examples[i], logits[i]) for i in indices])))
        return predictions

    def score(self, rows: Sequence[QARow], predictions: Sequence[Found], setup: Setup) -> Report:
        return qa_report.report(rows, predictions, setup)

    def records(self, rows: Sequence[QARow], predictions: Sequence[Found], setup: Setup) -> list[dict[str, Any]]:
        return qa_report.records(rows, predictions, setup)

    def example(self, row: QARow) -> dict[str, Any]:
        return {"question": row.question, "context": row.context}

    def tune(self, rows: Sequence[QARow], predictions: Sequence[Found], setup: Setup) -> dict[str, Any]:
        """The threshold of the best F1, where some of the rows are unanswerable."""
        if all(row.answers for row in rows):
            return {}
        judge = qa_report.variant_of(rows)
        scores = [
            metrics.judge([text for text, _ in row.answers], qa_report.best_text(row, found), judge).f1
            for row, found in zip(rows, predictions, strict=True)
        ]
        margins = [float(np.clip(found.no_answer_margin, -1e6, 1e6)) for found in predictions]
        threshold, _ = metrics.best_no_answer_threshold(scores, margins, [bool(row.answers) for row in rows])
        return {"no_answer_threshold": threshold}

    def adapt(self, setup: Setup, parameters: Parameters) -> Setup:
        """Takes `max_seq_len` (never longer than trained), `doc_stride`, and the bounds of question and answer."""
        wanted = qa_requests.options(parameters)
        decision = dict(setup.decision)
        decision["n_best"] = max(N_BEST, wanted.top_k)
        if wanted.max_answer_len is not None:
            decision["longest_answer"] = wanted.max_answer_len
        if wanted.max_question_len is not None:
            decision["longest_question"] = wanted.max_question_len
        params = setup.params if wanted.doc_stride is None else replace(setup.params, doc_stride=wanted.doc_stride)
        longest = min(setup.max_length, wanted.max_seq_len or setup.max_length)
        return replace(setup, max_length=longest, params=params, decision=decision)

    def parse(self, inputs: Any) -> list[QARow]:
        return qa_requests.parse(inputs)

    def respond(
        self, inputs: Any, rows: Sequence[QARow], predictions: Sequence[Found], parameters: Parameters, setup: Setup
    ) -> Answer | list[Answer] | list[Answer | list[Answer]]:
        """One answer for one question (a list with `top_k` above 1); a list of these for several questions."""
        answers = [
            qa_requests.answer(row, found, qa_requests.options(parameters), setup)
            for row, found in zip(rows, predictions, strict=True)
        ]
        return answers if qa_requests.asks_several(inputs) else answers[0]


TASK = QuestionAnswering()


def _answer_pieces(row: QARow, pieces: Pieces) -> tuple[int, int] | None:
    """The first and last piece of the first answer; (-1, -1) when there is none, None when no piece stands for it."""
    if not row.answers:
        return -1, -1
    text, start = row.answers[0]
    inside = np.flatnonzero((pieces.starts < start + len(text)) & (pieces.ends > start) & pieces.filled)
    return (int(inside[0]), int(inside[-1])) if len(inside) else None


def _example(
    frame: Frame, question: Ints, pieces: Pieces, window: Window, answer: tuple[int, int] | None, *, row: int
) -> QAExample:
    ids, types = frame.around(question, pieces.ids[window.begin : window.end])
    offset = len(frame.before) + len(question) + len(frame.between)
    if answer is None:
        start = end = UNKNOWN
    elif window.begin <= answer[0] and answer[1] < window.end:
        start, end = (place - window.begin + offset for place in answer)
    else:
        start = end = frame.null
    return QAExample(
        ids=ids,
        types=types,
        row=row,
        pieces=pieces,
        window=window,
        offset=offset,
        null=frame.null,
        start=start,
        end=end,
    )


def _scored(example: QAExample, logits: Logits) -> Scored:
    """The logits of the context's pieces only: an answer stands nowhere else."""
    window, size = example.window, example.window.end - example.window.begin
    return Scored(
        logits=logits[example.offset : example.offset + size],
        starts=example.pieces.starts[window.begin : window.end],
        ends=example.pieces.ends[window.begin : window.end],
        no_answer=float(logits[example.null].sum()),
    )


def _loss(windows: Sequence[tuple[QAExample, Logits]]) -> float | None:
    """The mean loss of a row's windows, as in training."""
    losses = [
        np.logaddexp.reduce(logits.astype(np.float64), axis=0).mean()
        - (logits[each.start, 0] + logits[each.end, 1]) / 2
        for each, logits in windows
        if each.start != UNKNOWN
    ]
    return float(np.mean(losses)) if losses else None
