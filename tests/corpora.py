"""A small corpus with a tokenizer trained on it, made once a session, and rows of the database that have copies of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from nlpstudio.accounts.models import User
from nlpstudio.datasets.models import Dataset, DatasetVersion, VersionState
from nlpstudio.engine import manifest, tokenizing
from nlpstudio.engine.data.importing import import_file
from nlpstudio.engine.data.options import ImportOptions
from nlpstudio.engine.data.store import DatasetFolder
from nlpstudio.engine.tokenizing import TokenizerSpec
from nlpstudio.projects.models import Project
from nlpstudio.registry.models import JobState, Tokenizer

SPEC = TokenizerSpec(vocabulary=400, least_count=1)
WORDS = ("film", "book", "lake", "river", "meal", "room")
SIGNS = ("电影", "酒店", "房间", "服务", "北京", "上海")


def write_corpus(path: Path, documents: int = 60) -> Path:
    """Documents of three sentences with an empty line between, English and Chinese by turns."""
    texts = []
    for number in range(documents):
        word, sign = WORDS[number % 6], SIGNS[number % 6]
        if number % 2:
            texts.append(f"我们喜欢这个{sign}。\n这里的{sign}很好，第{number}次了。\n明天再去{sign}吧。\n")
        else:
            texts.append(
                f"We love the {word} number {number}.\nThe {word} was very good.\nWe go to the {word} again.\n"
            )
    path.write_text("\n".join(texts), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def corpus_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds `dataset/` and `tokenizer/`."""
    folder = tmp_path_factory.mktemp("corpus")
    import_file(write_corpus(folder / "corpus.txt"), folder / "dataset", ImportOptions(task="pretraining"))
    tokenizing.train(folder / "dataset", SPEC, folder / "tokenizer")
    manifest.write(folder / "tokenizer", {"kind": "tokenizer", "spec": SPEC.to_json()})
    return folder


@pytest.fixture
def corpus(corpus_folder: Path, own_files: Path, project: Project, editor: User) -> DatasetVersion:
    """A version of a corpus that is ready."""
    info = DatasetFolder.open(corpus_folder / "dataset").info
    dataset = Dataset.objects.create(project=project, name="Corpus", task="pretraining", created_by=editor)
    version = DatasetVersion.objects.create(
        dataset=dataset,
        number=1,
        state=VersionState.READY,
        source_name="corpus.txt",
        rows=info.rows,
        splits=info.splits,
        statistics=info.statistics,
        fingerprint=info.fingerprint,
        created_by=editor,
    )
    shutil.copytree(corpus_folder / "dataset", version.folder)
    return version


@pytest.fixture
def tokenizer_of(corpus_folder: Path, project: Project, editor: User) -> Callable[[DatasetVersion], Tokenizer]:
    """Makes a finished tokenizer of a corpus."""

    def make(version: DatasetVersion) -> Tokenizer:
        made = Tokenizer.objects.create(
            project=project, name="Pieces", dataset_version=version, spec=SPEC.to_json(), state=JobState.FINISHED,
            judgements=tokenizing.compare(version.folder, {"": corpus_folder / "tokenizer"}), created_by=editor,
        )  # fmt: skip
        shutil.copytree(corpus_folder / "tokenizer", made.folder)
        return made

    return make
