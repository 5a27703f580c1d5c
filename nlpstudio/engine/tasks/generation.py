"""Generation: a decoder learns texts, or what to answer to prompts, and writes token by token."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from transformers import AutoModelForCausalLM, PreTrainedModel, PreTrainedTokenizerBase

from nlpstudio.engine.data.rows import GenerationRow
from nlpstudio.engine.encoders.writing import CausalWriter, Writer, WritingExample
from nlpstudio.engine.errors import UnsuitableInput
from nlpstudio.engine.metrics import writing as metrics
from nlpstudio.engine.pulse import PULSE
from nlpstudio.engine.shapes import Parameters
from nlpstudio.engine.spec import TrainParams
from nlpstudio.engine.tasks.base import Encoded, Setup
from nlpstudio.engine.tasks.writing import Writing, Written, options_of, texts_of
from nlpstudio.engine.writing import chat
from nlpstudio.engine.writing.decoding import Piece, pieces, tokens

MOST_WRITTEN = 32
WRITTEN_TOKENS = 64
DEFAULT_TOKENS = 256
OPENING = 24
"""Words of a plain text that are given when the model is to write on."""


class Generation(Writing):
    """A row with a prompt becomes one example; a longer plain text becomes several, each token predicted once."""

    name = "generation"
    pipeline_tag = "text-generation"
    input_names = ("prompt",)
    model_class = AutoModelForCausalLM

    def writer(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> Writer:
        return CausalWriter(model, tokenizer)

    def begin(self, tokenizer: PreTrainedTokenizerBase, rows: Sequence[GenerationRow], params: TrainParams) -> None:
        """A chat template is there exactly when the data has prompts: it marks the models that converse."""
        if not any(row.prompt is not None for row in rows):
            tokenizer.chat_template = None
        elif tokenizer.chat_template is None:
            tokenizer.chat_template = chat.PLAIN

    def encode(
        self, rows: Sequence[GenerationRow], tokenizer: PreTrainedTokenizerBase, setup: Setup, *, first: int = 0
    ) -> Encoded[WritingExample]:
        """Only the response is a target; where it does not fit, it is cut, and so is the beginning of the prompt."""
        examples: list[WritingExample] = []
        truncated = 0
        for offset, row in enumerate(rows):
            if row.prompt is None:
                examples += _windows(_plain(tokenizer, row.response), setup.max_length, first + offset)
                continue
            before, after = chat.answered(tokenizer, chat.messages_of(row.history, row.prompt), row.response)
            truncated += len(before) + len(after) > setup.max_length
            after = after[: max(setup.max_length - len(before), setup.max_length // 2)]
            before = before[max(0, len(before) + len(after) - setup.max_length) :]
            examples.append(
                WritingExample(
                    ids=np.array([*before, *after], dtype=np.int32),
                    targets=np.array(after, dtype=np.int32),
                    row=first + offset,
                )
            )
        return Encoded(examples=examples, truncated=truncated)

    def write(self, writer: Writer, rows: Sequence[GenerationRow], setup: Setup) -> list[Written]:
        """One after the other; by default the likeliest token each time."""
        return [self._write(writer, row, setup) for row in rows]

    def _write(self, writer: Writer, row: GenerationRow, setup: Setup) -> Written:
        defaults = {"max_new_tokens": DEFAULT_TOKENS if row.row_id < 0 else WRITTEN_TOKENS}
        text, last = "", Piece(text="", tokens=0)
        for piece in self.stream(writer, self.prompt_of(writer, row), setup, defaults):
            text, last = text + piece.text, piece
            PULSE.beat()
        return Written(text=text, written_tokens=last.tokens, finish=last.finish)

    def prompt_of(self, writer: Writer, row: GenerationRow) -> list[int]:
        """The tokens before the answer. A row of a data set without a prompt is written on from its first words."""
        if row.prompt is None:
            return opened(writer, _opening(row.response))
        if writer.tokenizer.chat_template is None:
            return opened(writer, row.prompt)
        return chat.ids_of(
            writer.tokenizer, chat.prompt_text(writer.tokenizer, chat.messages_of(row.history, row.prompt))
        )

    def stream(
        self, writer: Writer, prompt: Sequence[int], setup: Setup, defaults: Mapping[str, Any] | None = None
    ) -> Iterator[Piece]:
        """Write after `prompt` as far as the model reaches. Raises `UnsuitableInput` when nothing fits after it."""
        reach = _reach(writer)
        if len(prompt) >= reach:
            raise UnsuitableInput(
                f"the prompt has {len(prompt)} tokens, and the model reads {reach}", hint="Shorten the prompt."
            )
        own = {"max_new_tokens": DEFAULT_TOKENS, **(defaults or {})}
        own["max_new_tokens"] = min(own["max_new_tokens"], reach)
        options = options_of(setup, own, most_tokens=reach)
        room = reach - len(prompt)
        options = replace(options, max_new_tokens=min(options.max_new_tokens, room))
        ends = ends_of(writer)
        return pieces(writer.tokenizer, _closing(tokens(writer.model, prompt, options, ends=ends)), options, ends=ends)

    def writes_most(self, rows: int) -> int:
        return min(rows, MOST_WRITTEN)

    def judge(self, written: Sequence[str], references: Sequence[str]) -> tuple[dict[str, float], str]:
        """How much the model repeats itself, over all it wrote."""
        return {f"distinct_{size}": metrics.distinct(written, size) for size in (1, 2)}, "greedy"

    def given(self, row: GenerationRow) -> str:
        return _opening(row.response) if row.prompt is None else row.prompt

    def reference(self, row: GenerationRow) -> str:
        return row.response[len(_opening(row.response)) :] if row.prompt is None else row.response

    def example(self, row: GenerationRow) -> dict[str, Any]:
        return {"text": self.given(row)}

    def parse(self, inputs: Any) -> list[GenerationRow]:
        """A text or a list of texts: prompts."""
        return [GenerationRow(prompt=text, response="") for text in texts_of(inputs)]

    def respond(
        self,
        inputs: Any,
        rows: Sequence[GenerationRow],
        predictions: Sequence[Written],
        parameters: Parameters,
        setup: Setup,
    ) -> list[dict[str, Any]]:
        """One object a prompt. `return_full_text` puts the prompt before it, `details` tells how it ended."""
        answers = []
        for row, each in zip(rows, predictions, strict=True):
            text = f"{row.prompt}{each.text}" if parameters.get("return_full_text") else each.text
            answer: dict[str, Any] = {"generated_text": text}
            if parameters.get("details"):
                answer["details"] = {
                    "finish_reason": "length" if each.finish == "length" else "eos_token",
                    "generated_tokens": each.written_tokens,
                    "prefill": [],
                    "tokens": [],
                    "seed": parameters.get("seed"),
                }
            answers.append(answer)
        return answers


TASK = Generation()


def ends_of(writer: Writer) -> frozenset[int]:
    """The tokens that end a text: the tokenizer's and those of the model's own settings."""
    found = [writer.tokenizer.eos_token_id]
    for settings in (writer.model.config, getattr(writer.model, "generation_config", None)):
        ends = getattr(settings, "eos_token_id", None)
        found += ends if isinstance(ends, list) else [ends]
    return frozenset(end for end in found if end is not None)


def opened(writer: Writer, text: str) -> list[int]:
    """A text to be written on: begun like a text of the training data, and without an end."""
    return [*_first(writer.tokenizer), *chat.ids_of(writer.tokenizer, text)]


def _reach(writer: Writer) -> int:
    limits = [int(writer.tokenizer.model_max_length), getattr(writer.model.config, "max_position_embeddings", None)]
    return min(limit for limit in limits if limit)


def _closing(found: Generator[Any, None, None]) -> Iterator[Any]:
    """The same, closed with whoever reads it."""
    try:
        yield from found
    finally:
        found.close()


def _plain(tokenizer: Any, text: str) -> list[int]:
    """The text's tokens, begun as the tokenizer begins texts and ended by its end token."""
    end = tokenizer.eos_token_id
    return [*_first(tokenizer), *chat.ids_of(tokenizer, text), *([] if end is None else [end])]


def _first(tokenizer: Any) -> list[int]:
    """The token from which a text is written out of nothing; the end of the text before where there is no other."""
    first = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    return [] if first is None else [first]


def _windows(ids: Sequence[int], most: int, row: int) -> list[WritingExample]:
    """Pieces of at most `most` tokens; the last token of one is the first of the next, so all but the first are targets."""
    return [
        WritingExample(
            ids=np.array(ids[begin : begin + most], dtype=np.int32),
            targets=np.array(ids[begin + 1 : begin + most], dtype=np.int32),
            row=row,
        )
        for begin in range(0, max(len(ids) - 1, 1), most - 1)
    ]


def _opening(text: str) -> str:
    """The first words (or, where no blanks part them, characters) of a text: half of a short one."""
    words = text.split(" ")
    if len(words) > 2:
        return " ".join(words[: min(OPENING, len(words) // 2)])
    return text[: min(OPENING, max(1, len(text) // 2))]
