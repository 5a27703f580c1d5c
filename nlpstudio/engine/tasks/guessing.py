"""Asking a language model: the word in a gap, the next word, whether one text follows another, how likely a text is.

Answers to gaps have the shape of Hugging Face's fill-mask. The perplexity of a text is exp of the mean negative
log-probability of its tokens: each given those before it (decoders), or each given all others, masked one at a time
(encoders: the pseudo-perplexity of Salazar et al. 2020).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from nlpstudio.engine import encoders
from nlpstudio.engine.data.rows import CorpusRow
from nlpstudio.engine.encoders.pretraining import TargetedExample
from nlpstudio.engine.errors import UnsuitableInput
from nlpstudio.engine.tasks.base import Setup

GAP = re.compile(r"\[MASK\]|<mask>")
MARK = "[MASK]"
TOP = 5
MOST = 50
SAMPLES = 4
WORDS_LEAST = 8
WORDS_GENERATED = 16
LONGEST_SCORED = 256
_WORD = re.compile(r"[^\W\d_]{3,}|[\u4e00-\u9fff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question(CorpusRow):
    """What is asked about a text: "gap" (or the next word), "pair" or "perplexity"."""

    kind: str = "gap"
    pair: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked(TargetedExample):
    """One place of a question; `tokenizer` spells the answer."""

    tokenizer: Any


def parse(inputs: Any) -> list[Question]:
    """Questions from the `inputs` of a request. Raises `UnsuitableInput`."""
    given = inputs if isinstance(inputs, list) else [inputs]
    if not given:
        raise UnsuitableInput("inputs is empty", hint="Give a text or a list of texts.")
    return [_question(each) for each in given]


def _question(given: Any) -> Question:
    values = {"text": given} if isinstance(given, str) else given
    if not isinstance(values, dict) or not isinstance(values.get("text"), str) or set(values) - {"text", "text_pair"}:
        raise UnsuitableInput("each input must be a text or an object with text and text_pair")
    pair = values.get("text_pair")
    if pair is not None and not isinstance(pair, str):
        raise UnsuitableInput("text_pair must be a text")
    if not values["text"].strip():
        raise UnsuitableInput("the text is empty", hint="Give a text with [MASK] in it.")
    return Question(text=values["text"], pair=pair or "", kind="pair" if pair else "gap")


def adapt(setup: Setup, parameters: Mapping[str, Any]) -> Setup:
    """Keeps `top_k`, `targets` and `perplexity` in the decision. Raises `UnsuitableInput` for others."""
    given = {key: value for key, value in parameters.items() if value is not None}
    unknown = sorted(set(given) - {"top_k", "targets", "perplexity"})
    if unknown:
        raise UnsuitableInput(f"unknown parameter: {', '.join(unknown)}", hint="Known: top_k, targets, perplexity.")
    top_k = given.get("top_k", TOP)
    if not isinstance(top_k, int) or isinstance(top_k, bool) or not 1 <= top_k <= MOST:
        raise UnsuitableInput(f"top_k must be a whole number from 1 to {MOST}, not {top_k!r}")
    targets = given.get("targets") or []
    if not isinstance(targets, list) or not all(isinstance(each, str) for each in targets):
        raise UnsuitableInput("targets must be a list of words")
    return replace(setup, decision={**setup.decision, **given, "top_k": top_k, "targets": targets})


def encode(rows: Sequence[Question], tokenizer: PreTrainedTokenizerBase, setup: Setup) -> list[Asked]:
    """One example for each place that is asked about; `row` says whose it is."""
    found: list[Asked] = []
    for number, row in enumerate(rows):
        found += [replace(each, row=number) for each in _places(row, tokenizer, setup)]
    return found


def _places(row: Question, tokenizer: Any, setup: Setup) -> Iterator[Asked]:
    is_decoder = setup.params.objective == "clm"
    nothing = np.empty(0, dtype=np.int32)
    if row.kind == "pair":
        if setup.params.objective not in ("mlm_nsp", "mlm_sop"):
            raise UnsuitableInput("the model was not trained to judge pairs", hint="Give a text with [MASK] in it.")
        encoding = tokenizer(row.text, row.pair, truncation="longest_first", max_length=setup.max_length).encodings[0]
        types = np.array(encoding.type_ids, dtype=np.int32)
        ids = np.array(encoding.ids, dtype=np.int32)
        yield Asked(ids=ids, types=types, places=nothing, targets=nothing, asks=True, tokenizer=tokenizer)
        return
    if setup.decision.get("perplexity"):
        yield from _one_by_one(row, tokenizer, setup, is_decoder)
        return
    if is_decoder:
        ids = _decoded_ids(tokenizer, GAP.split(row.text)[0], setup.max_length)
        yield _asked(ids, len(ids) - 1, 0, tokenizer)
        return
    ids = _ids(tokenizer, GAP.sub(tokenizer.mask_token, row.text), setup.max_length)
    places = np.flatnonzero(ids == tokenizer.mask_token_id)
    if not len(places):
        raise UnsuitableInput("the text has no gap", hint="Write [MASK] where a word is to be guessed.")
    for place in places:
        yield _asked(ids, int(place), 0, tokenizer)


def _one_by_one(row: Question, tokenizer: Any, setup: Setup, is_decoder: bool) -> Iterator[Asked]:
    """Each token of the text as a place of its own."""
    longest = min(setup.max_length, LONGEST_SCORED)
    if is_decoder:
        ids = _decoded_ids(tokenizer, row.text, longest)
        for place in range(1, len(ids)):
            yield _asked(ids[:place], place - 1, int(ids[place]), tokenizer)
        return
    ids = _ids(tokenizer, row.text, longest)
    special = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}
    for place in range(len(ids)):
        if int(ids[place]) not in special:
            masked = ids.copy()
            masked[place] = tokenizer.mask_token_id
            yield _asked(masked, place, int(ids[place]), tokenizer)


def _asked(ids: NDArray[np.int32], place: int, target: int, tokenizer: Any) -> Asked:
    places, targets = (np.array([value], dtype=np.int32) for value in (place, target))
    return Asked(ids=ids, places=places, targets=targets, asks=True, tokenizer=tokenizer)


def _ids(tokenizer: Any, text: str, longest: int) -> NDArray[np.int32]:
    return np.array(tokenizer(text, truncation=True, max_length=longest)["input_ids"], dtype=np.int32)


def _decoded_ids(tokenizer: Any, text: str, longest: int) -> NDArray[np.int32]:
    """The end sign, which every document follows in training, and the text's last tokens."""
    end = tokenizer.eos_token_id if tokenizer.eos_token_id is not None else tokenizer.sep_token_id
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    return np.array([end, *ids[-(longest - 1) :]], dtype=np.int32)


