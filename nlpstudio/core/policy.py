"""Every view says who may use it; a test fails on one that does not."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from typing import Any, TypeVar

from django.contrib.auth.decorators import login_required

View = TypeVar("View", bound=Callable[..., Any])


class Policy(StrEnum):
    """Who gets through. The object's own door (`access.py`) then checks the role in its project."""

    PUBLIC = "public"
    SIGNED_IN = "signed in"
    VIEWER = "project viewer"
    EDITOR = "project editor"
    OWNER = "project owner"
    ADMIN = "installation admin"
    LINK = "holder of a link"


def policy(value: Policy) -> Callable[[View], View]:
    """Mark a view with its policy. All but public ones and links send strangers to sign in."""

    def mark(view: View) -> View:
        guarded = view if value in (Policy.PUBLIC, Policy.LINK) else wraps(view)(login_required(view))
        guarded.policy = value  # type: ignore[attr-defined]  # read by the routes command
        return guarded  # type: ignore[return-value]  # login_required keeps the signature

    return mark
