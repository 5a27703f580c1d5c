"""The doors of models and their versions: for members, and the wider ones that let guests look and try.

Where a model is visible to everyone here, a guest is someone who is signed in and no member: `my_role` is None,
and nothing of the data, the runs or the project is shown.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404

from nlpstudio.accounts.models import User
from nlpstudio.projects.access import require, role_in
from nlpstudio.projects.models import Project, Role
from nlpstudio.registry.models import Model, ModelVersion, Tokenizer

NAMED_MOST = 500


def model_for(user: User, model_id: UUID, role: Role = Role.VIEWER) -> Model:
    """The model, when the user has at least `role` in its project."""
    model = Model.objects.visible_to(user).select_related("project").filter(pk=model_id).first()
    if model is None:
        raise Http404
    model.project.my_role = require(user, model.project_id, role)
    return model


def version_for(user: User, version_id: UUID, role: Role = Role.VIEWER) -> ModelVersion:
    """The version, when the user has at least `role` in its project."""
    versions = ModelVersion.objects.visible_to(user).select_related(
        "model__project", "created_by", "dataset_version__dataset", "export"
    )
    version = versions.filter(pk=version_id).first()
    if version is None:
        raise Http404
    version.model.project.my_role = require(user, version.model.project_id, role)
    return version


def model_to_try(user: User, model_id: UUID) -> Model:
    """The model, for members and, where it is visible to everyone here, for guests."""
    model = Model.objects.open_to(user).select_related("project").filter(pk=model_id).first()
    if model is None:
        raise Http404
    model.project.my_role = role_in(user, model.project_id)
    return model


def version_to_try(user: User, version_id: UUID) -> ModelVersion:
    """The version, for members and, where its model is visible to everyone here, for guests."""
    versions = ModelVersion.objects.open_to(user).select_related(
        "model__project", "created_by", "dataset_version__dataset", "export"
    )
    version = versions.filter(pk=version_id).first()
    if version is None:
        raise Http404
    version.model.project.my_role = role_in(user, version.model.project_id)
    return version


def shell_of(project: Project) -> dict[str, Any]:
    """The frame of a page that guests may see too: the project's own for members, the plain one for them."""
    if project.my_role is None:
        return {"shell": "base.html"}
    return {"shell": "base_project.html", "project": project, "section": "models"}


def tokenizer_for(user: User, tokenizer_id: UUID, role: Role = Role.VIEWER) -> Tokenizer:
    """The tokenizer, when the user has at least `role` in its project."""
    rows = Tokenizer.objects.visible_to(user).select_related("project", "created_by", "dataset_version__dataset")
    tokenizer = rows.filter(pk=tokenizer_id).first()
    if tokenizer is None:
        raise Http404
    tokenizer.project.my_role = require(user, tokenizer.project_id, role)
    return tokenizer


def models_to_name(user: User) -> list[tuple[str, str]]:
    """(id, name) of the models to which a token of the user may be limited, by name."""
    rows = Model.objects.open_to(user).order_by("name").values_list("pk", "name", "project__name")
    return [(str(pk), f"{name} · {project}") for pk, name, project in rows[:NAMED_MOST]]
