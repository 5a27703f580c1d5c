"""Translation and summarisation: an encoder reads the source, a decoder writes the target, beams find the likeliest text."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForSeq2SeqLM, PreTrainedModel, PreTrainedTokenizerBase

from nlpstudio.engine.data.rows import PairRow, SummaryRow, TranslationRow
from nlpstudio.engine.encoders.writing import PairExample, PairWriter, Writer
from nlpstudio.engine.metrics import writing as metrics
from nlpstudio.engine.pulse import PULSE
from nlpstudio.engine.shapes import Parameters
from nlpstudio.engine.spec import TrainParams
from nlpstudio.engine.tasks import languages, pair_models
from nlpstudio.engine.tasks.base import Encoded, Setup
from nlpstudio.engine.tasks.writing import Writing, Written, options_of, texts_of

ROWS_AT_ONCE = 16
BEAMS = 4
MOST_WRITTEN = 500


class Pairs(Writing):
    """A row becomes one example of two sides."""

    input_names = ("source",)
    model_class = AutoModelForSeq2SeqLM

    def __init__(self, name: str, pipeline_tag: str, row: type[PairRow], answer: str) -> None:
        self.name = name
        self.pipeline_tag = pipeline_tag
        self._row = row
        self._answer = answer

    def build(self, folder: Path, setup: Setup) -> PreTrainedModel:
        """The model with the weights of `folder`, or with random ones when it holds a tokenizer alone."""
        return pair_models.build(folder, setup)

    def writer(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> Writer:
        return PairWriter(model, tokenizer)

    def begin(self, tokenizer: PreTrainedTokenizerBase, rows: Sequence[PairRow], params: TrainParams) -> None:
        """Both sides are plain text; some tokenizers mark its language."""
        languages.choose(tokenizer, params)

    def encode(
        self, rows: Sequence[PairRow], tokenizer: PreTrainedTokenizerBase, setup: Setup, *, first: int = 0
    ) -> Encoded[PairExample]:
        """Both sides are cut to `max_length`; a target has an end token, which only a mark of its language may follow."""
        sources: Any = tokenizer([row.source for row in rows])["input_ids"]
        targets: Any = tokenizer(text_target=[row.target for row in rows])["input_ids"]
        end, special = tokenizer.eos_token_id, frozenset(tokenizer.all_special_ids)
        examples = []
        truncated = 0
        for offset, (source, target) in enumerate(zip(sources, targets, strict=True)):
            target = list(target) if end is None or end in target[-2:] else [*target, end]
            truncated += len(source) > setup.max_length or len(target) > setup.max_length
            examples.append(
                PairExample(
                    ids=np.array(_cut(source, setup.max_length, special), dtype=np.int32),
                    targets=np.array(_cut(target, setup.max_length, special), dtype=np.int32),
                    row=first + offset,
                )
            )
        return Encoded(examples=examples, truncated=truncated)

    def write(self, writer: Writer, rows: Sequence[PairRow], setup: Setup) -> list[Written]:
        """By beam search, rows of like length together."""
        options = options_of(setup, {"beams": BEAMS, "max_new_tokens": setup.max_length}, most_tokens=setup.max_length)
        sources: Any = writer.tokenizer([row.source for row in rows])["input_ids"]
        special = frozenset(writer.tokenizer.all_special_ids)
        cut = [np.array(_cut(ids, setup.max_length, special), dtype=np.int32) for ids in sources]
        order = sorted(range(len(rows)), key=lambda at: len(cut[at]))
        found: list[Written] = [Written()] * len(rows)
        draws = {"do_sample": True, "temperature": options.temperature, "top_p": options.top_p, "top_k": options.top_k}
        if options.seed is not None:
            torch.manual_seed(options.seed)
        for begin in range(0, len(order), ROWS_AT_ONCE):
            batch = order[begin : begin + ROWS_AT_ONCE]
            ids, mask = writer.padded([cut[at] for at in batch])
            with torch.inference_mode():
                written = writer.model.generate(
                    input_ids=ids,
                    attention_mask=mask,
                    max_new_tokens=options.max_new_tokens,
                    num_beams=options.beams,
                    length_penalty=options.length_penalty if options.beams > 1 else None,
                    repetition_penalty=options.repetition_penalty,
                    **(draws if options.temperature else {"do_sample": False}),
                )
            for at, tokens in zip(batch, written.tolist(), strict=True):
                text = _until(writer.tokenizer.decode(tokens, skip_special_tokens=True).strip(), options.stop)
                finish = "stop" if writer.tokenizer.eos_token_id in tokens[1:] else "length"
                count = sum(token != writer.pad for token in tokens[1:])
                found[at] = Written(text=text, finish=finish, written_tokens=count)
            PULSE.beat()
        return found

    def writes_most(self, rows: int) -> int:
        return min(rows, MOST_WRITTEN)

    def judge(self, written: Sequence[str], references: Sequence[str]) -> tuple[dict[str, float], str]:
        """BLEU and chrF of translations, ROUGE of summaries."""
        if self.name == "translation":
            return metrics.translation(written, references)
        return metrics.summary(written, references), "rouge-score, F1, characters for Chinese"

    def given(self, row: PairRow) -> str:
        return row.source

    def reference(self, row: PairRow) -> str:
        return row.target

    def example(self, row: PairRow) -> dict[str, Any]:
        return {"text": row.source}

    def parse(self, inputs: Any) -> list[PairRow]:
        """A text or a list of texts."""
        return [self._row(source=text, target="") for text in texts_of(inputs)]

    def respond(
        self,
        inputs: Any,
        rows: Sequence[PairRow],
        predictions: Sequence[Written],
        parameters: Parameters,
        setup: Setup,
    ) -> list[dict[str, str]]:
        """One object a text. Takes `generate_parameters` and its like: beams, length, sampling."""
        return [{self._answer: each.text or ""} for each in predictions]


TRANSLATION = Pairs("translation", "translation", TranslationRow, "translation_text")
SUMMARIZATION = Pairs("summarization", "summarization", SummaryRow, "summary_text")


def _cut(ids: Sequence[int], most: int, special: Collection[int]) -> list[int]:
    """The beginning, with the special tokens at the end (which end the text and may mark its language) kept."""
    if len(ids) <= most:
        return list(ids)
    tail = next((at for at, token in enumerate(reversed(ids)) if token not in special), 0)
    return [*ids[: most - tail], *ids[len(ids) - tail :]]


def _until(text: str, stops: Sequence[str]) -> str:
    ends = [place for stop in stops if (place := text.find(stop)) >= 0]
    return text[: min(ends)] if ends else text
