"""An exported version answers as the model does, on whichever engine; one that drifts is not used."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from nlpstudio.engine import manifest
from nlpstudio.engine.data.rows import Row
from nlpstudio.engine.data.store import DatasetFolder
from nlpstudio.engine.errors import DamagedArtifact
from nlpstudio.engine.export import exporting, gate, smoke
from nlpstudio.engine.export.gate import Figures
from nlpstudio.engine.inference import engines
from nlpstudio.engine.inference.predictor import Predictor
from tests.published import Train, trained

__all__ = ["trained"]

Export = Callable[[str], Path]


@pytest.fixture(scope="module")
def exported(trained: Train, tmp_path_factory: pytest.TempPathFactory) -> Export:
    """A copy of a task's trained model with its `onnx/` folder, once a module."""
    done: dict[str, Path] = {}

    def make(task: str) -> Path:
        if task not in done:
            folder = tmp_path_factory.mktemp(f"exported-{task}") / "model"
            shutil.copytree(trained(task).out / "model", folder)
            exporting.export(folder, folder / engines.FOLDER, rows=rows_of(trained, task), split="validation")
            done[task] = folder
        return done[task]

    return make


def rows_of(trained: Train, task: str, split: str | None = "validation") -> list[Row]:
    return list(DatasetFolder.open(trained(task).dataset).rows(split))


ASKED: dict[str, Any] = {
    "classification": ["the film was good 这家酒店好 🙂", "bad", "a nice book and a dull meal"],
    "ner": ["🙂 anna lake lives in 北京", "anna"],
    "qa": [{"question": "where is anna 7", "context": "🙂 anna 7 lives in 北京 and works at a lake. " * 4}],
}


def flat(answer: Any) -> list[Any]:
    """Every leaf of an answer; scores rounded away, for they are compared apart."""
    if isinstance(answer, dict):
        return [value for key, value in sorted(answer.items()) if key != "score"]
    return [leaf for each in answer for leaf in flat(each)]


def scores(answer: Any) -> list[float]:
    if isinstance(answer, dict):
        return [answer["score"]]
    return [score for each in answer for score in scores(each)]


@pytest.mark.parametrize("task", ASKED)
def test_two_engines_give_one_answer(task: str, exported: Export) -> None:
    folder = exported(task)
    expected = Predictor.load(folder).predict(ASKED[task])
    got = Predictor.load(folder, engine=engines.FP32).predict(ASKED[task])
    assert flat(got) == flat(expected)
    assert scores(got) == pytest.approx(scores(expected), abs=1e-5)
    assert len(flat(Predictor.load(folder, engine=engines.INT8).predict(ASKED[task]))) > 0


@pytest.mark.parametrize("task", ASKED)
def test_the_report_says_what_was_compared(task: str, exported: Export, trained: Train) -> None:
    report = engines.report_of(exported(task))
    assert report["split"] == "validation" and report["rows"] == len(rows_of(trained, task))
    assert set(report["engines"]) == set(engines.ENGINES)
    plain, onnx, int8 = (report["engines"][name] for name in engines.ENGINES)
    assert onnx["changed"] == 0 and onnx["metric"] == plain["metric"] and onnx["against"] == ""
    assert int8["against"] == "rows" and int8["size_bytes"] < onnx["size_bytes"]
    assert report["chosen"] in (engines.TORCH, engines.FP32)
    assert report["plain"]["largest_difference"] < smoke.LARGEST_DIFFERENCE


