"""The checker of tagged text: tokens with tags, or a text with character spans, to one IOB2 row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from nlpstudio.engine.data.checking import MAX_LABEL, Refused, refuse, scalar, text_of
from nlpstudio.engine.data.lines import forbidden, printable
from nlpstudio.engine.data.options import ImportOptions
from nlpstudio.engine.data.problems import Problem
from nlpstudio.engine.data.rows import Row, Span, TaggedRow
from nlpstudio.engine.data.schemes import IOB2, Repair, UnknownTag, detect_scheme, to_iob2
from nlpstudio.engine.data.tokens import cut_tokens, join_tokens


class TagChecker:
    """Sentences whose tags follow one scheme, told from the first of them by `look`."""

    def __init__(self, options: ImportOptions) -> None:
        self._options = options
        self.scheme = IOB2

    def look(self, sample: Iterable[Mapping[str, Any]]) -> None:
        """Find the scheme from the values of the first rows."""
        self.scheme = detect_scheme(_strings(values.get("tags")) for values in sample if "spans" not in values)

    def check(self, values: Mapping[str, Any], line: int) -> tuple[Row, list[Problem]]:
        if "spans" in values:
            return self._from_spans(values, line)
        tokens, tags = _strings(values.get("tokens")), _strings(values.get("tags"))
        lines: Sequence[int] = values.get("lines") or [line] * len(tokens)
        self._same_length(tokens, tags, line)
        kept, problems = self._without_blank(tokens, lines)
        tokens, tags = [tokens[index] for index in kept], [tags[index] for index in kept]
        lines = [lines[index] for index in kept]
        if not tokens:
            refuse(line, "tokens", "tokens.empty", "the sentence has no token", "", "Give at least one token.")
        for token, number in zip(tokens, lines, strict=True):
            if not token.isprintable() and (wrong := forbidden(token, number, "tokens")):
                raise Refused(wrong)
        normal, repairs = self._iob2(tags, lines)
        problems += [_repaired(repair, lines, tokens) for repair in repairs]
        text, offsets = join_tokens(tokens)
        return TaggedRow(line=line, text=text, tokens=offsets, tags=normal), problems

    def _same_length(self, tokens: Sequence[str], tags: Sequence[str], line: int) -> None:
        if len(tokens) != len(tags):
            message = f"there are {len(tokens)} tokens and {len(tags)} tags"
            refuse(line, "tags", "tags.count", message, " ".join(tags), "Give each token exactly one tag.")

    def _without_blank(self, tokens: Sequence[str], lines: Sequence[int]) -> tuple[list[int], list[Problem]]:
        """The places of tokens that can be seen, and a problem for each that was left out."""
        kept, problems = [], []
        for index, token in enumerate(tokens):
            if token.strip():
                kept.append(index)
                continue
            problem = Problem(
                line=lines[index],
                column="tokens",
                code="token.blank",
                message="repaired: a token of white space was left out",
                value=printable(token),
                fix="Take the line out.",
            )
            problems.append(problem)
        return kept, problems

    def _iob2(self, tags: Sequence[str], lines: Sequence[int]) -> tuple[tuple[str, ...], list[Repair]]:
        try:
            normal, repairs = to_iob2(tags, self.scheme)
        except UnknownTag as error:
            tag = tags[error.index]
            message = f"{tag!r} is no tag of the scheme {self.scheme.upper()}" if tag else "has no tag"
            refuse(lines[error.index], "tags", "tag.unknown", message, tag, "Write O, or B- or I- and the type.")
        for tag, number in zip(normal, lines, strict=True):
            _check_label(tag, number)
        return normal, repairs

    def _from_spans(self, values: Mapping[str, Any], line: int) -> tuple[Row, list[Problem]]:
        text = text_of(values, "text", line)
        problems: list[Problem] = []
        spans: list[Span] = []
        for start, end, label, mention in values["spans"]:
            span, problem = _placed(text, start, end, scalar(label, "label", line).strip(), mention, line)
            _check_label(span.label, line)
            spans.append(span)
            if problem is not None:
                problems.append(problem)
        return row_of_spans(text, spans, line), problems


def row_of_spans(text: str, spans: Iterable[Span], line: int = 0) -> TaggedRow:
    """Cut the text so that each span's ends are token borders, and tag it. Raises `Refused` when spans overlap."""
    ordered = sorted(set(spans), key=lambda span: (span.start, span.end, span.label))
    for left, right in pairwise(ordered):
        if right.start < left.end:
            shown = f"{text[left.start : left.end]} / {text[right.start : right.end]}"
            message = f"the spans {left.start}-{left.end} and {right.start}-{right.end} overlap"
            refuse(line, "spans", "span.overlap", message, shown, "Keep one of them.")
    tokens = cut_tokens(text, (border for span in ordered for border in (span.start, span.end)))
    tags = ["O"] * len(tokens)
    index = 0
    for span in ordered:
        while tokens[index][0] < span.start:
            index += 1
        prefix = "B"
        while index < len(tokens) and tokens[index][1] <= span.end:
            tags[index] = f"{prefix}-{span.label}"
            prefix = "I"
            index += 1
    return TaggedRow(line=line, text=text, tokens=tokens, tags=tuple(tags))


