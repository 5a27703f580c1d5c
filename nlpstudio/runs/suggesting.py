"""Good first settings for given data and a given base model."""

from __future__ import annotations

import math
from collections.abc import Iterable

from nlpstudio.datasets.models import DatasetVersion
from nlpstudio.engine.conversion.sources import BaseModel
from nlpstudio.engine.spec import MADE, PAIRS, TrainParams
from nlpstudio.registry.project_shelf import MODEL
from nlpstudio.runs import estimating
from nlpstudio.runs.estimating import CHARACTERS_A_WORD, PIECES_A_WORD

LENGTHS = (32, 48, 64, 96, 128, 192, 256, 384, 512)
SMALL = 20_000_000
"""Parameters below which a base model bears, and needs, a higher learning rate."""
SMALL_RATE = 2e-4
YOUNG_RATES = ((5_000_000, 1e-3), (50_000_000, 5e-4))
"""For what the project has pre-trained itself, below so many parameters: it is far from settled (`bench.from_zero`)."""
FRESH_RATE, FRESH_WIDTH = 2e-3, 128
"""For random weights, which need far longer steps than trained ones, at that hidden size; less in proportion for wider ones."""
FRESH_BATCH = 32
FRESH_STEPS = 6000
"""Optimizer steps before which masked words are guessed by little more than how common they are."""
MOST_FRESH_EPOCHS = 40
EVALUATIONS = 8
"""Of a pre-training, at least: whoever waits for hours wants to see it learn, and one costs a few hundredths of an epoch."""
SUGGESTED = (
    "max_length", "learning_rate", "epochs", "batch_size", "early_stopping", "label_smoothing", "warmup_ratio",
    "eval_steps",
)  # fmt: skip
"""The settings that follow the data until somebody changes them."""
PACE = SUGGESTED[2:]


def max_length(version: DatasetVersion, entry: BaseModel | None) -> int:
    """The smallest usual length that holds 95 % of the texts, as far as the base model reads.

    Words are cut into about 1.4 pieces each; a character of a script without spaces is one.
    """
    longest = entry.max_length if entry else LENGTHS[-1]
    if version.dataset.task == "pretraining":
        return min(TrainParams().max_length, longest)
    words, characters = (_percentile(version, key) for key in ("words", "characters"))
    if words is None or characters is None:
        return min(TrainParams().max_length, longest)
    tokens = 3 + (words if characters < CHARACTERS_A_WORD * words else math.ceil(PIECES_A_WORD * words))
    return min(next((length for length in LENGTHS if length >= tokens), LENGTHS[-1]), longest)


def begins_fresh(version: DatasetVersion | None, entry: BaseModel | None) -> bool:
    """Whether the run begins with random weights."""
    if version is None or version.dataset.task not in MADE:
        return False
    return entry.family == "tokenizer" if entry is not None else version.dataset.task == "pretraining"


def learning_rate(
    entry: BaseModel | None, version: DatasetVersion | None = None, params: TrainParams | None = None
) -> float:
    """The rate that suits the base model; for random weights, the hidden size in `params`."""
    if begins_fresh(version, entry):
        return fresh_rate((params or TrainParams()).shape[1])
    if version is not None and version.dataset.task == "pretraining":
        return TrainParams().learning_rate
    if entry is not None and entry.id.startswith(MODEL):
        return next((rate for most, rate in YOUNG_RATES if entry.parameters < most), TrainParams().learning_rate)
    return SMALL_RATE if entry and entry.parameters < SMALL else TrainParams().learning_rate


def fresh_rate(width: int) -> float:
    """For a model of random weights and that hidden size, to two figures."""
    return float(f"{FRESH_RATE * FRESH_WIDTH / max(width, FRESH_WIDTH):.2g}")


def pace(version: DatasetVersion | None, entry: BaseModel | None = None) -> dict[str, float]:
    """Epochs, batch size, patience, evaluations and the like: what is learnt from nothing wants many steps, and pre-training stops at no plateau.

    Label smoothing and warm-up of pairs are near those of Vaswani et al. 2017.
    """
    plain = TrainParams()
    usual = {name: getattr(plain, name) for name in PACE}
    if version is not None and version.dataset.task == "pretraining":
        an_epoch = estimating.sequences(version, TrainParams()) / FRESH_BATCH
        epochs = min(max(math.ceil(FRESH_STEPS / an_epoch), 3), MOST_FRESH_EPOCHS)
        parts = math.ceil(EVALUATIONS / epochs)
        eval_steps = math.ceil(an_epoch / parts) if parts > 1 else 0
        own = {"epochs": epochs, "batch_size": FRESH_BATCH, "early_stopping": 0, "eval_steps": eval_steps}
        return {**usual, **own}
    if begins_fresh(version, entry):
        return {**usual, "epochs": 20, "batch_size": 64, "early_stopping": 3, "label_smoothing": 0.1}
    return usual


def base_model(entries: Iterable[BaseModel], version: DatasetVersion | None, here: set[str]) -> BaseModel | None:
    """The first on the shelf that can do the task and is on this machine, else the first that can. What the project itself
    pre-trained is there to be chosen; it comes last here, because it may have been a small experiment.
    """
    task = version.dataset.task if version else "classification"
    able = [entry for entry in entries if task in entry.tasks]
    if task != "pretraining":
        able.sort(key=lambda entry: entry.id.startswith(MODEL))
    if task in PAIRS:  # what has learnt to write comes first, and then what fits any language
        able.sort(key=lambda entry: entry.family == "tokenizer")
    spoken = None if task in PAIRS else _language(version)
    fitting = [entry for entry in able if spoken is None or spoken in entry.languages] or able
    return next((entry for entry in fitting if entry.id in here), fitting[0] if fitting else None)


def _language(version: DatasetVersion | None) -> str | None:
    """A guess: Chinese where characters stand for words, English elsewhere; None when nothing was counted."""
    if version is None:
        return None
    words, characters = (_percentile(version, key) for key in ("words", "characters"))
    if words is None or characters is None:
        return None
    return "zh" if characters < CHARACTERS_A_WORD * words else "en"


def _percentile(version: DatasetVersion, key: str) -> int | None:
    marks = version.statistics.get(key, {}).get("percentiles", {})
    value = marks.get("95")
    return int(value) if value is not None else None


def steps(version: DatasetVersion, params: TrainParams) -> int:
    """How many optimizer steps the run makes unless it stops early."""
    if version.dataset.task == "pretraining":
        return math.ceil(estimating.sequences(version, params) / params.batch_size) * params.epochs
    rows = int(version.splits.get("train", 0))
    return math.ceil(rows / params.batch_size) * params.epochs