def decode(
    rows: Sequence[Question], examples: Sequence[Asked], logits: Sequence[NDArray[np.float32]], setup: Setup
) -> list[Any]:
    """The answer to each question, from the log-probabilities at its places."""
    found: list[list[tuple[Asked, NDArray[np.float32]]]] = [[] for _ in rows]
    for example, scores in zip(examples, logits, strict=True):
        found[example.row].append((example, scores))
    return [_answer(row, places, setup) for row, places in zip(rows, found, strict=True)]


def _answer(row: Question, places: list[tuple[Asked, NDArray[np.float32]]], setup: Setup) -> Any:
    if row.kind == "pair":
        follows, not_so = (float(math.exp(value)) for value in places[0][1][:2])
        labels = [{"label": "follows", "score": follows}, {"label": "does not follow", "score": not_so}]
        return sorted(labels, key=lambda each: -float(str(each["score"])))
    if setup.decision.get("perplexity"):
        return _perplexity(places)
    answers = [_fillings(row, number, example, scores, setup) for number, (example, scores) in enumerate(places)]
    return answers[0] if len(answers) == 1 else answers


def _fillings(
    row: Question, gap: int, example: Asked, scores: NDArray[np.float32], setup: Setup
) -> list[dict[str, Any]]:
    """The likeliest words for one gap, as fill-mask answers; only among `targets` where some are given."""
    tokenizer = example.tokenizer
    if targets := setup.decision.get("targets"):
        wanted = [tokenizer(each, add_special_tokens=False)["input_ids"][:1] for each in targets]
        ids = sorted({each[0] for each in wanted if each}, key=lambda token: -scores[token])
    else:
        ids = np.argsort(-scores, kind="stable")[: setup.decision.get("top_k", TOP)].tolist()
    return [
        {
            "score": float(math.exp(scores[token])),
            "token": int(token),
            "token_str": tokenizer.decode([token]).strip(),
            "sequence": _filled(row.text, gap, tokenizer.decode([token]), tokenizer.convert_ids_to_tokens(token)),
        }
        for token in ids
    ]


