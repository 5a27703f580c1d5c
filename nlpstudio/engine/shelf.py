"""The shelf of base models: what there is, what is on this machine, and fetching the rest.

Nothing here loads torch; what needs it runs in a child process (`weights.py`).
"""

from __future__ import annotations

import difflib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nlpstudio
from nlpstudio.engine import manifest
from nlpstudio.engine.conversion import local
from nlpstudio.engine.conversion.curated import SHELF
from nlpstudio.engine.conversion.sources import BaseModel, LocalFolder
from nlpstudio.engine.errors import BaseModelMissing, BaseModelRefused, DamagedArtifact, DiskFull, EngineError

__all__ = (
    "SHELF", "BaseModel", "base_models", "fetch", "fetch_command", "find", "folder_of", "home", "is_available", "list_command",
    "path_of", "refused_folders", "to_json",
)  # fmt: skip

Progress = Callable[[str], None]

_ERRORS = {kind.code: kind for kind in (BaseModelMissing, BaseModelRefused, DamagedArtifact, DiskFull)}
_SEQUENCE_OFFSET = {"roberta": 2, "xlm-roberta": 2, "camembert": 2}


def home() -> Path:
    """Where fetched base models live: `base-models` in `STUDIO_HOME` (default `./var`)."""
    return Path(os.environ.get("STUDIO_HOME") or "var").absolute() / "base-models"


def base_models() -> list[BaseModel]:
    """The curated shelf, then the sound folders in `STUDIO_BASE_MODELS` that are not on it."""
    return [*SHELF.values(), *_local_entries().values()]


def find(model_id: str) -> BaseModel:
    """The entry of that id. Raises `BaseModelMissing`, naming the nearest ids."""
    if entry := SHELF.get(model_id):
        return entry
    extra = _local_entries()
    if model_id in extra:
        return extra[model_id]
    known = [*SHELF, *extra]
    close = difflib.get_close_matches(model_id, known, n=3, cutoff=0.4)
    raise BaseModelMissing(
        f"there is no base model {model_id!r} on the shelf",
        hint=f"Did you mean {', '.join(close)}?" if close else f"Known base models: {', '.join(known)}.",
    )


def is_available(model_id: str) -> bool:
    """Whether the base model is on this machine (by its manifest; `path_of` checks every file)."""
    entry = find(model_id)
    return _local_folder(entry) is not None or (home() / entry.folder_name / manifest.NAME).is_file()


def path_of(model_id: str) -> Path:
    """The verified folder of the base model, ready for `from_pretrained`.

    Raises `BaseModelMissing` when it is not on this machine and `BaseModelRefused` when its
    files are not as they were written.
    """
    entry = find(model_id)
    if given := _local_folder(entry):
        local.check(given)
        return given
    folder = home() / entry.folder_name
    fetch_it = f"Fetch it: python -m nlpstudio.engine fetch-base-model {entry.id}"
    if not folder.is_dir():
        raise BaseModelMissing(f"the base model {entry.id} is not on this machine", hint=fetch_it)
    try:
        manifest.verify(folder)
    except DamagedArtifact as error:
        raise BaseModelRefused(f"the base model {entry.id} is damaged: {error.message}", hint=fetch_it) from error
    return folder


def folder_of(entry: BaseModel) -> Path | None:
    """Where the base model lies on this machine, unchecked; None when it is not here."""
    path = _path_or_none(entry)
    return None if path is None else Path(path)


def fetch(model_id: str, progress: Progress | None = None) -> Path:
    """Bring the base model to this machine and return its folder; at once when it is there.

    `progress` is called with what is being done, in words. The work is done by a child process,
    and once however many ask at the same time. Raises `BaseModelMissing` (no source can be
    reached), `BaseModelRefused` (a file is not what the shelf promises) or `DiskFull`.
    """
    entry = find(model_id)
    if _local_folder(entry) is not None:
        return path_of(model_id)
    command = [sys.executable, "-m", "nlpstudio.engine.weights", entry.id, str(home())]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8", env=_environment()) as child:
        assert child.stdout is not None
        last: dict[str, Any] = {}
        for line in child.stdout:
            last = json.loads(line)
            if progress is not None and "step" in last:
                progress(last["step"])
    if "done" in last:
        return Path(last["done"])
    if "error" in last:
        error = last["error"]
        raise _ERRORS.get(error["code"], EngineError)(error["message"], hint=error["hint"])
    raise RuntimeError(f"the conversion of {entry.id} ended with exit code {child.returncode}; see its traceback")


