"""The doctor finds nothing in a sound installation, and names each thing that is made unsound."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from nlpstudio.accounts import guard
from nlpstudio.accounts.models import AuditEntry
from nlpstudio.core.files import folder_of
from nlpstudio.datasets.models import DatasetVersion
from nlpstudio.operations.checks.files import KINDS
from nlpstudio.operations.doctor import examine
from nlpstudio.registry.models import ModelVersion
from nlpstudio.runs.models import Run, Turn
from nlpstudio.runs.states import State

pytestmark = pytest.mark.django_db


def broken() -> list[str]:
    return [finding.check for finding in examine().findings if not finding.is_warning]


def flip_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_every_kind_of_folder_that_the_code_makes_is_known_to_doctor_and_backup() -> None:
    made = {
        kind
        for path in (Path(settings.ROOT) / "nlpstudio").rglob("*.py")
        for kind in re.findall(r'folder_of\("(\w+)"', path.read_text(encoding="utf-8"))
    }
    assert made == set(KINDS)


def test_a_sound_installation_passes_and_the_report_says_what_was_looked_at(finished: Run) -> None:
    report = examine()
    assert [finding for finding in report.findings if not finding.is_warning] == []
    assert report.ok
    assert report.looked_at["models"] == report.looked_at["dataset folders"] == report.looked_at["runs"] == 1


def lose_the_lease(run: Run) -> None:
    long_ago = timezone.now() - timedelta(minutes=5)
    Run.objects.filter(pk=run.pk).update(state=State.RUNNING, ended_at=None, lease_until=long_ago)


def forget_the_requeueing(run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(state=State.LOST, ended_at=None, heartbeat_at=None)


def swap_the_weights(run: Run) -> None:
    ModelVersion.objects.update(weights_sha256="0" * 64)


def lose_an_event(run: Run) -> None:
    run.events.all().delete()


def end_twice(run: Run) -> None:
    entry = AuditEntry.objects.get(action="run.finished")
    AuditEntry.objects.create(action=entry.action, object_kind="run", object_id=entry.object_id)


def leave_a_turn_open(run: Run) -> None:
    Turn.objects.create(run=run, project=run.project, worker="w", started_at=timezone.now())


def miscount_the_rows(run: Run) -> None:
    DatasetVersion.objects.update(rows=7)


def flip_a_weight(run: Run) -> None:
    assert run.model_version is not None
    flip_a_byte(run.model_version.artifact / "model.safetensors")


def flip_a_row(run: Run) -> None:
    flip_a_byte(run.dataset_version.folder / "splits.parquet")


def wake_no_trigger(run: Run) -> None:
    guard.remove(connection)


def lose_the_model(run: Run) -> None:
    assert run.model_version is not None
    shutil.rmtree(run.model_version.folder)


def leave_a_folder(run: Run) -> None:
    left = folder_of("models", run.pk)
    left.mkdir()
    os.utime(left, (time.time() - 3600,) * 2)


FAULTS: dict[Callable[[Run], None], str] = {
    lose_the_lease: "runs.held",
    forget_the_requeueing: "runs.held",
    swap_the_weights: "runs.one_model",
    lose_an_event: "runs.events",
    end_twice: "runs.ends",
    leave_a_turn_open: "runs.turns",
    miscount_the_rows: "datasets.counts",
    flip_a_weight: "models.files",
    flip_a_row: "datasets.files",
    wake_no_trigger: "audit.guarded",
    lose_the_model: "models.files",
    leave_a_folder: "files.referenced",
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_each_fault_is_named(finished: Run, fault: Callable[[Run], None]) -> None:
    Run.objects.update(created_at=timezone.now())  # after the first end on record: those before it are not judged
    fault(finished)
    assert FAULTS[fault] in broken()


def test_the_command_speaks_json_and_leaves_with_one(finished: Run) -> None:
    lose_the_lease(finished)
    out = StringIO()
    with pytest.raises(SystemExit) as left:
        call_command("doctor", "--json", "--fast", stdout=out)
    assert left.value.code == 1
    told = json.loads(out.getvalue())
    assert not told["ok"] and told["findings"][0]["subject"]
