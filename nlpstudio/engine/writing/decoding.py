"""Writing one text token by token with a key-value cache, as a generator that may be closed at any moment."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from nlpstudio.engine.writing.options import WritingOptions

MARK = "\ufffd"
"""What a decoder prints for half a character."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Some of the text as it is written. The last piece has a `finish`: "stop" or "length". `tokens` counts from the first."""

    text: str
    tokens: int
    token_id: int = -1
    log_probability: float = 0.0
    finish: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """One token that was chosen, with its log-probability under the model."""

    id: int
    log_probability: float


def tokens(
    model: Any, prompt: Sequence[int], options: WritingOptions, *, ends: frozenset[int]
) -> Generator[Token, None, None]:
    """The tokens after `prompt`, at most `options.max_new_tokens`; one of `ends` is the last.

    Every step computes one token: the keys and values of all before are kept.
    """
    random = torch.Generator(device="cpu")
    if options.seed is None:
        random.seed()
    else:
        random.manual_seed(options.seed)
    ids = torch.tensor([list(prompt)], device=model.device)
    seen = list(prompt)
    cache = None
    for _ in range(options.max_new_tokens):
        with torch.inference_mode():
            outputs = model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
        cache = outputs.past_key_values
        logits = outputs.logits[0, -1].float().cpu()
        chosen = choose(logits, options, seen=seen, random=random)
        seen.append(chosen)
        yield Token(id=chosen, log_probability=float(logits.log_softmax(dim=-1)[chosen]))
        if chosen in ends:
            return
        ids = torch.tensor([[chosen]], device=model.device)


def choose(logits: Tensor, options: WritingOptions, *, seen: Iterable[int], random: torch.Generator) -> int:
    """The next token from logits [vocabulary].

    `repetition_penalty` divides the logits of seen tokens (Keskar et al. 2019, "CTRL"); `top_p` keeps the likeliest
    tokens that together have that probability (Holtzman et al. 2020, "The Curious Case of Neural Text Degeneration").
    """
    if options.repetition_penalty != 1.0:
        logits = logits.clone()
        places = torch.tensor(sorted(set(seen)))
        values = logits[places]
        logits[places] = torch.where(
            values > 0, values / options.repetition_penalty, values * options.repetition_penalty
        )
    if options.temperature == 0.0:
        return int(logits.argmax())
    scores, order = (logits / options.temperature).sort(descending=True, stable=True)
    if options.top_k:
        scores, order = scores[: options.top_k], order[: options.top_k]
    shares = scores.softmax(dim=-1)
    kept = shares.cumsum(dim=-1) - shares < options.top_p
    kept[0] = True
    shares = torch.where(kept, shares, 0.0)
    return int(order[int(torch.multinomial(shares, 1, generator=random))])


def pieces(
    tokenizer: Any, written: Iterator[Token], options: WritingOptions, *, ends: frozenset[int]
) -> Iterator[Piece]:
    """The text of the tokens, whole characters only; what may be the beginning of a stop text is held back."""
    ids: list[int] = []
    begin = 0  # the tokens before are said and no longer looked at
    held = ""
    for token in written:
        count = len(ids) + 1
        if token.id in ends:
            yield Piece(
                text=held, tokens=count, token_id=token.id, log_probability=token.log_probability, finish="stop"
            )
            return
        ids.append(token.id)
        fresh, begin = _fresh(tokenizer, ids, begin)
        held += fresh
        cut = _first(held, options.stop)
        if cut is not None:
            yield Piece(
                text=held[:cut], tokens=count, token_id=token.id, log_probability=token.log_probability, finish="stop"
            )
            return
        keep = _beginning(held, options.stop)
        said, held = held[: len(held) - keep], held[len(held) - keep :]
        yield Piece(text=said, tokens=count, token_id=token.id, log_probability=token.log_probability)
    rest = _text(tokenizer, ids[max(0, begin - 1) :])[len(_text(tokenizer, ids[max(0, begin - 1) : begin])) :]
    yield Piece(text=held + rest, tokens=len(ids), finish="length")


def _fresh(tokenizer: Any, ids: Sequence[int], begin: int) -> tuple[str, int]:
    """What the tokens from `begin` on add to the text, and where the next look begins: empty within a character.

    The token before is decoded too, for what it does to the blank between them.
    """
    context = ids[max(0, begin - 1) : begin]
    before, after = _text(tokenizer, context), _text(tokenizer, ids[max(0, begin - 1) :])
    if after.endswith(MARK) or not after.startswith(before):
        return "", begin
    return after[len(before) :], len(ids)


def _text(tokenizer: Any, ids: Sequence[int]) -> str:
    return str(tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)) if ids else ""


def _first(text: str, stops: Sequence[str]) -> int | None:
    found = [place for stop in stops if (place := text.find(stop)) >= 0]
    return min(found, default=None)


def _beginning(text: str, stops: Sequence[str]) -> int:
    """How many characters at the end may be the beginning of a stop text."""
    longest = 0
    for stop in stops:
        for size in range(min(len(stop) - 1, len(text)), longest, -1):
            if text.endswith(stop[:size]):
                longest = size
                break
    return longest
