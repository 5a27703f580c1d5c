"""What all tasks share whose answer is a text: the loss over the tokens to be written, and how it is judged."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from nlpstudio.engine.data.rows import Row
from nlpstudio.engine.encoders.writing import Writer, WritingExample, targets_of
from nlpstudio.engine.errors import UnsuitableInput
from nlpstudio.engine.shapes import Parameters
from nlpstudio.engine.spec import TrainParams
from nlpstudio.engine.tasks.base import AnyTask, Report, Setup
from nlpstudio.engine.writing.options import WritingOptions

SAMPLES = 20
OPTIONS = "options"
"""The key of `Setup.decision` under which the parameters of a request lie."""
SCHEMA = pa.schema(
    [
        ("row_id", pa.int64()),
        ("gold", pa.list_(pa.string())),
        ("predicted", pa.list_(pa.string())),
        ("confidence", pa.float32()),
        ("correct", pa.bool_()),
        ("loss", pa.float32()),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What is known of one row: the summed loss of its `tokens` targets, how many were the likeliest, and the text
    that the model wrote itself (None: it was not asked). `finish` is "stop" or "length".
    """

    loss: float = 0.0
    tokens: int = 0
    hits: int = 0
    text: str | None = None
    written_tokens: int = 0
    finish: str = ""

    @property
    def mean_loss(self) -> float:
        return self.loss / max(self.tokens, 1)


class WritingTask(Protocol):
    """What such a task has besides `Task`: its own forward pass, and writing."""

    def writer(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> Writer:
        """The forward pass for training and judging."""
        ...

    def begin(self, tokenizer: PreTrainedTokenizerBase, rows: Sequence[Any], params: TrainParams) -> None:
        """Make the tokenizer ready for rows like these, before the first is encoded."""
        ...

    def write(self, writer: Writer, rows: Sequence[Any], setup: Setup) -> list[Written]:
        """A text of the model's own for each row."""
        ...

    def writes_most(self, rows: int) -> int:
        """How many rows of a split of that size the model writes at the end of its training."""
        ...


class Writing:
    """The common part of the tasks. `P` is `Written`."""

    schema = SCHEMA

    def outputs(self, labels: Sequence[str]) -> tuple[str, ...]:
        """None: the output is the vocabulary."""
        return ()

    def config(self, setup: Setup) -> dict[str, Any]:
        return {}

    def balance(self, examples: Sequence[WritingExample], setup: Setup) -> tuple[float, ...] | None:
        """Tokens are not weighted."""
        return None

    def weight(self, examples: Sequence[WritingExample], setup: Setup) -> float:
        return float(sum(len(example.targets) for example in examples))

    def loss(self, logits: Tensor, examples: Sequence[WritingExample], setup: Setup) -> Tensor:
        """Cross-entropy over the targets, with label smoothing (Szegedy et al. 2016) when it is asked for."""
        gold = targets_of(examples, logits.device)
        return F.cross_entropy(logits, gold, label_smoothing=setup.params.label_smoothing, reduction="sum")

    def decode(
        self,
        rows: Sequence[Row],
        examples: Sequence[WritingExample],
        verdicts: Sequence[NDArray[np.float32]],
        setup: Setup,
    ) -> list[Written]:
        """The loss of each row, over all its examples."""
        judged = [Written() for _ in rows]
        first = min((example.row for example in examples), default=0)
        for example, verdict in zip(examples, verdicts, strict=True):
            known = judged[example.row - first]
            judged[example.row - first] = replace(
                known,
                loss=known.loss - float(verdict[:, 0].sum(dtype=np.float64)),
                tokens=known.tokens + len(verdict),
                hits=known.hits + int(verdict[:, 1].sum()),
            )
        return judged

    def tune(self, rows: Sequence[Row], predictions: Sequence[Written], setup: Setup) -> dict[str, Any]:
        """Nothing is tuned."""
        return {}

    def score(self, rows: Sequence[Any], predictions: Sequence[Written], setup: Setup) -> Report:
        """Loss and perplexity by token; of the rows that were written, the task's scores and some samples."""
        tokens = max(sum(each.tokens for each in predictions), 1)
        loss = sum(each.loss for each in predictions) / tokens
        metrics = {
            "loss": loss,
            "log_likelihood": -loss,
            "perplexity": math.exp(min(loss, 700.0)),
            "token_accuracy": sum(each.hits for each in predictions) / tokens,
        }
        report = Report(rows=len(rows), metrics=metrics)
        done = [(row, each.text) for row, each in zip(rows, predictions, strict=True) if each.text is not None]
        if done:
            given, texts = [row for row, _ in done], [text for _, text in done]
            extra, signature = self.judge(texts, [self.reference(row) for row in given])
            metrics |= extra
            report["samples"] = [
                {"given": self.given(row), "reference": self.reference(row), "written": text, "row_id": row.row_id}
                for row, text in done[:SAMPLES]
            ]
            report["written"] = {"rows": len(done), "signature": signature}
        return report

    def judge(self, written: Sequence[str], references: Sequence[str]) -> tuple[dict[str, float], str]:
        """The task's own scores of texts, and how they were counted."""
        raise NotImplementedError

    def given(self, row: Any) -> str:
        """What the model reads."""
        raise NotImplementedError

    def reference(self, row: Any) -> str:
        """What it should write."""
        raise NotImplementedError

    def records(self, rows: Sequence[Any], predictions: Sequence[Written], setup: Setup) -> list[dict[str, Any]]:
        """`confidence` is the geometric mean of the targets' probabilities; `correct` means written word for word."""
        return [
            {
                "row_id": row.row_id,
                "gold": [self.reference(row)],
                "predicted": [] if each.text is None else [each.text],
                "confidence": math.exp(-each.mean_loss),
                "correct": each.text == self.reference(row),
                "loss": each.mean_loss,
            }
            for row, each in zip(rows, predictions, strict=True)
        ]

    def adapt(self, setup: Setup, parameters: Parameters) -> Setup:
        """The parameters of the request go where the model's own are."""
        return replace(setup, decision={**setup.decision, OPTIONS: dict(parameters)})


def texts_of(inputs: Any) -> list[str]:
    """A text or a list of texts. Raises `UnsuitableInput`."""
    given = inputs if isinstance(inputs, list) else [inputs]
    texts = [each.get("text") if isinstance(each, dict) and set(each) == {"text"} else each for each in given]
    found = [text for text in texts if isinstance(text, str)]
    if not found or len(found) < len(texts):
        raise UnsuitableInput("inputs must be a text or a list of texts")
    if not all(text.strip() for text in found):
        raise UnsuitableInput("the text is empty", hint="Give some text to read.")
    return found


def options_of(setup: Setup, defaults: Mapping[str, Any], *, most_tokens: int) -> WritingOptions:
    """The options of a request, or the task's own."""
    return WritingOptions.of(setup.decision.get(OPTIONS) or {}, defaults, most_tokens=most_tokens)


def as_writing(task: AnyTask) -> Any:
    """The same task as one that writes (see `catalogue.TaskInfo.writes`)."""
    return task
