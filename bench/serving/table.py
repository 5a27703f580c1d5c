"""The serving part of the report."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import machine

TITLES: Mapping[str, str] = {
    "serving-alone": "engines alone, without HTTP",
    "serving-http": "servers over HTTP",
    "serving-http-beside-training": "servers over HTTP, while a fine-tune runs",
    "serving-overload": "overload: our int8 engine over HTTP, at and far beyond what its queue holds",
}
NAMES: Mapping[str, str] = {
    "pipeline": "transformers.pipeline, one call a request",
    "torch": "NLP Studio, PyTorch un-padded",
    "onnx": "NLP Studio, ONNX fp32",
    "int8": "NLP Studio, ONNX 8 bits",
    "litserve": "LitServe around the pipeline, batches of 32",
}


def sections(folder: Path) -> list[str]:
    """Markdown of every kept reading; nothing where there is none."""
    parts = []
    for name, title in TITLES.items():
        path = folder / f"{name}.json"
        if path.exists():
            kept = json.loads(path.read_text(encoding="utf-8"))
            parts += [f"## Serving: {title}\n", _table(kept["summary"]), f"{machine.words(kept['machine'])}\n"]
    path = folder / "serving-drift.json"
    if path.exists():
        kept = json.loads(path.read_text(encoding="utf-8"))
        parts += [
            "## Serving: what eight bits change\n",
            _drift([*kept["heads"].values()]),
            f"{machine.words(kept['machine'])}\n",
        ]
    return parts


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    lines = [
        "| clients | server | answers/CPU-s | ratio to pipeline | answers/s | p50 ms | p99 ms | memory MiB | refused | failed | rounds |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in sorted(rows, key=lambda each: each["clients"]):
        ratio = "–" if row["ratio"] is None else f"{row['ratio']:.2f}"
        cells = [
            row["clients"], NAMES.get(row["contender"], row["contender"]), f"{row['per_cpu_s']:.1f}", ratio,
            f"{row['per_s']:.1f}", f"{row['p50_ms']:.1f}", f"{row['p99_ms']:.1f}", f"{row['memory_mib']:.0f}",
            row["refused"], row["failed"], row["rounds"],
        ]  # fmt: skip
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines) + "\n"


def _drift(heads: Sequence[Mapping[str, Any]]) -> str:
    lines = [
        "| head | rows | metric | torch | ONNX fp32 | 8 bits | changed by fp32 | changed by 8 bits | chosen |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for head in heads:
        report = head["report"]
        plain, onnx, int8 = (report["engines"][name] for name in ("torch", "onnx", "int8"))
        changed = f"{int8['changed']} ({100 * int8['changed_share']:.1f} %)"
        figures = [f"{each['metric']:.4f}" for each in (plain, onnx, int8)]
        cells = [head["head"], report["rows"], report["metric"], *figures, onnx["changed"], changed, report["chosen"]]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines) + "\n"
