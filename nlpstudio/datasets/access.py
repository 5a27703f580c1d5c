"""The doors of data sets and their versions."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404

from nlpstudio.accounts.models import User
from nlpstudio.datasets.models import Dataset, DatasetVersion
from nlpstudio.projects.access import require
from nlpstudio.projects.models import Role


def dataset_for(user: User, dataset_id: UUID, role: Role = Role.VIEWER) -> Dataset:
    """The data set, when the user has at least `role` in its project."""
    dataset = Dataset.objects.visible_to(user).select_related("project").filter(pk=dataset_id).first()
    if dataset is None:
        raise Http404
    dataset.project.my_role = require(user, dataset.project_id, role)
    return dataset


def version_for(user: User, version_id: UUID, role: Role = Role.VIEWER) -> DatasetVersion:
    """The version, when the user has at least `role` in its project."""
    versions = DatasetVersion.objects.visible_to(user).select_related("dataset__project", "created_by")
    version = versions.filter(pk=version_id).first()
    if version is None:
        raise Http404
    version.dataset.project.my_role = require(user, version.dataset.project_id, role)
    return version
