"""What a token opens and how often: every request of the API passes here, and nowhere else is it decided."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest
from django.urls import ResolverMatch

from nlpstudio.accounts import services as accounts
from nlpstudio.accounts.models import ApiToken, Scope, User
from nlpstudio.core import limits
from nlpstudio.core.errors import StudioError
from nlpstudio.demos.models import Batch
from nlpstudio.registry.models import ModelVersion

PREFIX = "api/v1/"
MINUTE = 60
PREDICTING = re.compile(r"/me$|/model-versions/[^/]+/(predict|batch|batches)$|/batches/")


class TooMany(StudioError):
    """The token has made all the requests of this minute. `retry_after` is in seconds."""

    code = "token.too_many"
    status = 429

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


def need_of(request: HttpRequest) -> Scope:
    """Which scope a token must have for this request: asking models is the least, changing things the most."""
    if PREDICTING.search(request.path):
        return Scope.PREDICT
    return Scope.READ if request.method in ("GET", "HEAD") else Scope.ALL


def authenticate(request: HttpRequest, plain: str) -> User | None:
    """The user of a good token that opens this. Raises `PermissionDenied` for too small a scope, `TooMany`, and `Http404` for
    what belongs to another model than the token's.
    """
    token = accounts.token_of(plain, need=need_of(request))
    if token is None:
        return None
    count(token)
    if token.model_id is not None:
        assert request.resolver_match is not None, "the API is reached by its addresses"
        _check_model(request.resolver_match, token)
    return token.user


def token_to_predict(plain: str) -> ApiToken | None:
    """The good token of a request that only asks models. Which one it asks stands in the body: the door there looks at the
    token's own. Raises `TooMany`.
    """
    token = accounts.token_of(plain, need=Scope.PREDICT)
    if token is not None:
        count(token)
    return token


def count(token: ApiToken) -> None:
    """Count the request in this minute's window. A cache that is away lets it pass."""
    bounds = [each for each in (token.per_minute, settings.TOKEN_PER_MINUTE) if each]
    if not bounds:
        return
    most = min(bounds)
    if wait := limits.seconds_to_wait(f"token:{token.pk}", most=most, seconds=MINUTE):
        raise TooMany(f"This token may make {most} requests a minute.", retry_after=wait)


def _check_model(match: ResolverMatch, token: ApiToken) -> None:
    kind = match.route.removeprefix(PREFIX).split("/")[0]
    if kind != "me" and _model_of(kind, match.kwargs) != token.model_id:
        raise Http404


def _model_of(kind: str, ids: dict[str, Any]) -> UUID | None:
    """The model to which an address belongs; None when it belongs to none."""
    if kind == "models":
        return UUID(str(ids["model_id"]))
    if kind == "model-versions":
        return ModelVersion.objects.filter(pk=ids["version_id"]).values_list("model_id", flat=True).first()
    if kind == "batches":
        return Batch.objects.filter(pk=ids["batch_id"]).values_list("version__model_id", flat=True).first()
    return None
