"""What is deleted comes back, or frees its disk when its time is over or an owner says so."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from nlpstudio.accounts.models import User
from nlpstudio.datasets import services as datasets
from nlpstudio.datasets.models import Dataset, DatasetVersion
from nlpstudio.operations import trash
from nlpstudio.projects import services as projects
from nlpstudio.projects.models import Project, Role, TeamMembership
from nlpstudio.registry import services as registry
from nlpstudio.registry.models import Model, ModelVersion
from tests.published import dataset_version, outcome, own_files, publish, trained, version

__all__ = ["dataset_version", "outcome", "own_files", "publish", "trained", "version"]

OLD = timedelta(days=31)


def test_a_model_is_deleted_found_in_the_trash_and_restored(
    client: Client, version: ModelVersion, project: Project, editor: User
):
    registry.delete(model=version.model, by=editor)
    client.force_login(editor)
    page = client.get(reverse("operations:trash", args=[project.pk])).content.decode()
    assert "Sentiment" in page and "Purge now" not in page
    client.post(reverse("operations:restore", args=[project.pk, "model", version.model_id]))
    assert client.get(reverse("registry:model", args=[version.model_id])).status_code in (200, 302)


def test_a_full_trash_has_pages(
    client: Client, version: ModelVersion, project: Project, owner: User, django_assert_max_num_queries
):
    registry.delete(model=version.model, by=owner)
    at = timezone.now() - timedelta(days=1)
    Dataset.objects.bulk_create(
        [Dataset(project=project, name=f"Gone {number}", task="classification", deleted_at=at) for number in range(30)]
    )
    client.force_login(owner)
    path = reverse("operations:trash", args=[project.pk])
    with django_assert_max_num_queries(14):
        first = client.get(path)
    second = client.get(path, {"page": 2})
    assert first.context["entries"][0].name == "Sentiment"
    assert len(first.context["entries"]) == 25 and len(second.context["entries"]) == 6
    assert "page=2" in first.content.decode() and "Gone" in second.content.decode()


def test_purging_removes_rows_and_files_and_what_is_used_stays(
    version: ModelVersion, owner: User, django_capture_on_commit_callbacks
):
    data = version.dataset_version
    datasets.delete(dataset=data.dataset, by=owner)
    gone = Dataset.objects.get(pk=data.dataset_id)
    with pytest.raises(trash.StillUsed):
        trash.purge(thing=gone, by=owner)
    registry.delete(model=version.model, by=owner)
    with django_capture_on_commit_callbacks(execute=True):
        trash.purge(thing=Model.objects.get(pk=version.model_id), by=owner)
        trash.purge(thing=gone, by=owner)
    assert not version.folder.exists() and not data.folder.exists()
    assert not ModelVersion.objects.exists() and not Dataset.objects.exists()


def test_the_sweep_purges_only_what_has_lain_for_its_time(
    version: ModelVersion, project: Project, owner: User, django_capture_on_commit_callbacks
):
    projects.delete(project=project, by=owner)
    assert trash.sweep() == 0
    Project.objects.filter(pk=project.pk).update(deleted_at=timezone.now() - OLD)
    with django_capture_on_commit_callbacks(execute=True):
        assert trash.sweep() == 1
    assert not Project.objects.filter(pk=project.pk).exists() and not version.folder.exists()


def test_a_project_comes_back_from_its_teams_trash(client: Client, project: Project, owner: User):
    TeamMembership.objects.create(team=project.team, user=owner, role=Role.OWNER)
    projects.delete(project=project, by=owner)
    client.force_login(owner)
    assert "Reviews" in client.get(reverse("operations:team_trash", args=[project.team_id])).content.decode()
    client.post(reverse("operations:restore_project", args=[project.team_id, project.pk]))
    assert client.get(reverse("projects:detail", args=[project.pk])).status_code == 200


def test_a_data_set_goes_with_its_corrected_versions(
    version: ModelVersion, project: Project, owner: User, django_capture_on_commit_callbacks
):
    first = version.dataset_version
    DatasetVersion.objects.create(dataset=first.dataset, number=2, state="ready", amends=first)
    registry.delete(model=version.model, by=owner)
    datasets.delete(dataset=first.dataset, by=owner)
    with django_capture_on_commit_callbacks(execute=True):
        trash.purge(thing=Model.objects.get(pk=version.model_id), by=owner)
        trash.purge(thing=Dataset.objects.get(pk=first.dataset_id), by=owner)
    assert not DatasetVersion.objects.exists()


def test_a_project_goes_with_its_corrected_versions(version: ModelVersion, project: Project, owner: User):
    first = version.dataset_version
    DatasetVersion.objects.create(dataset=first.dataset, number=2, state="ready", amends=first)
    projects.delete(project=project, by=owner)
    trash.purge(thing=project, by=owner)
    assert not DatasetVersion.objects.exists()
