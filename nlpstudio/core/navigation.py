"""A place one can go to: an entry of a breadcrumb, of tabs or of the project's navigation."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """`label` may be lazy text. `count` is shown when it is not None; `active` marks where one is;
    `key` is the letter that goes there after g.
    """

    label: str
    url: str = ""
    active: bool = False
    count: int | None = None
    icon: str = ""
    key: str = ""
