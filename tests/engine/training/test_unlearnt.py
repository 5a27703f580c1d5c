"""A language model that has learnt nothing says so, and one that has does not."""

from __future__ import annotations

from pathlib import Path

from nlpstudio.engine.data.importing import import_file
from nlpstudio.engine.data.options import ImportOptions
from nlpstudio.engine.events import Warned
from nlpstudio.engine.job import Job
from nlpstudio.engine.spec import TrainParams, TrainSpec
from nlpstudio.engine.training import session
from tests.corpora import write_corpus
from tests.tiny import tiny_tokenizer


def warnings_of(folder: Path, learning_rate: float, epochs: int) -> list[str]:
    params = TrainParams(
        objective="mlm", architecture="custom", layers=1, hidden_size=32, heads=2, hidden_dropout=0.0, max_length=32,
        learning_rate=learning_rate, epochs=epochs, batch_size=8, threads=1, early_stopping=0,
    )  # fmt: skip
    job = Job(
        spec=TrainSpec(task="pretraining", base_model="tokenizer", params=params),
        dataset=folder / "dataset", base_model=folder / "tokenizer", work=folder / "work", out=folder / "out",
    )  # fmt: skip
    return [event.code for event in session.run(job) if isinstance(event, Warned)]


def test_a_language_model_that_learnt_nothing_says_so(tmp_path: Path) -> None:
    import_file(write_corpus(tmp_path / "corpus.txt"), tmp_path / "dataset", ImportOptions(task="pretraining"))
    tiny_tokenizer().save_pretrained(tmp_path / "tokenizer")
    assert warnings_of(tmp_path, learning_rate=1e-8, epochs=1) == ["pretraining.unlearnt"]


def test_one_that_learnt_does_not(tmp_path: Path) -> None:
    import_file(write_corpus(tmp_path / "corpus.txt"), tmp_path / "dataset", ImportOptions(task="pretraining"))
    tiny_tokenizer().save_pretrained(tmp_path / "tokenizer")
    assert warnings_of(tmp_path, learning_rate=1e-2, epochs=12) == []
