"""A job on disk becomes a finished model on disk, the same one however often it was killed on the way."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

from nlpstudio.engine import manifest
from nlpstudio.engine.data.importing import import_file
from nlpstudio.engine.data.options import ImportOptions, SplitOptions
from nlpstudio.engine.data.store import DatasetFolder
from nlpstudio.engine.errors import UnusableData
from nlpstudio.engine.events import Evaluated, Event, Finished, Prepared, Saved, Warned
from nlpstudio.engine.inference.predictor import Predictor
from nlpstudio.engine.job import Job
from nlpstudio.engine.spec import TrainParams, TrainSpec
from nlpstudio.engine.training import session
from tests.tiny import sentiment_lines, write_sentiment_tsv


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    source = write_sentiment_tsv(folder / "reviews.tsv", 80)
    import_file(source, folder / "dataset", ImportOptions(task="classification"))
    return folder / "dataset"


def job_in(folder: Path, dataset: Path, base_model: Path, **params: Any) -> Job:
    chosen = TrainParams(**{"epochs": 2, "learning_rate": 1e-3, "batch_size": 16, "threads": 1, **params})
    spec = TrainSpec(task="classification", base_model="tiny", params=chosen)
    return Job(
        spec=spec, dataset=dataset, base_model=base_model, work=folder / "work", out=folder / "out", name="Reviews"
    )


def finished(events: Sequence[Event]) -> Finished:
    last = events[-1]
    assert isinstance(last, Finished)
    return last


@pytest.fixture(scope="module")
def whole(dataset: Path, base_model: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Job, list[Event]]:
    job = job_in(tmp_path_factory.mktemp("whole"), dataset, base_model)
    return job, list(session.run(job, event_interval=0))


def test_it_tells_what_it_does_in_order(whole: tuple[Job, list[Event]], dataset: Path) -> None:
    _, events = whole
    prepared = events[0]
    assert isinstance(prepared, Prepared)
    assert prepared.rows == DatasetFolder.open(dataset).info.splits
    steps = -(-prepared.rows["train"] // 16)
    assert (prepared.steps, prepared.path, prepared.resumed_from) == (2 * steps, "packed", 0)
    assert [e.step for e in events if isinstance(e, Saved)] == [steps, 2 * steps]
    judged = [(e.step, e.split) for e in events if isinstance(e, Evaluated)]
    assert judged[:2] == [(steps, "validation"), (2 * steps, "validation")]
    assert [split for _, split in judged[2:]] == ["validation", "test"]
    assert finished(events).environment["threads"] == 1


def test_the_artifact_is_whole_and_says_where_it_comes_from(whole: tuple[Job, list[Event]], dataset: Path) -> None:
    job, events = whole
    facts = manifest.verify(job.out / "model")
    assert facts["files"]["model.safetensors"]["sha256"] == finished(events).weights_sha256
    assert facts["labels"] == ["negative", "positive"]
    assert facts["dataset"]["fingerprint"] == DatasetFolder.open(dataset).info.fingerprint
    assert facts["spec"] == job.spec.to_json()
    assert len(facts["examples"]) == 3
    assert {path.name for path in job.out.iterdir()} == {"model", "predictions"}
    report = json.loads((job.out / "model" / "evaluation.json").read_text())
    assert report["best_by"] == "macro_f1"
    assert report["splits"]["test"]["metrics"] == finished(events).metrics["test"]
    assert report["splits"]["validation"]["rows"] == facts["dataset"]["splits"]["validation"]


def test_each_held_out_row_has_its_prediction(whole: tuple[Job, list[Event]], dataset: Path) -> None:
    job, events = whole
    table = pq.read_table(job.out / "predictions" / "test.parquet").to_pylist()
    rows = list(DatasetFolder.open(dataset).rows("test"))
    assert [record["row_id"] for record in table] == [row.row_id for row in rows]
    accuracy = sum(record["correct"] for record in table) / len(table)
    assert accuracy == pytest.approx(finished(events).metrics["test"]["accuracy"])
    for record in table:
        assert sum(record["scores"]) == pytest.approx(1, abs=1e-5)
        assert record["confidence"] == max(record["scores"])


def test_plain_transformers_and_our_predictor_answer_alike(whole: tuple[Job, list[Event]]) -> None:
    job, _ = whole
    folder = job.out / "model"
    texts = [text for text, _ in sentiment_lines(20)]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    theirs = pipeline("text-classification", model=model, tokenizer=tokenizer, top_k=None)(texts)
    ours = Predictor.load(folder).predict(texts)
    for one, other in zip(ours, theirs, strict=True):
        assert [each["label"] for each in one] == [each["label"] for each in other]
        assert [each["score"] for each in one] == pytest.approx([each["score"] for each in other], abs=1e-5)


@pytest.mark.parametrize("killed_after", [0, 1, 2, 3])
def test_a_killed_run_ends_in_the_same_bytes(
    whole: tuple[Job, list[Event]], base_model: Path, tmp_path: Path, killed_after: int
) -> None:
    job = job_in(tmp_path, whole[0].dataset, base_model)
    events = session.run(job, event_interval=0, save_after=0)
    saved = 0
    for event in events:
        saved += isinstance(event, Saved)
        if saved == killed_after and not isinstance(event, Prepared | Saved):
            break
    events.close()
    assert not (job.out / "model").exists()

    again = list(session.run(job, event_interval=0))
    prepared = next(event for event in again if isinstance(event, Prepared))
    assert (prepared.resumed_from > 0) == (killed_after > 0)
    assert finished(again).weights_sha256 == finished(whole[1]).weights_sha256
    assert finished(again).metrics == finished(whole[1]).metrics


def test_a_run_that_is_stopped_is_finished_with_the_best_so_far(
    dataset: Path, base_model: Path, tmp_path: Path
) -> None:
    job = job_in(tmp_path, dataset, base_model, epochs=50)
    events = list(session.run(job, stop=lambda: True, event_interval=0))
    assert finished(events).best_step == 1
    manifest.verify(job.out / "model")


def test_missing_splits_are_said_and_lived_without(base_model: Path, tmp_path: Path) -> None:
    source = write_sentiment_tsv(tmp_path / "reviews.tsv", 32)
    options = ImportOptions(task="classification", split=SplitOptions(train=1.0, validation=0.0, test=0.0))
    import_file(source, tmp_path / "dataset", options)
    job = job_in(tmp_path, tmp_path / "dataset", base_model)
    events = list(session.run(job))
    assert "validation.missing" in [event.code for event in events if isinstance(event, Warned)]
    assert finished(events).metrics == {}
    assert "No split was held out" in (job.out / "model" / "README.md").read_text()


def test_a_length_beyond_the_model_is_cut_and_said(dataset: Path, base_model: Path, tmp_path: Path) -> None:
    events = list(session.run(job_in(tmp_path, dataset, base_model, max_length=512, epochs=1)))
    assert "max_length.reduced" in [event.code for event in events if isinstance(event, Warned)]
    assert manifest.read(tmp_path / "out" / "model")["max_length"] == 128


def test_a_resume_under_other_threads_is_flagged(dataset: Path, base_model: Path, tmp_path: Path) -> None:
    job = job_in(tmp_path, dataset, base_model)
    events = session.run(job, event_interval=0, save_after=0)
    next(event for event in events if isinstance(event, Saved))
    events.close()
    for state in (job.work / "checkpoints").glob("*/state.json"):
        values = json.loads(state.read_text())
        values["environment"]["torch"] = "1.0"
        state.write_text(json.dumps(values))
        facts = manifest.read(state.parent)
        del facts["files"]
        manifest.write(state.parent, facts)
    codes = [event.code for event in session.run(job) if isinstance(event, Warned)]
    assert [code for code in codes if not code.endswith(".unlearnt")] == ["resume.environment_changed"]


def test_data_for_another_task_is_refused(dataset: Path, base_model: Path, tmp_path: Path) -> None:
    job = job_in(tmp_path, dataset, base_model)
    info = json.loads((dataset / "info.json").read_text())
    copy = tmp_path / "dataset"
    copy.mkdir()
    (copy / "info.json").write_text(json.dumps({**info, "task": "ner"}))
    other = Job(**{**{f: getattr(job, f) for f in ("spec", "base_model", "work", "out")}, "dataset": copy})
    with pytest.raises(UnusableData, match="for ner"):
        list(session.run(other))
