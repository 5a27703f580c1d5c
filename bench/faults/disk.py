"""A disk that is full in the middle of a run, and has room again later. Imported only after `ground.begin`."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from bench.faults.ground import Count, examine
from bench.faults.inside import Inside
from nlpstudio.engine.data.importing import import_file
from nlpstudio.engine.data.options import ImportOptions
from nlpstudio.engine.spec import TrainParams, TrainSpec
from nlpstudio.runs import execution, leases, services, showing, wiring
from nlpstudio.runs.models import Run
from nlpstudio.runs.states import State
from tests.tiny import write_sentiment_tsv

MEBIBYTES = 8


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of its own that is soon full. Needs root."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={MEBIBYTES}m", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def full_disk(inside: Inside, home: Path) -> Count:
    """The real engine trains on a disk without room: it fails in words, waits while there is none, then goes on."""
    count = Count("B6", "full disk in a run of the engine: words, wait, resume to the end")

    def act() -> bool:
        with small_disk(home / "small") as disk:
            settings.FILES_ROOT, before = disk / "files", settings.FILES_ROOT
            settings.LEAST_FREE_BYTES = 0
            try:
                return _trial(inside, disk)
            finally:
                settings.FILES_ROOT = before

    count.trial(act)
    return count


def _trial(inside: Inside, disk: Path) -> bool:
    version = inside.version
    import_file(write_sentiment_tsv(disk / "data.tsv"), version.folder, ImportOptions(task="classification"))
    params = TrainParams(epochs=2, batch_size=8, max_length=32, threads=1)
    spec = TrainSpec(task="classification", base_model="tiny", params=params)
    run = inside.run()
    Run.objects.filter(pk=run.pk).update(spec=spec.to_json())
    blocker = disk / "blocker"
    room = shutil.disk_usage(disk).free - (64 << 10)
    blocker.write_bytes(b"x" * room)
    fired = shutil.disk_usage(disk).free <= 64 << 10
    claimed = leases.claim("w")
    assert claimed is not None
    execution.drive(claimed, start=wiring.start_training)
    run.refresh_from_db()
    tail = showing.tail_of(run.folder / "log.txt", 3)
    assert (run.state, run.error_code) == (State.FAILED, "engine.disk_full"), f"{run.state} {run.error_code} {tail}"
    assert run.error_hint and run.can_resume
    services.resume(run=run, by=inside.user)
    settings.LEAST_FREE_BYTES = 1 << 20
    assert leases.claim("w") is None, "a run was started on a full disk"
    blocker.unlink()
    again = leases.claim("w")
    assert again is not None, "it does not go on by itself when there is room"
    execution.drive(again, start=wiring.start_training)
    run.refresh_from_db()
    assert run.state == State.FINISHED, f"{run.state} {run.error_code} {run.error_message}"
    examine()
    return fired
