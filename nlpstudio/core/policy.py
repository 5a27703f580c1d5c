"""Every view says who may use it; a test fails on one that does not."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from typing import Any, TypeVar, cast

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
        guarded: Any = view if value in (Policy.PUBLIC, Policy.LINK) else wraps(view)(login_required(view))
        guarded.policy = value
        return cast(View, guarded)

    return mark
