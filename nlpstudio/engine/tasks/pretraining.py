"""Pre-training: guessing masked words and pairs (BERT), or the next word (GPT), on a corpus."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from nlpstudio.engine.data.rows import CorpusRow
from nlpstudio.engine.encoders.pretraining import FIGURES, TargetedExample
from nlpstudio.engine.errors import BaseModelRefused, UnusableData
from nlpstudio.engine.shapes import Parameters
from nlpstudio.engine.tasks import guessing, language_models, sequences
from nlpstudio.engine.tasks.base import Encoded, Report, Setup
from nlpstudio.engine.tasks.masking import Masking

Figures = NDArray[np.float32]
STILL = 1_000_000
"""Stands for the epoch of masks that never change: those that a split is judged by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PretrainingExample(TargetedExample):
    """A sequence with what it takes to mask it anew: its tokens, where words begin, how to mask, and its own number.

    `word_share` and `pair_share` are what a word's and a pair's loss count in the step: 1 / their number in its batch.
    """

    originals: NDArray[np.int32]
    begins: NDArray[np.bool_]
    masking: Masking | None
    key: tuple[int, int]
    word_share: float = 1.0
    pair_share: float = 1.0


class Pretraining:
    """A document becomes several examples; the prediction of each is its figures with its targets."""

    name = "pretraining"
    pipeline_tag = "fill-mask"
    input_names = ("text", "text_pair")
    model_class = language_models.AutoModelForPreTraining
    schema = pa.schema([("row_id", pa.int64())])

    def outputs(self, labels: Sequence[str]) -> tuple[str, ...]:
        """The vocabulary is the output: there are no labels."""
        return ()

    def config(self, setup: Setup) -> dict[str, Any]:
        return {}

    def build(self, folder: Path, setup: Setup) -> PreTrainedModel:
        """The model of the objective: with the weights of `folder`, or with random ones when it holds a tokenizer alone."""
        return language_models.build(folder, setup)

    def encode(
        self, rows: Sequence[CorpusRow], tokenizer: PreTrainedTokenizerBase, setup: Setup, *, first: int = 0
    ) -> Encoded[Any]:
        """Sequences with the masks that are judged by; `renew` draws others. Questions become what `guessing` makes of them."""
        if rows and isinstance(rows[0], guessing.Question):
            return Encoded(examples=guessing.encode(rows, tokenizer, setup))  # type: ignore[arg-type]  # all are questions
        params = setup.params
        decoder = params.objective == "clm"
        _refuse_unsuited(tokenizer, decoder=decoder)
        room = setup.max_length - (2 if params.objective == "mlm" else 3)
        longest = setup.max_length if decoder else max(room // (1 if params.objective == "mlm" else 2), 1)
        found = sequences.documents([row.lines for row in rows], tokenizer, longest)
        masking = None if decoder else _masking(tokenizer, setup)
        made = _sequences(found, tokenizer, setup, room, np.random.default_rng([params.seed, first]))
        return Encoded(examples=[_example(each, masking, first, number) for number, each in enumerate(made)])

    def renew(self, examples: Sequence[PretrainingExample], setup: Setup, epoch: int) -> list[PretrainingExample]:
        """Mask anew for the epoch, and share out the step among its words and its pairs."""
        masked = [_masked(example, epoch) for example in examples]
        words = sum(len(example.places) for example in masked)
        pairs = sum(example.pair >= 0 for example in masked)
        word_share, pair_share = 1 / max(words, 1), 1 / max(pairs, 1)
        return [replace(example, word_share=word_share, pair_share=pair_share) for example in masked]

    def balance(self, examples: Sequence[Any], setup: Setup) -> tuple[float, ...] | None:
        """Nothing to balance."""
        return None

    def weight(self, examples: Sequence[Any], setup: Setup) -> float:
        """One: `renew` has shared out the step."""
        return 1.0

    def loss(self, logits: Tensor, examples: Sequence[PretrainingExample], setup: Setup) -> Tensor:
        """The mean loss of a word plus the mean loss of a pair over the whole step, as `BertForPreTraining` adds them."""
        words = logits.new_tensor([example.word_share for example in examples])
        pairs = logits.new_tensor([example.pair_share for example in examples])
        return (logits[:, 0] * words).sum() + (logits[:, 3] * pairs).sum()

    def decode(
        self, rows: Sequence[CorpusRow], examples: Sequence[Any], logits: Sequence[Figures], setup: Setup
    ) -> list[Any]:
        if rows and isinstance(rows[0], guessing.Question):
            return guessing.decode(rows, examples, logits, setup)  # type: ignore[arg-type]  # all are questions
        return [(figures, example.targets) for figures, example in zip(logits, examples, strict=True)]

    def tune(self, rows: Sequence[CorpusRow], predictions: Sequence[Any], setup: Setup) -> dict[str, Any]:
        """Nothing is tuned."""
        return {}

    def score(self, rows: Sequence[CorpusRow], predictions: Sequence[Any], setup: Setup) -> Report:
        """`majority_accuracy` is what the commonest token of the targets, said always, would score."""
        if not predictions:
            raise UnusableData("There is no text to judge by", hint="Import more documents.")
        figures = np.stack([each for each, _targets in predictions]).sum(axis=0, dtype=np.float64)
        sums = {name: float(value) for name, value in zip(FIGURES, figures, strict=True)}
        counts = np.bincount(np.concatenate([targets for _, targets in predictions]))
        words, pairs = max(sums["words"], 1.0), sums["pairs"]
        word_loss = sums["word_loss"] / words
        metrics = {
            "loss": word_loss,
            "log_likelihood": -word_loss,
            "perplexity": math.exp(min(word_loss, 50.0)),
            "accuracy": sums["right_words"] / words,
            "majority_accuracy": float(counts.max(initial=0)) / words,
        }
        if pairs:
            pair_loss = sums["pair_loss"] / pairs
            metrics |= {
                "pair_accuracy": sums["right_pairs"] / pairs,
                "pair_loss": pair_loss,
                "loss": word_loss + pair_loss,
            }
        return Report(rows=len(rows), metrics={name: float(value) for name, value in metrics.items()})

    def records(self, rows: Sequence[CorpusRow], predictions: Sequence[Any], setup: Setup) -> list[dict[str, Any]]:
        """The documents that were judged; single guesses are not kept."""
        return [{"row_id": row.row_id} for row in rows]

    def example(self, row: CorpusRow) -> dict[str, Any]:
        return {"text": guessing.with_gap(row.lines)}

    def sampler(
        self, rows: Sequence[CorpusRow], tokenizer: PreTrainedTokenizerBase, setup: Setup
    ) -> Callable[[Any], list[dict[str, Any]]]:
        """Gaps in a few sentences of the validation split, or the beginnings of some to be continued."""
        return guessing.sampler(rows, tokenizer, setup)

    def parse(self, inputs: Any) -> list[Any]:
        """A text with gaps, `{"text", "text_pair"}`, or a list of these."""
        return guessing.parse(inputs)

    def adapt(self, setup: Setup, parameters: Parameters) -> Setup:
        return guessing.adapt(setup, parameters)

    def respond(
        self, inputs: Any, rows: Sequence[Any], predictions: Sequence[Any], parameters: Parameters, setup: Setup
    ) -> Any:
        """As Hugging Face's fill-mask answers; for two texts the classes of the pair; with `perplexity` that of the text."""
        return list(predictions) if isinstance(inputs, list) else predictions[0]


TASK = Pretraining()


def _refuse_unsuited(tokenizer: PreTrainedTokenizerBase, *, decoder: bool) -> None:
    if not decoder and (tokenizer.mask_token_id is None or tokenizer.cls_token_id is None):
        raise BaseModelRefused(
            "The tokenizer has no mask, so no word can be guessed in a gap", hint="Choose the objective clm."
        )


def _masking(tokenizer: PreTrainedTokenizerBase, setup: Setup) -> Masking:
    return Masking(
        mask_id=tokenizer.mask_token_id,
        vocabulary=len(tokenizer),
        special=frozenset(tokenizer.all_special_ids) - {tokenizer.unk_token_id},
        seed=setup.params.seed,
        share=setup.params.mask_share,
        kind=setup.params.masking,
    )


def _sequences(
    found: list[list[sequences.Piece]],
    tokenizer: PreTrainedTokenizerBase,
    setup: Setup,
    room: int,
    random: np.random.Generator,
) -> Any:
    params = setup.params
    if params.objective == "clm":
        end = tokenizer.eos_token_id if tokenizer.eos_token_id is not None else tokenizer.sep_token_id
        return sequences.blocks(found, length=setup.max_length, end=end)
    marks = (tokenizer.cls_token_id, tokenizer.sep_token_id)
    if params.objective == "mlm":
        return sequences.runs(found, room=room, marks=marks, random=random, short_share=params.short_share)
    swapped = params.objective == "mlm_sop"
    return sequences.pairs(
        found, room=room, marks=marks, random=random, swapped=swapped, short_share=params.short_share
    )


def _example(made: sequences.Span, masking: Masking | None, first: int, number: int) -> PretrainingExample:
    types = None
    if made.second:
        types = np.zeros(len(made.ids), dtype=np.int32)
        types[made.second :] = 1
    nothing = np.empty(0, dtype=np.int32)
    example = PretrainingExample(
        ids=made.ids,
        types=types,
        row=first,
        places=nothing,
        targets=nothing,
        pair=made.pair,
        originals=made.ids,
        begins=made.begins,
        masking=masking,
        key=(first, number),
    )
    return _masked(example, STILL)


def _masked(example: PretrainingExample, epoch: int) -> PretrainingExample:
    if example.masking is None:
        last = len(example.originals) - 1
        return replace(example, places=np.arange(last, dtype=np.int32), targets=example.originals[1:])
    ids, places, targets = example.masking.mask(example.originals, example.begins, epoch=epoch, key=example.key)
    return replace(example, ids=ids, places=places, targets=targets)
