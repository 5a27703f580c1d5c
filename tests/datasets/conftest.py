"""Files as people bring them, and data sets imported from them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from nlpstudio.accounts.models import User
from nlpstudio.datasets import services, tasks
from nlpstudio.datasets.models import DatasetVersion
from nlpstudio.engine.data.options import ImportOptions
from nlpstudio.projects.models import Project

REVIEWS = "text\tlabel\n" + "".join(
    f"review number {number} was {'fine' if number % 2 else 'poor'}\t{'good' if number % 2 else 'bad'}\n"
    for number in range(60)
)
SENTENCES = "tokens\ttags\n" + "".join(
    f"Ada number {number} was born in London .\tB-PER O O O O O B-LOC O\n" for number in range(30)
)
QUESTIONS = "context\tquestion\tanswer\tanswer_start\n" + "".join(
    f"Room {number} opens at nine.\tWhen does room {number} open?\t{'at nine' if number % 3 else ''}\t\n"
    for number in range(30)
)
FILES = {"classification": REVIEWS, "ner": SENTENCES, "qa": QUESTIONS}

Import = Callable[..., DatasetVersion]


@pytest.fixture(autouse=True)
def _own_files(settings: pytest.FixtureRequest, tmp_path: Path) -> None:
    settings.FILES_ROOT = tmp_path / "files"  # type: ignore[attr-defined]  # pytest-django's settings take any name


def upload_of(text: str | bytes, name: str = "reviews.tsv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, text.encode() if isinstance(text, str) else text)


@pytest.fixture
def bring(project: Project, editor: User) -> Import:
    """Upload a file and run its import in this process; returns the version as it then is."""

    def import_now(
        text: str | bytes = REVIEWS, task: str = "classification", name: str = "reviews.tsv"
    ) -> DatasetVersion:
        options = ImportOptions(task=task)
        file = upload_of(text, name)
        version = services.upload(project=project, name="Reviews", task=task, file=file, by=editor, options=options)
        tasks.import_version(str(version.pk))
        version.refresh_from_db()
        return version

    return import_now


@pytest.fixture
def version(bring: Import) -> DatasetVersion:
    return bring()
