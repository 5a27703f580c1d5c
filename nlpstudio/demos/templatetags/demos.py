"""Inputs of demos in lists: their address and their words."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from django import template

register = template.Library()


@register.filter
def query(fields: Mapping[str, str]) -> str:
    """The fields as the query of an address."""
    return urlencode(fields)


@register.filter
def words(fields: Mapping[str, str]) -> str:
    """What to show for an input: the question, else the text."""
    return fields.get("question") or fields.get("text") or next(iter(fields.values()), "")
