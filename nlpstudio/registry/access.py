"""The doors of models and their versions."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404

from nlpstudio.accounts.models import User
from nlpstudio.projects.access import require
from nlpstudio.projects.models import Role
from nlpstudio.registry.models import Model, ModelVersion


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
        "model__project", "created_by", "dataset_version__dataset"
    )
    version = versions.filter(pk=version_id).first()
    if version is None:
        raise Http404
    version.model.project.my_role = require(user, version.model.project_id, role)
    return version
