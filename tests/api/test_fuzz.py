"""Some hundred hostile requests, the same each time, to every operation of the API: no 500, no broken promise."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nlpstudio.accounts.models import User
from nlpstudio.accounts.services import create_token
from nlpstudio.demos.models import Batch
from nlpstudio.registry.models import ModelVersion
from nlpstudio.runs.models import Run
from tests.api.fuzzing import fuzz
from tests.architecture.test_permissions import (
    batch,
    dataset_version,
    outcome,
    own_files,
    publish,
    run,
    trained,
    version,
)  # fmt: skip

__all__ = ["batch", "dataset_version", "outcome", "own_files", "publish", "run", "trained", "version"]


@pytest.mark.timeout(int(os.environ.get("FUZZ_SECONDS", "900")))
@pytest.mark.django_db
def test_no_request_breaks_the_api(run: Run, version: ModelVersion, batch: Batch, owner: User):
    data = version.dataset_version
    ids = {
        "project_id": str(run.project_id), "team_id": str(run.project.team_id), "dataset_id": str(data.dataset_id),
        "run_id": str(run.pk), "model_id": str(version.model_id), "batch_id": str(batch.pk), "version_id": str(version.pk),
    }  # fmt: skip
    cases, seed = int(os.environ.get("FUZZ_CASES", "5")), int(os.environ.get("FUZZ_SEED", "0"))
    found = fuzz(cases_an_operation=cases, token=create_token(owner, "fuzz")[1], ids=ids, number=seed)
    if report := os.environ.get("FUZZ_REPORT"):  # asked for by bench.fuzz_api
        Path(report).write_text(found.to_json(), encoding="utf-8")
    assert found.cases > 150
    assert found.breaches == {}
