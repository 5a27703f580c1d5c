"""A version's `onnx/` folder: the graphs, and how they compare with the model; whole or not at all."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx
import onnxruntime

from nlpstudio.engine import manifest
from nlpstudio.engine.catalogue import CATALOGUE
from nlpstudio.engine.data.rows import Row
from nlpstudio.engine.export import gate, graph, quantize, smoke, traced
from nlpstudio.engine.export.gate import Figures
from nlpstudio.engine.inference import engines
from nlpstudio.engine.inference.onnx import OnnxForward
from nlpstudio.engine.inference.predictor import Predictor, TorchForward
from nlpstudio.engine.tasks import building
from nlpstudio.engine.training import artifact, durable

FORMAT = 1
ROWS_MOST = 2_000
TIMED = 24
SMOKED = 4
LARGEST_BYTES = 1_900_000_000
"""A protobuf message ends at 2 GiB."""

Say = Callable[[str], None]


def export(
    model: Path,
    out: Path,
    *,
    rows: Sequence[Row] = (),
    split: str = "",
    threads: int = 1,
    say: Say = lambda words: None,
) -> dict[str, Any]:
    """Write `model.onnx`, `model_int8.onnx` and their comparison on `rows` to `out`. Returns the comparison.

    Of more than `ROWS_MOST` rows an even selection is taken. Raises `NotExportable`, `AnswersDiffer`, `DamagedArtifact`
    or `DiskFull`; `out` is then as it was.
    """
    ours = Predictor.load(model, threads=threads)
    inputs = _inputs(ours, rows, manifest.read(model) if (model / manifest.NAME).is_file() else {})
    facts: dict[str, Any] = {
        "kind": "onnx",
        "format": FORMAT,
        "weights_sha256": manifest.sha256_of(model / engines.WEIGHTS[engines.TORCH]),
        "versions": {**artifact.versions(), "onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__},
    }
    with durable.whole_folder(out, facts) as draft:
        paths = {engine: draft / Path(engines.WEIGHTS[engine]).name for engine in (engines.FP32, engines.INT8)}
        say("Writing the graph")
        _write(ours, model, paths[engines.FP32])
        say("Comparing with plain transformers")
        difference = smoke.plain_onnx(model, paths[engines.FP32], ours.task.model_class, inputs[:SMOKED])
        say("Quantising to eight bits")
        quantize.quantize(paths[engines.FP32], paths[engines.INT8])
        report = _compare(ours, model, paths, _selection(rows), inputs, say)
        report |= {"split": split, "plain": {"rows": len(inputs[:SMOKED]), "largest_difference": difference}}
        facts["chosen"] = report["chosen"]
        (draft / engines.REPORT).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return report


def _write(ours: Predictor, folder: Path, path: Path) -> None:
    assert isinstance(ours.forward, TorchForward)
    model = ours.forward.model
    if (folder / engines.WEIGHTS[engines.TORCH]).stat().st_size > LARGEST_BYTES:
        raise traced.NotExportable("the model is too large for one ONNX file", hint="It is served by PyTorch.")
    if graph.supports(model):
        written = graph.build(model)
    else:
        plain = building.load(ours.task, folder)
        written = traced.build(plain, longest=building.longest_input(folder, ours.tokenizer))
    onnx.checker.check_model(written)
    onnx.save(written, str(path))


def _compare(
    ours: Predictor,
    model: Path,
    paths: Mapping[str, Path],
    rows: Sequence[Row],
    inputs: Sequence[Mapping[str, str]],
    say: Say,
) -> dict[str, Any]:
    metric = CATALOGUE[ours.task.name].best_by
    asked = list(inputs[:TIMED])
    found: dict[str, Figures] = {}
    predicted: list[Any] = []
    for engine in engines.ENGINES:
        say(f"Judging {engine}")
        if engine == engines.TORCH:
            judged, size = ours, (model / engines.WEIGHTS[engine]).stat().st_size
        else:
            judged = ours.on(OnnxForward(paths[engine], threads=1, padding_id=ours.padding_id))
            size = paths[engine].stat().st_size
        timed = _request_ms(judged, asked)
        if not rows:
            found[engine] = Figures(size_bytes=size, request_ms=timed)
            continue
        scores, records = judged.evaluate(rows)
        mine = [record["predicted"] for record in records]
        predicted = predicted or mine
        changed = sum(a != b for a, b in zip(mine, predicted, strict=True))
        value = float(scores["metrics"][metric])
        found[engine] = Figures(size_bytes=size, request_ms=timed, rows=len(rows), metric=value, changed=changed)
    torch = found[engines.TORCH]
    return {
        "rows": len(rows),
        "metric": metric,
        "chosen": gate.choose(found),
        "engines": {
            name: {**figures.to_json(), "against": gate.reason_against(name, figures, torch)}
            for name, figures in found.items()
        },
    }


def _request_ms(predictor: Predictor, inputs: Sequence[Mapping[str, str]]) -> float:
    """Processor time of one request, the median; the first, which warms up, does not count."""
    times = []
    for given in [inputs[0], *inputs]:
        began = time.process_time()
        predictor.predict(dict(given))
        times.append(1000 * (time.process_time() - began))
    return statistics.median(times[1:])


def _selection(rows: Sequence[Row]) -> Sequence[Row]:
    step = max(1, -(-len(rows) // ROWS_MOST))
    return rows[::step]


def _inputs(ours: Predictor, rows: Sequence[Row], facts: Mapping[str, Any]) -> list[dict[str, str]]:
    """Inputs to try: from the rows, or those that the artifact shows on its demo page, or one that always works."""
    from_rows = [ours.task.example(row) for row in rows[: 4 * TIMED : max(1, min(4, len(rows) // TIMED))]]
    known = from_rows or [dict(each) for each in facts.get("examples", [])]
    return known or [
        dict.fromkeys(ours.task.input_names[: 2 if ours.task.name == "qa" else 1], "A short text. 一段短文。")
    ]
