"""Words and figures on the pages of data sets."""

from __future__ import annotations

from collections.abc import Sequence

from django import template
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from nlpstudio.core.marks import entity_types
from nlpstudio.datasets import words
from nlpstudio.engine.data.sniffing import Sniffed

register = template.Library()

TONES = {"info": "info", "warning": "warning", "error": "bad"}
SHOWN_CHARACTERS = 300
VISIBLE = {"\t": "→\t", "\ufeff": "␉BOM", "\u200b": "␣", "\u00a0": "⍽"}


@register.filter
def count(value: int | None) -> str:
    """A whole number in full, as text: 1,234."""
    return "–" if value is None else f"{value:,}"


@register.filter
def in_words(sentence: str) -> str:
    """What the engine says of data, in the page's language."""
    return words.SENTENCES.translated(sentence)


@register.filter
def kinds_of(labels: Sequence[str], task: str) -> int:
    """How many classes, or types of entities behind the tags, there are."""
    return len(entity_types(labels)) if task == "ner" else len(labels)


@register.filter
def other_way(key: str) -> str:
    """The same order backwards: name and -name."""
    return key[1:] if key.startswith("-") else f"-{key}"


@register.filter
def tone_of_level(level: str) -> str:
    """The look of a notice for a message's level."""
    return TONES.get(level, "info")


@register.filter
def split_word(split: str) -> str:
    """The name of a split in the page's language."""
    names = {"train": _("Train"), "validation": _("Validation"), "test": _("Test")}
    return names.get(split, split)


@register.filter
def language_word(code: str) -> str:
    """A language of a corpus in words."""
    names = {
        "zh": _("Chinese"),
        "en": _("English"),
        "ja": _("Japanese"),
        "ko": _("Korean"),
        "ru": _("Russian and other Cyrillic"),
        "latin": _("Another language in Latin letters"),
        "other": _("Other"),
    }
    return names.get(code, code)


@register.filter
def embedding_word(name: str) -> str:
    """A part of a token's first vector in words."""
    names = {"word": _("word"), "position": _("place"), "type": _("which text"), "sum": _("together")}
    return names.get(name, name)


@register.filter
def label_word(label: str, task: str) -> str:
    """A choice to filter by: only those of questions are words of ours."""
    words = {"answerable": _("With an answer"), "unanswerable": _("Without an answer")}
    return words.get(label, label) if task == "qa" else label


@register.filter
def visible(line: str) -> str:
    """A raw line with its tabs and invisible characters to be seen, cut when very long."""
    shown = "".join(VISIBLE.get(character, character) for character in line[:SHOWN_CHARACTERS])
    return shown + "…" if len(line) > SHOWN_CHARACTERS else shown


@register.filter
def found_words(sniffed: Sniffed) -> str:
    """What was found out about a file, in one line."""
    delimiters = {
        "\t": _("tabs"),
        ",": _("commas"),
        ";": _("semicolons"),
        "|": _("vertical bars"),
        " ": _("blanks"),
        "": _("blanks"),
    }
    parts = [sniffed.format or "", (sniffed.encoding or "").upper()]
    if sniffed.delimiter is not None:
        parts.append(delimiters.get(sniffed.delimiter, sniffed.delimiter))
    if sniffed.header is not None:
        parts.append(pgettext("of a file", "with a header") if sniffed.header else pgettext("of a file", "no header"))
    return ", ".join(part for part in parts if part)
