"""Pages of long lists."""

from __future__ import annotations

from typing import TypeVar

from django.core.paginator import Page, Paginator
from django.db.models import Model, QuerySet

PER_PAGE = 25
M = TypeVar("M", bound=Model)


def page_of(rows: QuerySet[M], number: str | int | None, *, per_page: int = PER_PAGE) -> Page[M]:
    """The asked page; the nearest one for a number that does not exist."""
    return Paginator(rows, per_page).get_page(number)
