"""What a tagger says of a text: tags of tokens, and Hugging Face's entities at exact places of the text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nlpstudio.engine.data.rows import TaggedRow
from nlpstudio.engine.errors import UnsuitableInput
from nlpstudio.engine.shapes import Entity, Parameters, TokenTag
from nlpstudio.engine.tasks.alignment import Alignment
from nlpstudio.engine.tasks.pieces import Pieces
from nlpstudio.engine.tasks.tag_decoding import OUTSIDE, Scores, Tagset, spans_of

STRATEGIES = ("none", "simple", "first", "average", "max")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tagged:
    """`logits` [pieces, tags] of a row, a tag for each token, and the probability of each tag [tokens].

    A token without a piece of its own has the score of the token before it (1 at the beginning).
    """

    pieces: Pieces
    alignment: Alignment
    logits: Scores
    tags: list[str]
    scores: Scores

    def log_probabilities(self, tokens: NDArray[np.int64]) -> Scores:
        """[tokens, tags] of the first pieces of tokens that have one."""
        return _log_softmax(self.logits[self.alignment.first[tokens]])


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The parameters of a request."""

    strategy: str = "simple"
    ignored: frozenset[str] = frozenset((OUTSIDE,))
    stride: int | None = None


def options(parameters: Parameters) -> Options:
    """Check a request's parameters. Raises `UnsuitableInput`."""
    given = {key: value for key, value in parameters.items() if value is not None}
    unknown = sorted(set(given) - {"aggregation_strategy", "ignore_labels", "stride"})
    if unknown:
        hint = "Known: aggregation_strategy, ignore_labels, stride."
        raise UnsuitableInput(f"unknown parameter: {', '.join(unknown)}", hint=hint)
    strategy, ignored = given.get("aggregation_strategy", "simple"), given.get("ignore_labels", [OUTSIDE])
    stride = given.get("stride")
    if strategy not in STRATEGIES:
        raise UnsuitableInput(f"aggregation_strategy must be one of {', '.join(STRATEGIES)}, not {strategy!r}")
    if not isinstance(ignored, list) or not all(isinstance(label, str) for label in ignored):
        raise UnsuitableInput(f"ignore_labels must be a list of labels, not {ignored!r}")
    if stride is not None and (not isinstance(stride, int) or isinstance(stride, bool) or not 0 <= stride <= 4096):
        raise UnsuitableInput(f"stride must be a whole number from 0 to 4096, not {stride!r}")
    return Options(strategy=strategy, ignored=frozenset(ignored), stride=stride)


def tag(logits: Scores, pieces: Pieces, alignment: Alignment, tagset: Tagset, *, strategy: str = "first") -> Tagged:
    """The likeliest legal tags of a row's tokens from the logits [pieces, tags] of its pieces."""
    own = np.flatnonzero(alignment.first >= 0)
    scores = _of_words(_log_softmax(logits), own, alignment, strategy)
    chosen = tagset.best(scores)
    tags = tagset.complete([tagset.labels[each] for each in chosen], alignment)
    sure = np.ones(len(alignment.first), dtype=np.float32)
    sure[own] = np.exp(scores[np.arange(len(own)), chosen])
    latest = np.maximum.accumulate(np.where(alignment.first >= 0, np.arange(len(sure)), 0))
    return Tagged(pieces=pieces, alignment=alignment, logits=logits, tags=tags, scores=sure[latest])


def answer(row: TaggedRow, tagged: Tagged, tagset: Tagset, wanted: Options) -> list[Entity] | list[TokenTag]:
    """The answer to one text in Hugging Face's shape; `word` is what stands in the original text.

    "simple" reads each word by its first piece, as the model was trained, so that it equals "first". "none"
    gives each piece of a word the word's tag; its first piece has an entity's `B-`.
    """
    if wanted.strategy in ("average", "max"):
        tagged = tag(tagged.logits, tagged.pieces, tagged.alignment, tagset, strategy=wanted.strategy)
    if wanted.strategy == "none":
        return [each for each in _piece_tags(row, tagged, tagset) if each["entity"] not in wanted.ignored]
    return [each for each in entities(row, tagged, tagset) if each["entity_group"] not in wanted.ignored]


def entities(row: TaggedRow, tagged: Tagged, tagset: Tagset) -> list[Entity]:
    """Spans in order, runs of `O` too, each with the mean probability of its tokens' tags."""
    found = []
    for kind, begin, end in spans_of(tagged.tags, spans=tagset.spans):
        start, stop = row.tokens[begin][0], row.tokens[end - 1][1]
        score = float(tagged.scores[begin:end].mean())
        found.append(Entity(entity_group=kind, score=score, word=row.text[start:stop], start=start, end=stop))
    return found


def _piece_tags(row: TaggedRow, tagged: Tagged, tagset: Tagset) -> list[TokenTag]:
    """A tag for each piece; `index` counts the classification token, as Hugging Face does."""
    found = []
    aligned = zip(tagged.alignment.first.tolist(), tagged.alignment.after.tolist(), strict=True)
    for token, (first, after) in enumerate(aligned):
        for piece in range(first, after) if first >= 0 else ():
            start, end = int(tagged.pieces.starts[piece]), int(tagged.pieces.ends[piece])
            name = tagged.tags[token]
            if tagset.spans and piece > first and name.startswith("B-"):
                name = f"I-{name[2:]}"
            if start < end:
                score, word = float(tagged.scores[token]), row.text[start:end]
                found.append(TokenTag(entity=name, score=score, index=piece + 1, word=word, start=start, end=end))
    return found


def _of_words(scores: Scores, own: NDArray[np.int64], alignment: Alignment, strategy: str) -> Scores:
    """Log-probabilities [own tokens, tags] of words from those of their pieces."""
    if strategy == "first":
        return scores[alignment.first[own]]
    rows: Sequence[Scores] = [scores[alignment.first[token] : alignment.after[token]] for token in own]
    if strategy == "average":
        words = [np.log(np.exp(each).mean(axis=0) + 1e-38) for each in rows]
    else:
        words = [each[each.max(axis=1).argmax()] for each in rows]
    return np.array(words, dtype=np.float32).reshape(len(own), scores.shape[1])


def _log_softmax(logits: Scores) -> Scores:
    values = logits.astype(np.float64)
    return (values - np.logaddexp.reduce(values, axis=-1, keepdims=True)).astype(np.float32)