def to_json(entry: BaseModel) -> dict[str, Any]:
    """The entry as `GET /base-models` shows it."""
    return {
        "id": entry.id,
        "name": entry.name,
        "family": entry.family,
        "parameters": entry.parameters,
        "languages": list(entry.languages),
        "tasks": list(entry.tasks),
        "licence": entry.licence,
        "max_length": entry.max_length,
        "available": is_available(entry.id),
    }


def refused_folders() -> dict[Path, BaseModelRefused]:
    """The folders in `STUDIO_BASE_MODELS` that are not offered, with the reason."""
    refused = {}
    for folder in _given_folders():
        try:
            local.check(folder)
        except BaseModelRefused as error:
            refused[folder] = error
    return refused


def list_command(as_json: bool) -> int:
    """Print the shelf: for people, or as JSON with `path` and `sources`. Returns the exit code."""
    entries = base_models()
    if as_json:
        rows = [
            {**to_json(entry), "path": _path_or_none(entry), "sources": [s.describe() for s in entry.sources]}
            for entry in entries
        ]
        sys.stdout.write(json.dumps(rows, indent=2, ensure_ascii=False) + "\n")
    else:
        for entry in entries:
            mark = "here" if is_available(entry.id) else "-"
            size = f"{entry.parameters / 1e6:.1f} M"
            languages = " ".join(entry.languages[:3]) + (" …" if len(entry.languages) > 3 else "")
            sys.stdout.write(f"{entry.id:36} {size:>9}  {languages:10} {entry.licence:11} {mark}\n")
    for folder, error in refused_folders().items():
        sys.stderr.write(f"not offered: {folder}: {error.message}\n")
    return 0


def fetch_command(model_id: str) -> int:
    """Fetch with progress on standard error and print the folder. Returns the exit code."""
    try:
        path = fetch(model_id, lambda words: _tell(f"{words} …"))
    except EngineError as error:
        _tell(f"{error.message}\n{error.hint}".strip())
        return 1
    sys.stdout.write(f"{path}\n")
    return 0


def _tell(words: str) -> None:
    sys.stderr.write(words + "\n")
    sys.stderr.flush()


def _path_or_none(entry: BaseModel) -> str | None:
    given = _local_folder(entry)
    if given is None and not is_available(entry.id):
        return None
    return str(given or home() / entry.folder_name)


def _environment() -> dict[str, str]:
    """Ours, with the place this package was imported from, so that a child finds it from any folder."""
    root = str(Path(nlpstudio.__path__[0]).parent)
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def _given_folders() -> list[Path]:
    """The folders with a `config.json` right below those that `STUDIO_BASE_MODELS` names."""
    roots = [Path(name) for name in os.environ.get("STUDIO_BASE_MODELS", "").split(os.pathsep) if name]
    return sorted(config.parent for root in roots for config in root.glob("*/config.json"))


def _local_folder(entry: BaseModel) -> Path | None:
    names = {source.name for source in entry.sources if isinstance(source, LocalFolder)}
    return next((folder for folder in _given_folders() if folder.name in names), None)


def _local_entries() -> dict[str, BaseModel]:
    on_the_shelf = {entry.folder_name for entry in SHELF.values()}
    entries: dict[str, BaseModel] = {}
    for folder in _given_folders():
        if folder.name in on_the_shelf:
            continue
        try:
            entries.setdefault(folder.name, _describe(folder, local.check(folder)))
        except BaseModelRefused:
            continue  # `refused_folders` says why
    return entries


def _describe(folder: Path, config: dict[str, Any]) -> BaseModel:
    positions = int(config.get("max_position_embeddings") or config.get("n_positions") or 512) - _SEQUENCE_OFFSET.get(
        config["model_type"], 0
    )
    return BaseModel(
        id=folder.name,
        name=folder.name,
        family=config["model_type"],
        parameters=local.parameters(folder),
        languages=(),
        licence="unknown",
        max_length=positions,
        sources=(LocalFolder(name=folder.name),),
        tasks=local.tasks_of(config),
        note="A folder that was put on this machine.",
        language_codes=local.language_codes(folder),
    )
