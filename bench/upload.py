"""How a running studio takes a 1,000,000-row, 100 MB TSV over its API: time, memory of the web process, every row; prints JSON.

    python -m bench.upload [--rows N]

Memory is the web process's peak resident size (the kernel's own mark, set back when it is idle) above its idle size.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx
import psutil

from bench.ingest import MEBI, write_rows
from tests.studio import Studio, until

PATIENCE_S = 900
SETTLING_S = 5


class Memory:
    """The resident size of one process and its peak since `forget`."""

    def __init__(self, process: psutil.Process) -> None:
        self._folder = Path(f"/proc/{process.pid}")
        self._process = process
        self.idle = process.memory_info().rss

    def forget(self) -> None:
        """Begin anew: what was the peak before does not count."""
        (self._folder / "clear_refs").write_text("5", encoding="ascii")
        self.idle = self._process.memory_info().rss

    def over_idle_mib(self) -> float:
        status = (self._folder / "status").read_text(encoding="ascii")
        peak = next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))
        return round((peak - self.idle) / MEBI, 1)


def measure(studio: Studio, source: Path, rows: int) -> dict[str, Any]:
    """Upload, import and download the file again; sizes in MiB, times in seconds."""
    (web,) = studio.processes("config.web")
    with studio.api() as api:
        api.timeout = httpx.Timeout(PATIENCE_S)
        project = api.get("projects").json()["results"][0]["id"]
        until(lambda: not _importing(api, project), PATIENCE_S, "the samples are imported")
        time.sleep(SETTLING_S)
        memory = Memory(web)
        memory.forget()
        idle = memory.idle
        started = time.perf_counter()
        with source.open("rb") as file:
            form = {"task": "classification", "name": "Million"}
            answer = api.post(f"projects/{project}/datasets", data=form, files={"file": (source.name, file)})
        uploaded = time.perf_counter()
        version = answer.raise_for_status().json()["version"]["id"]
        upload_peak = memory.over_idle_mib()
        until(lambda: _state(api, version) != "importing", PATIENCE_S, "the import ends")
        imported = time.perf_counter()
        import_peak = memory.over_idle_mib()
        done = api.get(f"dataset-versions/{version}").json()
        same = _digest(_downloaded(api, version)) == _digest(_good(source))
        return {
            "rows": rows,
            "source_mib": round(source.stat().st_size / MEBI, 1),
            "state": done["state"],
            "good_rows": done["rows"],
            "problems": done["problems"]["count"],
            "rows_come_back_the_same": same,
            "web_idle_mib": round(idle / MEBI, 1),
            "web_peak_over_idle_upload_mib": upload_peak,
            "web_peak_over_idle_upload_and_import_mib": import_peak,
            "web_peak_over_idle_with_download_mib": memory.over_idle_mib(),
            "upload_s": round(uploaded - started, 2),
            "import_s": round(imported - uploaded, 2),
            "download_s": round(time.perf_counter() - imported, 2),
        }


def _importing(api: httpx.Client, project: str) -> bool:
    found = api.get(f"projects/{project}/datasets").json()["results"]
    return any(each["version"]["state"] == "importing" for each in found)


def _state(api: httpx.Client, version: str) -> str:
    time.sleep(0.4)
    return str(api.get(f"dataset-versions/{version}").json()["state"])


def _good(source: Path) -> Iterable[str]:
    """The rows that have a label, as they stand in the file."""
    with source.open(encoding="utf-8") as lines:
        next(lines)
        yield from (line.rstrip("\n") for line in lines if "\t" in line)


def _downloaded(api: httpx.Client, version: str) -> Iterable[str]:
    """The rows as the studio gives them back, without the split."""
    with api.stream("GET", f"dataset-versions/{version}/download") as answer:
        lines = answer.raise_for_status().iter_lines()
        header = next(lines).split("\t")
        text, label = header.index("text"), header.index("label")
        for line in lines:
            cells = line.split("\t")
            yield f"{cells[text]}\t{cells[label]}"


def _digest(rows: Iterable[str]) -> str:
    """The same for the same rows in any order: a download has split after split."""
    digest = hashlib.sha256()
    for row in sorted(rows):
        digest.update(row.encode() + b"\n")
    return digest.hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "base-models").mkdir()
        write_rows(place / "rows.tsv", given.rows)
        studio = Studio(home=place / "home", base_models=place / "base-models")
        try:
            studio.start()
            print(json.dumps(measure(studio, place / "rows.tsv", given.rows), indent=1))
        finally:
            studio.kill()


if __name__ == "__main__":
    main()
