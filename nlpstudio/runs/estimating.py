"""What a training from nothing will cost before it starts: parameters, memory, arithmetic and time on this machine, roughly.

The time is the arithmetic (6 operations for each weight and token, Kaplan et al. 2020, and the vocabulary's matrix for the
guessed tokens alone) over what the matrix product of a worker's device does (`runs.speed`), of which training reaches a part.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from django.core.cache import cache

from nlpstudio.datasets.models import DatasetVersion
from nlpstudio.engine.conversion.sources import BaseModel
from nlpstudio.engine.environment import usable_cpus
from nlpstudio.engine.spec import PAIRS, SCRATCH, SHAPES, TrainParams
from nlpstudio.registry.models import Tokenizer
from nlpstudio.runs import speed

REACHED = ((128, 256, 512, 768), (0.29, 0.60, 0.70, 0.78))
"""Of the matrix product's speed, by the model's width: measured on a CPU in bf16, packed."""
OF_PAIRS = 0.4
"""Of that, what an encoder and decoder reach, whose rows are padded; measured at width 128."""
FROM_ELSEWHERE = {"mlm_nsp": 1.35, "mlm_sop": 1.05, "mlm": 1.05, "clm": 1.05}
"""Tokens in sequences for each token of the corpus, marks among them: half of the pairs take their second part from elsewhere."""
LONG = {"mlm_nsp": 0.88, "mlm_sop": 0.88, "mlm": 0.75, "clm": 1.0}
"""Of the maximum length, what a sequence that is no short one fills on average."""
BEYOND = {"mlm_nsp": 40, "mlm_sop": 40, "mlm": 18}
"""Tokens by which a short one passes its aim, for sentences are kept whole and a pair has two at least."""
BYTES_A_WEIGHT = 16
"""The weight, its gradient and Adam's two moments, in fp32."""
TOKENS_AT_ONCE = 2048
PIECES_A_WORD = 1.4
CHARACTERS_A_WORD = 2.5
"""Fewer than this: the words are characters of a script without spaces, which are counted one by one."""
PROBE_SIDE, PROBE_STACK, PROBE_SECONDS, REMEMBERED = 48, 64, 0.15, 3600
"""Products so small that the library keeps to one thread: several wait for each other where others are busy (a fifth of the speed)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """`tokens` of all epochs; `memory_bytes` beside the program's own; `seconds` on this machine, when nobody else works."""

    layers: int
    hidden: int
    heads: int
    parameters: int
    tokens: int
    memory_bytes: int
    seconds: float


def cost(version: DatasetVersion, entry: BaseModel, params: TrainParams) -> Cost:
    """The cost of a pre-training on this corpus, or of a model with random weights that learns these pairs."""
    return _cost(version, entry, params, matrix_speed())


