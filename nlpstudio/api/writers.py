"""Which models OpenAI's clients may ask, and by which names."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404

from nlpstudio.accounts.models import ApiToken
from nlpstudio.registry.access import version_for
from nlpstudio.registry.models import ModelVersion, ModelVersionQuerySet

TASK = "generation"


def newest(token: ApiToken) -> list[ModelVersion]:
    """The newest version of each model that writes and that the token opens, by name."""
    rows = _open_to(token).order_by("model__name", "model_id", "-number")
    found: dict[UUID, ModelVersion] = {}
    for version in rows:
        found.setdefault(version.model_id, version)
    return list(found.values())


def find(token: ApiToken, name: str) -> ModelVersion:
    """By a version's id, a model's id, or a model's name that is the only one. Raises `Http404`."""
    rows = _open_to(token)
    try:
        key = UUID(name)
    except ValueError:
        chosen = rows.filter(model__name=name).order_by("-number")
        if chosen.values("model_id").distinct().order_by().count() > 1:
            raise Http404 from None
    else:
        chosen = (rows.filter(pk=key) | rows.filter(model_id=key)).order_by("-number")
    version = chosen.first()
    if version is None:
        raise Http404
    return version_for(token.user, version.pk)


def _open_to(token: ApiToken) -> ModelVersionQuerySet:
    """What its user may see; only the one model of a token that is for one."""
    rows = ModelVersion.objects.visible_to(token.user).filter(model__task=TASK).select_related("model__project")
    return rows.filter(model_id=token.model_id) if token.model_id is not None else rows
