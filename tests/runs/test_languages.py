"""A base model of many languages: the form offers those that its tokenizer marks, and no run starts without them."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from nlpstudio.accounts.models import User
from nlpstudio.datasets.models import DatasetVersion
from nlpstudio.engine.spec import SCRATCH, TrainParams, TrainSpec
from nlpstudio.projects.models import Project
from nlpstudio.runs import readiness
from tests.published import own_files
from tests.runs.test_from_scratch import pairs
from tests.tiny_writers import tiny_mbart

__all__ = ["own_files", "pairs"]


@pytest.fixture
def many(studio: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    tiny_mbart(tmp_path / "given" / "many")
    monkeypatch.setenv("STUDIO_BASE_MODELS", str(tmp_path / "given"))
    return "many"


def test_the_form_offers_its_languages_and_asks_for_them(
    client: Client, many: str, pairs: DatasetVersion, project: Project, editor: User
) -> None:
    client.force_login(editor)
    url = reverse("runs:create", args=[project.pk])
    page = client.get(url, {"dataset_version": str(pairs.pk)}).content.decode()
    assert f'value="{many}" checked' in page  # what has learnt to write comes before random weights
    assert "Language of the targets" in page and '<option value="zh_CN">' in page
    assert "reads and writes many languages" in page and 'id="id_architecture"' not in page
    told = {"source_language": "en_XX", "target_language": "zh_CN"}
    page = client.get(url, {"dataset_version": str(pairs.pk), **told}).content.decode()
    assert '<option value="zh_CN" selected>' in page and "reads and writes many languages" not in page
    other = client.get(url, {"dataset_version": str(pairs.pk), "base_model": SCRATCH, **told}).content.decode()
    assert "Language of the targets" not in other and "Not ready" not in other


def test_a_run_needs_two_languages_that_the_base_model_knows(many: str, pairs: DatasetVersion) -> None:
    def codes(**params: str) -> set[str]:
        spec = TrainSpec(task="translation", base_model=many, params=TrainParams(**params))
        return {reason.code for reason in readiness.reasons(version=pairs, spec=spec)}

    assert "run.no_language" in codes() & codes(target_language="zh_CN")
    assert "run.no_language" in codes(source_language="en_XX", target_language="xx_YY")
    assert "run.no_language" not in codes(source_language="en_XX", target_language="zh_CN")