def _filled(text: str, gap: int, word: str, piece: str) -> str:
    """The text with one gap filled; without a gap the word comes at the end."""
    gaps = list(GAP.finditer(text))
    if not gaps:
        return text + (word if not piece.startswith("##") else piece[2:])
    found = gaps[min(gap, len(gaps) - 1)]
    return text[: found.start()] + word.replace("##", "").strip() + text[found.end() :]


def _perplexity(places: list[tuple[Asked, NDArray[np.float32]]]) -> dict[str, Any]:
    words = [
        {
            "token": example.tokenizer.convert_ids_to_tokens(int(example.targets[0])),
            "score": float(math.exp(scores[example.targets[0]])),
        }
        for example, scores in places
    ]
    mean = float(np.mean([scores[example.targets[0]] for example, scores in places])) if places else 0.0
    return {"perplexity": math.exp(min(-mean, 50.0)), "words": words}


def with_gap(lines: Sequence[str]) -> str:
    """A line of the document with one word taken out: of Chinese a character, else a word of three letters or more."""
    for line in lines:
        words = list(_WORD.finditer(line[:200]))
        if len(words) > 3:
            word = words[len(words) // 2]
            return f"{line[: word.start()]}{MARK}{line[word.end() : 200]}"
    return f"{lines[0][:200]}{MARK}"


def sampler(
    rows: Sequence[CorpusRow], tokenizer: PreTrainedTokenizerBase, setup: Setup
) -> Callable[[Any], list[dict[str, Any]]]:
    """A function that lets a model fill the gaps of a few of `rows`, or continue their beginnings."""
    longest = [max(row.lines, key=len)[:200] for row in rows]
    telling = [text for text in longest if len(_WORD.findall(text)) >= WORDS_LEAST] or longest  # headings say little
    texts = telling[:: max(1, len(telling) // SAMPLES)][:SAMPLES]
    if setup.params.objective == "clm":
        beginnings = [text[: max(4, min(len(text) // 2, 60))] for text in texts]
        return lambda model: [_continued(model, text, tokenizer, setup) for text in beginnings]
    gaps = [_gap(text, tokenizer, setup) for text in texts]
    return lambda model: _filled_in(model, [gap for gap in gaps if gap is not None])


def _gap(text: str, tokenizer: Any, setup: Setup) -> tuple[Asked, str, str] | None:
    """One whole word of a text that is a single token, masked; with the text as it is shown and the word."""
    encoding = tokenizer(text, truncation=True, max_length=setup.max_length).encodings[0]
    words = encoding.word_ids
    single = [
        place
        for place, word in enumerate(words)
        if word is not None and words.count(word) == 1 and encoding.ids[place] != tokenizer.unk_token_id
        and _WORD.fullmatch(text[slice(*encoding.offsets[place])].strip())
    ]  # fmt: skip
    if not single:
        return None
    place = single[len(single) // 2]
    ids = np.array(encoding.ids, dtype=np.int32)
    target = int(ids[place])
    ids[place] = tokenizer.mask_token_id
    start, end = encoding.offsets[place]
    return _asked(ids, place, target, tokenizer), f"{text[:start]}{MARK}{text[end:]}", text[start:end].strip()


def _filled_in(model: Any, gaps: list[tuple[Asked, str, str]]) -> list[dict[str, Any]]:
    shown = []
    for asked, text, truth in gaps:
        scores = _scores(model, asked)
        best = np.argsort(-scores, kind="stable")[:TOP].tolist()
        guesses = [{"token": asked.tokenizer.decode([i]).strip(), "score": float(math.exp(scores[i]))} for i in best]
        score = float(math.exp(scores[asked.targets[0]]))
        shown.append({"text": text, "truth": truth, "truth_score": score, "guesses": guesses})
    return shown


def _continued(model: Any, text: str, tokenizer: Any, setup: Setup) -> dict[str, Any]:
    """The beginning with the likeliest next words, one after the other."""
    ids = _decoded_ids(tokenizer, text, setup.max_length - WORDS_GENERATED)
    length = len(ids)
    for _ in range(WORDS_GENERATED):
        scores = _scores(model, _asked(ids, len(ids) - 1, 0, tokenizer))
        ids = np.append(ids, np.int32(scores.argmax()))
    return {"text": text, "continuation": tokenizer.decode(ids[length:].tolist(), skip_special_tokens=True)}


def _scores(model: Any, asked: Asked) -> NDArray[np.float32]:
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            scores: NDArray[np.float32] = encoders.choose(model).logits([asked])[0].float().cpu().numpy()
    finally:
        model.train(was_training)
    return scores
