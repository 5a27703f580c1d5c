"""Pre-training without waste: the vocabulary's matrix meets only the tokens that are to be guessed.

The encoder answers with figures for each sequence instead of logits for each token: the summed losses and counts that
the task adds up. In a small model most of a plain recipe's arithmetic is the vocabulary's matrix over tokens that
have no target; here those are left out. The losses equal `BertForPreTraining`'s and `GPT2LMHeadModel`'s to rounding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedModel

from nlpstudio.engine.encoders.example import Example, parts_of
from nlpstudio.engine.encoders.families import FAMILIES
from nlpstudio.engine.encoders.packed import PackedEncoder

FIGURES = ("word_loss", "words", "right_words", "pair_loss", "pairs", "right_pairs")
"""The columns that `logits` gives of each sequence; the first and the fourth have a gradient."""
KINDS = ("ForPreTraining", "ForMaskedLM", "LMHeadModel", "ForCausalLM")
WORDS_AT_ONCE = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetedExample(Example):
    """A sequence with what is to be guessed: the tokens `targets` at `places`, and the class of the pair (-1: none).

    With `asks`, the answer is not figures but the log-probabilities over the vocabulary at the only place, or of the two
    classes of the pair when there is no place.
    """

    places: NDArray[np.int32]
    targets: NDArray[np.int32]
    pair: int = -1
    asks: bool = False


def supports(model: PreTrainedModel) -> bool:
    """Whether `model` was made to guess words."""
    return type(model).__name__.endswith(KINDS)


def choose(model: PreTrainedModel, *, seed: int = 0) -> PackedObjective | PaddedObjective:
    """The packed encoder for the families of the table, the model's own forward pass for decoders and the rest."""
    packed = model.config.model_type in FAMILIES and not getattr(model.config, "is_decoder", False)
    return PackedObjective(model, seed=seed) if packed else PaddedObjective(model)


class PackedObjective(PackedEncoder):
    """Masked words and pairs over the un-padded forward pass."""

    def logits(self, examples: Sequence[Any]) -> Tensor:
        """[rows, `FIGURES`], or [rows, vocabulary] for examples that ask."""
        hidden, batch = self.hidden(examples)
        return _answer(self.model, hidden, batch.first, examples)


class PaddedObjective:
    """The same figures over the ordinary forward pass of any model: decoders see blocks of one length, without padding."""

    path = "padded"

    def __init__(self, model: PreTrainedModel) -> None:
        self.model: Any = model
        self.path = "packed" if is_decoder(model) else "padded"

    def logits(self, examples: Sequence[Any]) -> Tensor:
        """[rows, `FIGURES`], or [rows, vocabulary] for examples that ask."""
        lengths = [len(example) for example in examples]
        width = max(lengths)
        ids = torch.zeros((len(examples), width), dtype=torch.long)
        mask = torch.zeros((len(examples), width), dtype=torch.long)
        for row, example in enumerate(examples):
            ids[row, : len(example)] = torch.from_numpy(example.ids.astype(np.int64))
            mask[row, : len(example)] = 1
        inputs = {"input_ids": ids.to(self.model.device)}
        if min(lengths) < width:
            inputs["attention_mask"] = mask.to(self.model.device)
        base = getattr(self.model, self.model.base_model_prefix)
        hidden = base(**inputs).last_hidden_state
        packed = hidden[mask.bool().to(hidden.device)] if min(lengths) < width else hidden.flatten(0, 1)
        first = torch.tensor(np.concatenate([[0], np.cumsum(lengths)[:-1]]), device=hidden.device)
        return _answer(self.model, packed, first, examples)

    def verdicts(self, logits: Tensor, examples: Sequence[Example]) -> list[NDArray[np.float32]]:
        """The figures of each example."""
        return parts_of(logits, examples)

    def random_state(self) -> Mapping[str, Any]:
        """Nothing: all its dropout draws from torch's own generator."""
        return {}

    def set_random_state(self, state: Mapping[str, Any]) -> None:
        """Nothing to set."""


def is_decoder(model: PreTrainedModel) -> bool:
    """Whether the model guesses the next word."""
    return type(model).__name__.endswith(("LMHeadModel", "ForCausalLM"))


