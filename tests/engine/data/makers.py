"""Makes small files as people upload them, and imports them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nlpstudio.engine.data.importing import ImportReport, import_file
from nlpstudio.engine.data.options import ImportOptions
from nlpstudio.engine.data.store import DatasetFolder


class Desk:
    """A folder to put files in and to import them from."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._imports = 0

    def put(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def load(self, task: str, name: str, content: str | bytes, **options: Any) -> Loaded:
        return self.load_path(task, self.put(name, content), **options)

    def load_path(self, task: str, path: Path, extra: dict[str, Path] | None = None, **options: Any) -> Loaded:
        self._imports += 1
        target = self.folder / f"set{self._imports}"
        report = import_file(path, target, ImportOptions(task=task, **options), extra=extra)
        return Loaded(report, DatasetFolder.open(target))


class Loaded:
    """An import and the data set it made."""

    def __init__(self, report: ImportReport, dataset: DatasetFolder) -> None:
        self.report, self.dataset, self.info = report, dataset, report.info

    @property
    def rows(self) -> list[Any]:
        return list(self.dataset.rows())

    @property
    def problems(self) -> list[tuple[int, str]]:
        return [(problem.line, problem.code) for problem in self.report.problems]

    @property
    def rejected(self) -> str:
        return (self.dataset.path / "rejected").read_text(encoding="utf-8")


def entities(row: Any) -> list[tuple[str, str]]:
    """(text, type) of each entity of an IOB2 row."""
    found: list[list[Any]] = []
    for (start, end), tag in zip(row.tokens, row.tags, strict=True):
        if tag.startswith("B-"):
            found.append([start, end, tag[2:]])
        elif tag.startswith("I-"):
            found[-1][1] = end
    return [(row.text[start:end], kind) for start, end, kind in found]


def jsonl(*records: Any) -> str:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def squad(*paragraphs: dict[str, Any], version: str = "v2.0", indent: int | None = 1) -> str:
    articles = [{"title": f"t{index}", "paragraphs": [paragraph]} for index, paragraph in enumerate(paragraphs)]
    return json.dumps({"version": version, "data": articles}, ensure_ascii=False, indent=indent)


def question(key: str, text: str, *answers: tuple[str, int | None], impossible: bool | None = None) -> dict[str, Any]:
    marked = {} if impossible is None else {"is_impossible": impossible}
    given = [{"text": answer, **({} if start is None else {"answer_start": start})} for answer, start in answers]
    return {"id": key, "question": text, "answers": given, **marked}