def test_the_artifact_is_as_whole_as_before_and_the_folder_is_checked_apart(exported: Export, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(exported("classification"), folder)
    manifest.verify(folder)
    listed = manifest.verify(folder / "onnx")
    assert set(listed["files"]) == {"model.onnx", "model_int8.onnx", "engines.json"}
    graph = folder / engines.WEIGHTS[engines.FP32]
    graph.write_bytes(graph.read_bytes()[:-1] + b"x")
    manifest.verify(folder)
    with pytest.raises(DamagedArtifact, match="differs from its manifest"):
        Predictor.load(folder, engine=engines.FP32)
    assert Predictor.load(folder).predict("good")


def test_without_an_export_every_engine_is_torch(trained: Train) -> None:
    folder = trained("classification").out / "model"
    assert [engines.resolve(folder, name) for name in ("auto", *engines.ENGINES)] == [engines.TORCH] * 4


def undecided(folder: Path, rows: list[Row]) -> None:
    """Move the head's bias so that it decides half of the rows one way and half the other, all of them narrowly."""
    model = Predictor.load(folder)
    margins = [float(np.log(a["score"] / b["score"])) for a, b in (_by_label(each) for each in _answers(model, rows))]
    path = folder / engines.WEIGHTS[engines.TORCH]
    weights = load_file(path)
    weights["classifier.bias"] -= torch.tensor([statistics.median(margins), 0.0])
    save_file(weights, path, metadata={"format": "pt"})


def _answers(model: Predictor, rows: list[Row]) -> Any:
    return model.predict([model.task.example(row) for row in rows])


def _by_label(answer: Any) -> Any:
    return sorted(answer, key=lambda each: str(each["label"]))


def ruined(folder: Path) -> None:
    """The same function in fp32, but one channel of each value projection 3,000 times as large as its neighbours."""
    path = folder / engines.WEIGHTS[engines.TORCH]
    weights = load_file(path)
    for name in [each for each in weights if each.endswith("attention.self.value.weight")]:
        layer = name.removesuffix("self.value.weight")
        weights[name][0] *= 3_000
        weights[f"{layer}self.value.bias"][0] *= 3_000
        weights[f"{layer}output.dense.weight"][:, 0] /= 3_000
    save_file(weights, path, metadata={"format": "pt"})


def test_a_head_that_eight_bits_ruin_falls_back_to_fp32(trained: Train, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(trained("classification").out / "model", folder)
    rows = rows_of(trained, "classification", None)
    undecided(folder, rows)
    ruined(folder)
    report = exporting.export(folder, tmp_path / "onnx", rows=rows, split="all")
    assert len(rows) >= gate.LIMITS[engines.INT8].rows
    assert report["engines"]["int8"]["against"] == "changed"
    assert report["engines"]["onnx"]["changed"] == 0 and report["chosen"] in (engines.TORCH, engines.FP32)


def test_a_graph_of_another_model_is_found_out(trained: Train, exported: Export, tmp_path: Path) -> None:
    other = tmp_path / "model"
    shutil.copytree(trained("classification").out / "model", other)
    weights = load_file(other / engines.WEIGHTS[engines.TORCH])
    weights["classifier.weight"] += 1
    save_file(weights, other / engines.WEIGHTS[engines.TORCH], metadata={"format": "pt"})
    graph = exported("classification") / engines.WEIGHTS[engines.FP32]
    with pytest.raises(smoke.AnswersDiffer):
        smoke.plain_onnx(other, graph, Predictor.load(other).task.model_class, [{"text": "good film"}])


def test_the_gate_keeps_its_limits() -> None:
    plain = Figures(size_bytes=100, request_ms=9, rows=1000, metric=0.9, changed=0)

    def against(engine: str, **values: Any) -> str:
        given = {"size_bytes": 25, "request_ms": 2, "rows": 1000, "metric": 0.9, "changed": 0, **values}
        return gate.reason_against(engine, Figures(**given), plain)

    assert against("int8", changed=20, metric=0.8951) == ""
    assert against("int8", changed=21) == "changed"
    assert against("int8", metric=0.8949) == "loss"
    assert against("int8", rows=99, changed=0) == "rows"
    assert against("onnx", changed=1) == "" and against("onnx", changed=2) == "changed"
    fast = Figures(size_bytes=25, request_ms=2, rows=1000, metric=0.9, changed=30)
    middle = Figures(size_bytes=100, request_ms=5, rows=1000, metric=0.9, changed=0)
    assert gate.choose({"torch": plain, "onnx": middle, "int8": fast}) == "onnx"


def test_the_command_writes_the_folder_and_prints_the_comparison(trained: Train, tmp_path: Path) -> None:
    done = trained("classification")
    command = [
        sys.executable,
        "-m",
        "nlpstudio.engine",
        "export",
        "--model",
        str(done.out / "model"),
        "--format",
        "onnx",
    ]
    out = tmp_path / "there" / "onnx"
    given = [*command, "--out", str(out), "--data", str(done.dataset)]
    ended = subprocess.run(given, capture_output=True, text=True, check=True)
    assert json.loads(ended.stdout) == json.loads((out / "engines.json").read_text())