def _placed(text: str, start: Any, end: Any, label: str, mention: Any, line: int) -> tuple[Span, Problem | None]:
    """The span in code points, its end exclusive, without white space at its ends."""
    if not isinstance(start, int) or not isinstance(end, int) or isinstance(start, bool):
        refuse(
            line, "spans", "span.invalid", f"the span {start!r}-{end!r} has no whole numbers", label, "Count from 0."
        )
    if not label:
        refuse(line, "spans", "span.no_label", f"the span {start}-{end} has no label", "", "Give it a type.")
    problem = None
    if isinstance(mention, str) and mention and text[start:end] != mention:
        start, end, problem = _found(text, start, end, mention, line)
    if not 0 <= start < end <= len(text):
        message = f"the span {start}-{end} is empty or outside of the text of {len(text)} characters"
        refuse(line, "spans", "span.outside", message, label, "Count characters from 0, the end exclusive.")
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if start == end:
        refuse(line, "spans", "span.blank", f"the span at {start} holds only white space", label, "Take it out.")
    return Span(start=start, end=end, label=label), problem


def _found(text: str, start: int, end: int, mention: str, line: int) -> tuple[int, int, Problem | None]:
    """Where a mention really is: its end was inclusive, it was counted in UTF-16, or it stands in one other place."""
    if start >= 0 and text[start : end + 1] == mention:
        return start, end + 1, None
    units = text.encode("utf-16-le", "surrogatepass")
    if start >= 0 and units[2 * start : 2 * end] == mention.encode("utf-16-le", "surrogatepass"):
        begin = len(units[: 2 * start].decode("utf-16-le", "surrogatepass"))
        return begin, begin + len(mention), None
    if text.count(mention) != 1:
        message = f"the span {start}-{end} holds {text[max(start, 0) : max(end, 0)]!r}, not {mention!r}"
        refuse(line, "spans", "span.mismatch", message, mention, "Mark the mention again.")
    begin = text.index(mention)
    problem = Problem(
        line=line,
        column="spans",
        code="span.moved",
        message=f"repaired: {mention!r} stands at {begin}-{begin + len(mention)}, not at {start}-{end}",
        value=printable(mention),
        fix="Count characters from 0, the end exclusive.",
    )
    return begin, begin + len(mention), problem


def _check_label(tag: str, line: int) -> None:
    if len(tag) > MAX_LABEL:
        refuse(line, "tags", "label.too_long", f"has a tag of {len(tag)} characters", tag, "Check the tag column.")
    if not tag.isprintable() and (wrong := forbidden(tag, line, "tags")):
        raise Refused(wrong)


def _repaired(repair: Repair, lines: Sequence[int], tokens: Sequence[str]) -> Problem:
    return Problem(
        line=lines[repair.index],
        column="tags",
        code="tags.illegal",
        message=f"repaired: {repair.was} at {tokens[repair.index]!r} was read as {repair.now}, because {repair.why}",
        value=repair.was,
        fix=f"Write {repair.now} there, or check the sentence's tags.",
    )


def _strings(value: Any) -> list[str]:
    """Tokens or tags: a list, or one text with blanks between."""
    if isinstance(value, str):
        return value.split()
    if isinstance(value, list | tuple):
        return [each if isinstance(each, str) else "" if each is None else str(each) for each in value]
    return []
