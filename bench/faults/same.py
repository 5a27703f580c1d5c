"""Faults of training itself: killed at any call or moment, its checkpoints damaged, its machine changed; and repeated."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.faults.ground import Count
from nlpstudio.engine import manifest
from nlpstudio.engine.data.importing import import_file
from nlpstudio.engine.data.options import ImportOptions, SplitOptions
from nlpstudio.engine.job import Job
from nlpstudio.engine.spec import TrainParams, TrainSpec
from nlpstudio.engine.tasks import TASKS
from nlpstudio.engine.training.session import CHECKPOINTS
from tests.engine.training.killing import Victim
from tests.engine.training.mortal import Mortal
from tests.published import DATA
from tests.studio import ROOT
from tests.tiny_writers import base_model_for

DAMAGES: dict[str, Callable[[Path], Any]] = {
    "removed": Path.unlink,
    "cut in half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "one bit flipped": lambda path: path.write_bytes(_flipped(path.read_bytes())),
}


@contextmanager
def victim(folder: Path) -> Iterator[Victim]:
    """A tiny run that can be killed and done again, in warm processes."""
    folder.mkdir()
    with Mortal() as process:
        yield Victim(folder, process)


def at_moments(folder: Path, times: int) -> Count:
    """R1: `kill -9` of the training process at random moments."""
    count = Count("R1", "kill -9 of training at random moments: the same weights and scores in the end")
    with victim(folder) as killed:
        moments, lasted, resumed = random.Random(1), killed.alone["seconds"], 0

        def act() -> bool:
            nonlocal resumed
            moment = moments.uniform(0.02, 0.95) * lasted
            death = killed.kill({"seconds": moment, "save_after": 0.0})
            if not death.fired:  # it was quicker this time, and had ended
                death = killed.kill({"seconds": moment / 2, "save_after": 0.0})
            assert not death.wrong, death.wrong
            resumed += death.resumed_from > 0
            return death.fired

        for _number in range(times):
            count.trial(act)
        count.figures["resumed from a checkpoint"] = resumed
    return count


def at_calls(folder: Path, each: int) -> Count:
    """R2: `kill -9` at each call of training that touches the disk."""
    count = Count("R2", "kill -9 at each call that touches the disk: likewise")
    with victim(folder) as killed:
        calls = killed.alone["calls"]

        def act(at: int) -> bool:
            death = killed.kill({"at": at})
            assert not death.wrong, f"call {at} ({calls[at - 1]}): {death.wrong}"
            return death.fired

        for at in range(1, len(calls) + 1, each):
            count.trial(lambda at=at: act(at))  # type: ignore[misc]
        count.figures["calls"] = len(calls)
    return count


def damaged(folder: Path) -> Count:
    """R3: each file of the newest checkpoint is damaged in three ways; the run falls back and ends the same."""
    count = Count("R3", "each file of the newest checkpoint damaged three ways: passed over, the same weights")
    with victim(folder) as killed:
        half = {"at": len(killed.alone["calls"]) * 2 // 3}
        killed.clear()
        killed.kill_only(half)
        names = sorted(path.name for path in _newest(killed.job).iterdir())
        for name in names:
            for what, damage in DAMAGES.items():

                def act(name: str = name, what: str = what, damage: Callable[[Path], Any] = damage) -> bool:
                    killed.clear()
                    killed.kill_only(half)
                    newest = _newest(killed.job)
                    step = int(newest.name.removeprefix("step-"))
                    damage(newest / name)
                    told = killed.resume()
                    assert told["resumed_from"] < step, f"{name} {what}: resumed from it"
                    for key in ("weights_sha256", "metrics", "best_step"):
                        assert told["finished"][key] == killed.alone["finished"][key], f"{name} {what}: other {key}"
                    return True

                count.trial(act)
        count.figures["files"] = len(names)
    return count


def moved(folder: Path) -> Count:
    """R10: a run goes on where something that its weights depend on is another; nothing of it stays unsaid."""
    count = Count(
        "R10", "resume under another environment: said in words; under the same: not a word, the same weights"
    )
    with victim(folder) as killed:
        half = {"at": len(killed.alone["calls"]) * 2 // 3}
        others: dict[str, Any] = {
            "torch": "1.0", "transformers": "4.0", "device": "NVIDIA Other", "threads": 7, "products": "other", "devices": 2,
        }  # fmt: skip

        def act(key: str) -> bool:
            killed.clear()
            killed.kill_only(half)
            before = _rewrite(killed.job, key, others[key]) if key else None
            told = killed.resume()
            said = [each["message"] for each in told["warnings"] if each["code"] == "resume.environment_changed"]
            if not key:
                assert not said, f"warned without reason: {said}"
                assert told["finished"]["weights_sha256"] == killed.alone["finished"]["weights_sha256"]
                return bool(told["resumed_from"] > 0)
            assert told["resumed_from"] > 0 and len(said) == 1, f"{key}: silently"
            assert key in said[0] and str(others[key]) in said[0], f"{key}: {said[0]}"
            return before != others[key]

        for key in ("", *others):
            count.trial(lambda key=key: act(key))  # type: ignore[misc]
    return count


def repeated(folder: Path, times: int) -> Count:
    """R11: the same spec on the same data in fresh processes gives the same bytes, for each task."""
    count = Count("R11", "the same run in fresh processes, each task: the same weights")
    for task in sorted(TASKS):
        source = folder / f"{task}.tsv"
        source.parent.mkdir(exist_ok=True)
        source.write_text("".join("\t".join(line) + "\n" for line in DATA[task]()), encoding="utf-8")
        options = ImportOptions(task=task, split=SplitOptions(train=0.5, validation=0.25, test=0.25))
        import_file(source, folder / task, options)
        base = base_model_for(task, folder / "bases")
        known: set[str] = set()
        for number in range(times):

            def act(task: str = task, base: Path = base, number: int = number) -> bool:
                sha256 = _trained(folder / f"{task}-{number}", task, folder / task, base)
                known.add(sha256)  # noqa: B023  # only called in this turn of the loop
                assert len(known) == 1, f"{task}: {len(known)} different weights"  # noqa: B023
                return True

            count.trial(act)
    count.figures["tasks"] = len(TASKS)
    return count


def _trained(folder: Path, task: str, dataset: Path, base: Path) -> str:
    params = TrainParams(epochs=2, batch_size=8, max_length=48, early_stopping=0, threads=1)
    spec = TrainSpec(task=task, base_model="tiny", params=params)
    job = Job(spec=spec, dataset=dataset, base_model=base, work=folder / "work", out=folder / "out")
    job.work.mkdir(parents=True)
    job.out.mkdir()
    job.write(folder / "job.json")
    command = [sys.executable, "-m", "nlpstudio.engine", "run", str(folder / "job.json")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-300:]
    last = json.loads(done.stdout.splitlines()[-1])
    assert last["kind"] == "finished", last
    return str(last["weights_sha256"])


def _newest(job: Job) -> Path:
    return max((job.work / CHECKPOINTS).glob("step-*"))


def _rewrite(job: Job, key: str, value: Any) -> Any:
    """Have all checkpoints say that they were made under another `key`; what they said before."""
    before = None
    for folder in (job.work / CHECKPOINTS).glob("step-*"):
        state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        before, state["environment"][key] = state["environment"][key], value
        (folder / "state.json").write_text(json.dumps(state), encoding="utf-8")
        facts = manifest.read(folder)
        del facts["files"]
        manifest.write(folder, facts)
    return before


def _flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