def _answer(model: Any, hidden: Tensor, first: Tensor, examples: Sequence[TargetedExample]) -> Tensor:
    if examples[0].asks:
        return _asked(model, hidden, first, examples)
    word_loss, words, right = _words(model, hidden, first, examples)
    pair_loss, pairs, right_pairs = _pairs(model, hidden, first, examples)
    return torch.stack([word_loss, words, right, pair_loss, pairs, right_pairs], dim=1)


def _words(
    model: Any, hidden: Tensor, first: Tensor, examples: Sequence[TargetedExample]
) -> tuple[Tensor, Tensor, Tensor]:
    """Of each row: the summed loss of its words, how many they are, how many are guessed right."""
    counts = torch.tensor([len(example.places) for example in examples], device=hidden.device)
    losses = torch.zeros(len(examples), device=hidden.device)
    right = torch.zeros_like(losses)
    if int(counts.sum()):
        rows = torch.repeat_interleave(torch.arange(len(examples), device=hidden.device), counts)
        flat = np.concatenate([example.places for example in examples]).astype(np.int64)
        places = torch.from_numpy(flat).to(hidden.device) + first.index_select(0, rows)
        gold = torch.from_numpy(np.concatenate([example.targets for example in examples]).astype(np.int64))
        gold = gold.to(hidden.device)
        for begin in range(0, len(gold), WORDS_AT_ONCE):
            part = slice(begin, begin + WORDS_AT_ONCE)
            logits = scores_of_words(model, hidden.index_select(0, places[part])).float()
            losses = losses.index_add(0, rows[part], F.cross_entropy(logits, gold[part], reduction="none"))
            right = right.index_add(0, rows[part], (logits.detach().argmax(dim=1) == gold[part]).float())
    return losses, counts.float(), right


def _pairs(
    model: Any, hidden: Tensor, first: Tensor, examples: Sequence[TargetedExample]
) -> tuple[Tensor, Tensor, Tensor]:
    """Of each row: the loss of its pair, whether it has one, whether that is guessed right."""
    gold = torch.tensor([example.pair for example in examples], device=hidden.device)
    has = gold >= 0
    nothing = torch.zeros(len(examples), device=hidden.device)
    if not bool(has.any()):
        return nothing, nothing, nothing
    logits = scores_of_pairs(model, hidden.index_select(0, first)).float()
    losses = F.cross_entropy(logits, gold, reduction="none", ignore_index=-1)
    return losses, has.float(), ((logits.detach().argmax(dim=1) == gold) & has).float()


def _asked(model: Any, hidden: Tensor, first: Tensor, examples: Sequence[TargetedExample]) -> Tensor:
    """The log-probabilities that each row asks for, [rows, vocabulary]; those of a pair stand in the first two places."""
    width = model.config.vocab_size
    answers = hidden.new_full((len(examples), width), -torch.inf, dtype=torch.float32)
    for row, example in enumerate(examples):
        if len(example.places):
            logits = scores_of_words(model, hidden[first[row] + int(example.places[0])][None])
        else:
            logits = scores_of_pairs(model, hidden[first[row]][None])
        answers[row, : logits.shape[1]] = logits[0].float().log_softmax(dim=0)
    return answers


def scores_of_words(model: Any, hidden: Tensor) -> Tensor:
    """[words, vocabulary] by the model's own head."""
    if hasattr(model, "cls"):
        scores: Tensor = model.cls.predictions(hidden)
    elif hasattr(model, "vocab_projector"):  # DistilBERT
        scores = model.vocab_projector(model.vocab_layer_norm(model.activation(model.vocab_transform(hidden))))
    elif hasattr(model, "generator_lm_head"):  # ELECTRA
        scores = model.generator_lm_head(model.generator_predictions(hidden))
    else:
        scores = model.lm_head(hidden)
    return scores


def scores_of_pairs(model: Any, first: Tensor) -> Tensor:
    """[rows, 2] by the model's own head on the first tokens: whether the second text follows the first (0) or not (1)."""
    scores: Tensor = model.cls.seq_relationship(model.base_model.pooler(first[:, None]))
    return scores
