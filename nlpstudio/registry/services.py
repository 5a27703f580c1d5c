"""What people and workers do with models: publish, rename, delete."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from nlpstudio.accounts import audit
from nlpstudio.accounts.models import User
from nlpstudio.core.errors import StudioError
from nlpstudio.core.files import folder_of, size_of
from nlpstudio.datasets.models import DatasetVersion
from nlpstudio.engine import manifest
from nlpstudio.engine.errors import DamagedArtifact
from nlpstudio.engine.spec import TrainSpec
from nlpstudio.projects.models import Project
from nlpstudio.registry import engines, reports
from nlpstudio.registry.models import Model, ModelVersion, Visibility

WEIGHTS = "model.safetensors"


class NameTaken(StudioError):
    """Another model of the project has that name."""

    code = "model.name_taken"


def publish(
    *,
    version_id: UUID,
    folder: Path,
    project: Project,
    model_name: str,
    dataset_version: DatasetVersion,
    spec: TrainSpec,
    by: User | None,
) -> ModelVersion:
    """Make the artifact in `folder` (`model/` and `predictions/`) the next version of the model of that name.

    Twice with one `version_id` is once: after a kill at any point the same call finishes the work.
    The folder is renamed into its place first and the row follows, so a row that can be seen has
    its files. Raises `DamagedArtifact` when the files do not agree with their manifest.
    """
    done = ModelVersion.objects.select_related("model").filter(pk=version_id).first()
    if done is not None:
        return done
    facts = take_in(version_id=version_id, folder=folder)
    return register(
        version_id=version_id,
        facts=facts,
        project=project,
        model_name=model_name,
        dataset_version=dataset_version,
        spec=spec,
        by=by,
    )


def take_in(*, version_id: UUID, folder: Path) -> dict[str, Any]:
    """The long half of `publish`: the verified files in their place. What `register` needs to know of them."""
    return _facts(_move_in(folder, folder_of("models", version_id)))


def forget(version_id: UUID) -> None:
    """Remove files that were taken in and never registered. Twice is once."""
    if not ModelVersion.objects.filter(pk=version_id).exists():
        shutil.rmtree(folder_of("models", version_id), ignore_errors=True)


def register(
    *,
    version_id: UUID,
    facts: dict[str, Any],
    project: Project,
    model_name: str,
    dataset_version: DatasetVersion,
    spec: TrainSpec,
    by: User | None,
) -> ModelVersion:
    """The short half: the row of files that are in their place."""
    with transaction.atomic():
        # The project's row is the lock: two runs that end at once get two numbers.
        Project.objects.select_for_update().get(pk=project.pk)
        done = ModelVersion.objects.select_related("model").filter(pk=version_id).first()
        if done is not None:
            return done
        model = _model_called(model_name, project=project, task=spec.task, by=by)
        latest = model.versions.order_by("-number").values_list("number", flat=True).first() or 0
        version = ModelVersion.objects.create(
            pk=version_id,
            model=model,
            number=latest + 1,
            dataset_version=dataset_version,
            base_model=spec.base_model,
            spec=spec.to_json(),
            created_by=by,
            **facts,
        )
        audit.record(by, "model.published", version, project_id=project.pk)
        engines.order_after_publishing(version)
    return version


def rename(*, model: Model, name: str, by: User) -> None:
    """Give the model another name. Raises `NameTaken`."""
    with transaction.atomic():
        Project.objects.select_for_update().get(pk=model.project_id)
        others = Model.objects.filter(project=model.project_id, deleted_at__isnull=True).exclude(pk=model.pk)
        if others.filter(name=name).exists():
            raise NameTaken(_("Another model of this project is called %(name)s.") % {"name": name})
        before, model.name = model.name, name
        model.save(update_fields=["name"])
        audit.record(by, "model.renamed", model, project_id=model.project_id, before=before)


@transaction.atomic
def show_to(*, model: Model, visibility: Visibility, by: User) -> None:
    """Let the project only, or everyone who is signed in here, look at the model and try it."""
    before, model.visibility = model.visibility, visibility
    if before != visibility:
        model.save(update_fields=["visibility"])
        audit.record(by, "model.shown_to", model, project_id=model.project_id, before=before, after=str(visibility))


@transaction.atomic
def decide_above(*, version: ModelVersion, precision: float, threshold: float, by: User) -> None:
    """From now on the version decides only where its calibrated confidence is `threshold` or more."""
    version.wanted_precision, version.abstain_below = precision, threshold
    version.save(update_fields=["wanted_precision", "abstain_below"])
    audit.record(
        by,
        "model.threshold_set",
        version,
        project_id=version.model.project_id,
        precision=precision,
        threshold=round(threshold, 6),
    )


@transaction.atomic
def decide_all(*, version: ModelVersion, by: User) -> None:
    """The version decides every row again. Twice is once."""
    fields = {"wanted_precision": None, "abstain_below": None}
    if ModelVersion.objects.filter(pk=version.pk, abstain_below__isnull=False).update(**fields):
        audit.record(by, "model.threshold_removed", version, project_id=version.model.project_id)


@transaction.atomic
def delete(*, model: Model, by: User) -> None:
    """Hide the model and all its versions. The files stay until the sweep."""
    if Model.objects.filter(pk=model.pk, deleted_at__isnull=True).update(deleted_at=timezone.now()):
        audit.record(by, "model.deleted", model, project_id=model.project_id)


def _move_in(folder: Path, home: Path) -> Path:
    """Rename the verified folder to `home`, unless an earlier call, killed before its row, has done so."""
    if home.is_dir():
        manifest.verify(home / "model")
        return home
    manifest.verify(folder / "model")
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    home.parent.mkdir(parents=True, exist_ok=True)
    folder.rename(home)
    return home


def _facts(home: Path) -> dict[str, Any]:
    """The columns of a version that are read from its files."""
    artifact = home / "model"
    told = manifest.read(artifact)
    if WEIGHTS not in told["files"]:
        raise DamagedArtifact(f"the artifact has no {WEIGHTS}")
    report = reports.read(artifact)
    split = reports.best_split(report)
    return {
        "labels": told.get("labels", []),
        "examples": told.get("examples", []),
        "metrics": report["splits"][split]["metrics"] if split else {},
        "metrics_split": split,
        "weights_sha256": told["files"][WEIGHTS]["sha256"],
        "size_bytes": size_of(home),
    }


def _model_called(name: str, *, project: Project, task: str, by: User | None) -> Model:
    model = Model.objects.filter(project=project, name=name, task=task, deleted_at__isnull=True).first()
    return model or Model.objects.create(project=project, name=name, task=task, created_by=by)
