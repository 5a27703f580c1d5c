"""The engines that can answer for a model, and where their files are; without torch, for the pages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nlpstudio.engine import manifest
from nlpstudio.engine.errors import DamagedArtifact

TORCH = "torch"
FP32 = "onnx"
INT8 = "int8"
AUTOMATIC = "auto"
ENGINES = (TORCH, FP32, INT8)

FOLDER = manifest.ONNX
"""Below the artifact's folder."""
WEIGHTS: Mapping[str, str] = {
    TORCH: "model.safetensors",
    FP32: f"{FOLDER}/model.onnx",
    INT8: f"{FOLDER}/model_int8.onnx",
}
REPORT = "engines.json"
"""What was found when the engines were compared, beside the graphs."""


def report_of(artifact: Path) -> dict[str, Any]:
    """The comparison of a version's engines; empty when it was not exported, or not compared."""
    path = artifact / FOLDER / REPORT
    if not path.is_file():
        return {}
    try:
        report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DamagedArtifact(f"{path.name} of {artifact.name} is unreadable: {error}") from error
    return report


def resolve(artifact: Path, wanted: str) -> str:
    """The engine that is to answer: `wanted`, if its files are there, and what the comparison chose for "auto"."""
    chosen = report_of(artifact).get("chosen", TORCH) if wanted == AUTOMATIC else wanted
    if chosen not in ENGINES or not (artifact / WEIGHTS[chosen]).is_file():
        return TORCH
    return str(chosen)


def bytes_of(artifact: Path, engine: str) -> int:
    """The size of the engine's weights; 0 when they are missing."""
    path = artifact / WEIGHTS[engine]
    return path.stat().st_size if path.is_file() else 0
