"""A model that has learnt nothing says so, and one that has does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nlpstudio.engine.data.importing import import_file
from nlpstudio.engine.data.options import ImportOptions
from nlpstudio.engine.events import Warned
from nlpstudio.engine.job import Job
from nlpstudio.engine.spec import TrainParams, TrainSpec
from nlpstudio.engine.training import session
from tests.corpora import write_corpus
from tests.tiny import tiny_base_model, tiny_tokenizer, write_sentiment_tsv


def warnings_of(folder: Path, task: str, base_model: str, **params: Any) -> list[str]:
    job = Job(
        spec=TrainSpec(task=task, base_model=base_model, params=TrainParams(threads=1, early_stopping=0, **params)),
        dataset=folder / "dataset", base_model=folder / base_model, work=folder / "work", out=folder / "out",
    )  # fmt: skip
    return [event.code for event in session.run(job) if isinstance(event, Warned)]


def pre_trained(folder: Path, learning_rate: float, epochs: int) -> list[str]:
    import_file(write_corpus(folder / "corpus.txt"), folder / "dataset", ImportOptions(task="pretraining"))
    tiny_tokenizer().save_pretrained(folder / "tokenizer")
    return warnings_of(
        folder, "pretraining", "tokenizer", objective="mlm", architecture="custom", layers=1, hidden_size=32, heads=2,
        hidden_dropout=0.0, max_length=32, learning_rate=learning_rate, epochs=epochs, batch_size=8,
    )  # fmt: skip


def classified(folder: Path, learning_rate: float, epochs: int) -> list[str]:
    import_file(write_sentiment_tsv(folder / "rows.tsv", 120), folder / "dataset", ImportOptions(task="classification"))
    tiny_base_model(folder / "base")
    return warnings_of(
        folder, "classification", "base", learning_rate=learning_rate, epochs=epochs, batch_size=8, max_length=32
    )


def test_a_language_model_that_learnt_nothing_says_so(tmp_path: Path) -> None:
    assert pre_trained(tmp_path, learning_rate=1e-8, epochs=1) == ["pretraining.unlearnt"]


def test_a_language_model_that_learnt_does_not(tmp_path: Path) -> None:
    assert pre_trained(tmp_path, learning_rate=1e-2, epochs=12) == []


def test_a_classifier_that_gives_every_text_the_same_label_says_so(tmp_path: Path) -> None:
    assert classified(tmp_path, learning_rate=1e-8, epochs=1) == ["classification.unlearnt"]


def test_a_classifier_that_tells_labels_apart_does_not(tmp_path: Path) -> None:
    assert classified(tmp_path, learning_rate=3e-3, epochs=6) == []
