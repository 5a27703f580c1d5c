"""What the form foretells of a pre-training, beside what the engine makes of the same corpus; and how fast it takes the machine to be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from transformers import AutoTokenizer

from nlpstudio.core import workers
from nlpstudio.core.workers import Heart
from nlpstudio.datasets.models import Dataset, DatasetVersion, VersionState
from nlpstudio.engine import tokenizing
from nlpstudio.engine.data.importing import import_file
from nlpstudio.engine.data.options import ImportOptions
from nlpstudio.engine.data.store import DatasetFolder
from nlpstudio.engine.spec import TrainParams
from nlpstudio.engine.tasks import sequences
from nlpstudio.engine.tokenizing import TokenizerSpec
from nlpstudio.projects.models import Project
from nlpstudio.runs import estimating
from nlpstudio.runs.speed import FACT, LONGEST_SECONDS, Speedometer
from tests.studio import until

MARKS = 3
SIGNS = "电影酒店房间服务北京上海我们喜欢这个很好明天再去吧"


def written(path: Path, sentences: list[int]) -> Path:
    """A corpus whose documents have so many sentences of 10 to 50 characters, one a line."""
    random = np.random.default_rng(0)
    documents = []
    for many in sentences:
        lines = ["".join(random.choice([*SIGNS], int(random.integers(10, 50)))) + "。" for _each in range(many)]
        documents.append("\n".join(lines))
    path.write_text("\n\n".join(documents) + "\n", encoding="utf-8")
    return path


CORPORA = {"single": [1] * 1500, "long": [200] * 15, "mixed": [1] * 800 + [4] * 200 + [60] * 30}


@pytest.mark.parametrize("kind", CORPORA)
def test_the_foretold_sequences_are_about_those_that_are_made(kind: str, tmp_path: Path, project: Project) -> None:
    folder = tmp_path / "dataset"
    info = import_file(written(tmp_path / "c.txt", CORPORA[kind]), folder, ImportOptions(task="pretraining")).info
    tokenizing.train(folder, TokenizerSpec(vocabulary=300, least_count=1), tmp_path / "tokenizer")
    texts = [row.text.split("\n") for row in DatasetFolder.open(folder).rows()]
    found = sequences.documents(texts, AutoTokenizer.from_pretrained(tmp_path / "tokenizer"), 128 - MARKS)
    dataset = Dataset.objects.create(project=project, name="Corpus", task="pretraining")
    version = DatasetVersion(
        dataset=dataset, number=1, state=VersionState.READY, rows=info.rows, statistics=info.statistics,
        splits={"train": info.rows},
    )  # fmt: skip
    for objective in ("mlm_nsp", "mlm", "clm"):
        for short_share in (0.0, 0.9):
            params = TrainParams(objective=objective, short_share=short_share, max_length=128)
            made = _made(found, params)
            foretold = estimating.sequences(version, params)
            assert foretold == pytest.approx(len(made), rel=0.25), (objective, short_share)
            tokens = sum(len(span.ids) for span in made)
            assert estimating.tokens_an_epoch(version, None, params) == pytest.approx(tokens, rel=0.25)


def _made(found: list[list[sequences.Piece]], params: TrainParams) -> list[sequences.Span]:
    random, room, marks = np.random.default_rng(0), params.max_length - MARKS, (1, 2)
    if params.objective == "clm":
        return [*sequences.blocks(found, length=params.max_length, end=2)]
    if params.objective == "mlm":
        return [*sequences.runs(found, room=room, marks=marks, random=random, short_share=params.short_share)]
    made = sequences.pairs(found, room=room, marks=marks, random=random, swapped=False, short_share=params.short_share)
    return [*made]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_worker_tells_how_fast_its_device_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimating, "_probed", lambda: 7.0)
    heart = Heart("worker-1/train", "train", labels=["cpu"])
    workers.beat("worker-1/train", "train", labels=["cpu"])
    assert estimating.matrix_speed() == 7.0  # it has not told yet
    measuring = Speedometer(heart, after=0)
    measuring.start()
    measuring.join(LONGEST_SECONDS)
    heart.start()
    try:
        until(lambda: estimating.matrix_speed() != 7.0, 30, f"the worker tells {FACT}")
    finally:
        heart.stop()
        heart.join(10)
    assert estimating.matrix_speed() > 1e9