def _cost(version: DatasetVersion, entry: BaseModel, params: TrainParams, matrix: float) -> Cost:
    if version.dataset.task in PAIRS:
        return _cost_of_pairs(version, entry, params, matrix)
    layers, hidden, heads = params.shape
    vocabulary = _vocabulary(entry)
    body: int = layers * (12 * hidden * hidden + 13 * hidden)
    if entry.family == "tokenizer":
        parameters = body + (vocabulary + params.max_length + 2) * hidden + (hidden * hidden + vocabulary)
    else:
        parameters = entry.parameters
        body = max(parameters - vocabulary * hidden, parameters // 2)
    tokens = tokens_an_epoch(version, entry, params) * params.epochs
    guessed = 1.0 if params.objective == "clm" else params.mask_share
    attention = 4 * layers * hidden * params.max_length
    operations = (6.0 * body + 3.0 * attention + 6.0 * guessed * vocabulary * hidden) * tokens
    logits = 12 * vocabulary * TOKENS_AT_ONCE * guessed
    activations = 4 * TOKENS_AT_ONCE * layers * hidden * 24 + logits
    return Cost(
        layers=layers,
        hidden=hidden,
        heads=heads,
        parameters=parameters,
        tokens=tokens,
        memory_bytes=int(BYTES_A_WEIGHT * parameters + activations),
        seconds=operations / (_reached(hidden) * matrix),
    )


def _cost_of_pairs(version: DatasetVersion, entry: BaseModel, params: TrainParams, matrix: float) -> Cost:
    """Half of the tokens pass the encoder, half the decoder, which looks at the other half too, and the vocabulary's matrix."""
    layers, hidden, heads = params.shape
    vocabulary = params.vocabulary if entry.id == SCRATCH else _vocabulary(entry)
    encoder, decoder, words = 12 * layers * hidden**2, 16 * layers * hidden**2, vocabulary * hidden
    tokens = tokens_of_pairs(version, params) * params.epochs
    at_once = TOKENS_AT_ONCE // 2
    return Cost(
        layers=layers,
        hidden=hidden,
        heads=heads,
        parameters=encoder + decoder + words + 13 * hidden * 2 * layers,
        tokens=tokens,
        memory_bytes=BYTES_A_WEIGHT * (encoder + decoder + words)
        + 4 * at_once * (layers * hidden * 60 + 3 * vocabulary),
        seconds=6.0 * (encoder + decoder + words) * (tokens / 2) / (OF_PAIRS * _reached(hidden) * matrix),
    )


def tokens_of_pairs(version: DatasetVersion, params: TrainParams) -> int:
    """About how many tokens both sides of the training rows have; a translation says the same in about as many."""
    figures = version.statistics
    words, characters, targets = (figures.get(key, {}).get("mean", 0.0) for key in ("words", "characters", "targets"))
    source = 2 + (words if characters < CHARACTERS_A_WORD * words else PIECES_A_WORD * words)
    target = source if version.dataset.task == "translation" else 2 + source * targets / max(characters, 1.0)
    longest = params.max_length
    each = float(min(source, longest) + min(target, longest))
    return max(1, round(int(version.splits.get("train", 0)) * each))


def presets(version: DatasetVersion, entry: BaseModel, params: TrainParams) -> list[tuple[str, Cost]]:
    """Each named architecture with its cost, the smallest first."""
    matrix = matrix_speed()
    return [(name, _cost(version, entry, replace(params, architecture=name), matrix)) for name in SHAPES]


def sequences(version: DatasetVersion, params: TrainParams) -> int:
    """About how many sequences an epoch has: no less than one of each document, except in blocks that run through them all."""
    filled = _filled(params)
    if params.objective == "clm":
        return max(1, round(tokens_an_epoch(version, None, params) / filled))
    share = FROM_ELSEWHERE[params.objective]
    made = sum(count * max(1.0, share * tokens / filled) for count, tokens in _documents(version, None))
    return max(1, round(made))


def tokens_an_epoch(version: DatasetVersion, entry: BaseModel | None, params: TrainParams) -> int:
    """About how many tokens the sequences of an epoch have. A document too short for two sentences doubles: its second is another's."""
    often = FROM_ELSEWHERE[params.objective]
    alone, filled = (2.0 if params.objective == "mlm_nsp" else often), _filled(params)
    seen = sum(
        count * tokens * (often if often * tokens >= filled else alone) for count, tokens in _documents(version, entry)
    )
    return max(1, round(seen))


def _filled(params: TrainParams) -> float:
    """Tokens in a sequence of a long document, on average; a short one aims at 8 tokens to a quarter of the maximum length."""
    long = LONG[params.objective] * params.max_length
    if params.objective == "clm":
        return long
    short = (8 + params.max_length / 4) / 2 + BEYOND[params.objective]
    return params.short_share * min(short, long) + (1 - params.short_share) * long


def _documents(version: DatasetVersion, entry: BaseModel | None) -> list[tuple[float, float]]:
    """About how many documents of the training split have about so many tokens: the corpus's characters over what a token holds."""
    corpus: dict[str, Any] = version.statistics.get("corpus", {})
    held = _characters_a_token(entry) or _usual(corpus)
    share = float(version.splits.get("train", 0) / max(version.rows, 1))
    lengths = _lengths(version.statistics.get("characters", {}))
    counted = sum(count * characters for count, characters in lengths)
    a_character = corpus.get("characters", 0) / max(counted, 1.0) / held
    return [(share * count, characters * a_character) for count, characters in lengths]


def _lengths(figures: dict[str, Any]) -> list[tuple[int, float]]:
    """How many texts have about so many characters; the last of the histogram's bins holds whatever is longer."""
    edges, counts = (figures.get("histogram", {}).get(key, []) for key in ("edges", "counts"))
    if len(edges) < 2:
        return [(count, float(figures["mean"])) for count in counts]
    middle = (edges[1] - 1) / 2
    found = [(count, edge + middle) for edge, count in zip(edges[:-1], counts, strict=False)]
    rest = sum(counts) * figures["mean"] - sum(count * characters for count, characters in found)
    return [*found, (counts[-1], max(rest / max(counts[-1], 1), float(edges[-1])))]


def _usual(corpus: dict[str, Any]) -> float:
    """One character a token in Chinese, about four in alphabets."""
    languages = corpus.get("languages", [])
    whole = sum(each["characters"] for each in languages) or 1
    signs = sum(each["characters"] for each in languages if each["code"] in ("zh", "ja"))
    return 1.05 + 3.0 * (1 - float(signs) / float(whole))


def _row_of(entry: BaseModel) -> Tokenizer | None:
    if entry.family != "tokenizer":
        return None
    return Tokenizer.objects.filter(pk=entry.id.partition("/")[2]).first()


def _characters_a_token(entry: BaseModel | None) -> float:
    row = _row_of(entry) if entry is not None else None
    return float(row.judgements.get("", {}).get("characters_a_token", 0)) if row is not None else 0.0


def _vocabulary(entry: BaseModel) -> int:
    row = _row_of(entry)
    if row is None:
        return 30_000
    return int(row.judgements.get("", {}).get("vocabulary") or row.spec["vocabulary"])


def _reached(hidden: int) -> float:
    """The part of the matrix product's speed that a training of that width reaches."""
    return float(np.interp(hidden, *REACHED))


def matrix_speed() -> float:
    """Operations a second of a training's matrix products here, as a worker has told, else of this process's own, on all processors."""
    return speed.of_the_workers() or _probed()


def _probed() -> float:
    """In fp32, once an hour, in CPU time: others may be busy."""
    known = cache.get("runs.matrix_speed")
    if known is None:
        stack = np.random.default_rng(0).random((PROBE_STACK, PROBE_SIDE, PROBE_SIDE), dtype=np.float32)
        stack @ stack
        began, count = time.process_time(), 0
        while time.process_time() - began < PROBE_SECONDS:
            stack @ stack
            count += PROBE_STACK
        known = 2.0 * PROBE_SIDE**3 * count / (time.process_time() - began) * usable_cpus()
        cache.set("runs.matrix_speed", known, REMEMBERED)
    return float(known)
