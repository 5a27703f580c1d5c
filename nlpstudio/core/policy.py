"""Every view says who may use it and with which verbs; a test fails on one that does not."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from typing import Any, TypeVar, cast

from asgiref.sync import iscoroutinefunction
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.views.decorators.http import require_http_methods

View = TypeVar("View", bound=Callable[..., Any])


class Policy(StrEnum):
    """Who gets through. The object's own door (`access.py`) then checks the role in its project."""

    PUBLIC = "public"
    SIGNED_IN = "signed in"
    VIEWER = "project viewer"
    EDITOR = "project editor"
    MAINTAINER = "project maintainer"
    OWNER = "project owner"
    TEAM_VIEWER = "team viewer"
    TEAM_MAINTAINER = "team maintainer"
    TEAM_OWNER = "team owner"
    ADMIN = "installation admin"
    LINK = "holder of a link"
    MONITOR = "monitoring"


def _admins_only(view: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(view)
    def guarded(request: Any, *args: Any, **kwargs: Any) -> Any:
        if not request.user.is_admin:
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return guarded


def _only(verbs: list[str], view: Any) -> Any:
    """Django's own refusal of other verbs; of a view that awaits, as one that awaits."""
    if not iscoroutinefunction(view):
        return require_http_methods(verbs)(view)

    async def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        refusal = require_http_methods(verbs)(lambda *_args: None)(request)
        return await view(request, *args, **kwargs) if refusal is None else refusal

    return guarded


def policy(value: Policy, *verbs: str) -> Callable[[View], View]:
    """Mark a view with its policy and the verbs it answers (default GET); other verbs get 405.

    All but public views, those behind a link and those for monitoring send people who are not signed in to sign in.
    Those of the installation's admin are forbidden to everybody else here; the others have doors.
    """
    allowed = verbs or ("GET",)

    def mark(view: View) -> View:
        guarded: Any = _admins_only(view) if value == Policy.ADMIN else view
        if value not in (Policy.PUBLIC, Policy.LINK, Policy.MONITOR):
            guarded = wraps(view)(login_required(guarded))
        guarded = wraps(view)(_only(["HEAD", *allowed] if "GET" in allowed else [*allowed], guarded))
        guarded.policy = value
        guarded.verbs = allowed
        return cast(View, guarded)

    return mark
