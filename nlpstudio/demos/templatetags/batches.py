"""Words and figures on the pages of batch predictions."""

from __future__ import annotations

from django import template

from nlpstudio.demos import words

register = template.Library()


@register.filter
def batch_words(sentence: str) -> str:
    """What the engine says of a file to predict, in the page's language."""
    return words.SENTENCES.translated(sentence)


@register.filter
def pace(rows_per_s: float) -> str:
    """Rows a second: whole numbers but for the slowest."""
    return f"{rows_per_s:,.0f}" if rows_per_s >= 10 else f"{rows_per_s:.1f}"
