"""A real but very small trainer: a process that behaves in the way its first argument names."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

from nlpstudio.engine import manifest
from nlpstudio.engine.events import Evaluated, Event, Failed, Finished, Prepared, Saved, Step
from nlpstudio.engine.job import Job
from nlpstudio.engine.pulse import PULSE

STEPS = 8
stop_asked = False


def write(words: str) -> None:
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


def say(event: Event, at: float | None = None) -> None:
    write(json.dumps({"seq": 1, "at": at or time.time(), **event.to_json()}))


def prepared(resumed_from: int = 0) -> Event:
    rows = {"train": 8, "validation": 2}
    return Prepared(
        rows=rows, tokens=80, steps=STEPS, truncated=0.0, device="cpu", precision="float32", threads=1, path="packed",
        resumed_from=resumed_from,
    )  # fmt: skip


def step(number: int) -> Event:
    return Step(
        step=number, epoch=number / STEPS, loss=1 / number, lr=1e-4, grad_norm=1.0, tokens_per_s=100.0,
        memory_bytes=1 << 20, eta_s=float(STEPS - number),
    )  # fmt: skip


def scores(number: int) -> dict[str, float]:
    return {"accuracy": 0.5 + number / 20, "macro_f1": 0.4 + number / 20, "loss": 1 / number}


def leave_model(job: Job, last: int) -> str:
    for name in ("model", "predictions"):  # one that a lost worker's trainer left may lie there
        shutil.rmtree(job.out / name, ignore_errors=True)
        (job.out / name).mkdir(parents=True)
    folder = job.out / "model"
    (folder / "model.safetensors").write_bytes(f"weights after {last} steps".encode())
    facts = manifest.write(folder, {"labels": ["bad", "good"], "examples": [{"text": "nice film"}]})
    sha256 = facts["files"]["model.safetensors"]["sha256"]
    return str(sha256)


def train(job: Job, *, pause: float = 0.0, model: bool = True) -> None:
    """Eight steps with a checkpoint after each, which is gone on from."""
    mark = job.work / "step"
    done = int(mark.read_text()) if mark.exists() else 0
    say(prepared(done))
    clock = time.time()
    for number in range(done + 1, STEPS + 1):
        say(step(number), clock + number)  # a second apart, so that none is thinned out
        say(Evaluated(step=number, epoch=number / STEPS, split="validation", metrics=scores(number)))
        mark.write_text(str(number))
        say(Saved(step=number, best=True))
        done = number
        time.sleep(pause)
        if stop_asked:
            break
    if model:
        sha256 = leave_model(job, done)
        environment = {"torch": "none", "device": "cpu", "threads": 1}
        metrics = {"validation": scores(done), "test": scores(done)}
        say(Finished(best_step=done, metrics=metrics, artifact="/etc", weights_sha256=sha256, environment=environment))


def main(behaviour: str, job: Job) -> int:
    def note_the_stop(*_: object) -> None:
        global stop_asked
        stop_asked = True

    signal.signal(signal.SIGTERM, signal.SIG_IGN if behaviour == "unstoppable" else note_the_stop)
    if behaviour == "well":
        train(job)
    elif behaviour in ("slow", "unstoppable"):
        train(job, pause=0.5 if behaviour == "slow" else 5)
    elif behaviour == "killed":
        say(prepared())
        os.kill(os.getpid(), signal.SIGKILL)
    elif behaviour == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif behaviour == "memory error":
        say(prepared())
        raise MemoryError
    elif behaviour == "silent exit":
        pass
    elif behaviour == "no model":
        train(job, model=False)
    elif behaviour == "damaged":
        train(job)
        (job.out / "model" / "model.safetensors").write_bytes(b"torn")
    elif behaviour == "garbage":
        os.write(1, os.urandom(300_000) + b'\n{"kind": "step"}\n[[[[\n' + b'{"kind": "finished", "metrics": 3}\n')
    elif behaviour == "chatty":
        write("a library says hello")
        write('{"kind": "step", "step": "x", "epoch": 1, "loss": {}, "lr": 1, "grad_norm": 1, "tokens_per_s": 1, '
              '"memory_bytes": 1, "eta_s": 1}')  # fmt: skip
        train(job)
    elif behaviour == "flood":
        for _ in range(8 * int(os.environ.get("FLOOD_MIB", "100"))):
            os.write(1, b"x" * 65_536)
            os.write(2, b"y" * 65_535 + b"\n")
    elif behaviour == "judging long":
        PULSE.begin(job.work)
        train(job, model=False)
        for _ in range(50):
            time.sleep(0.1)
            PULSE.beat()
        train(job)
    elif behaviour == "hang":
        say(prepared())
        time.sleep(600)
    elif behaviour == "out of memory":
        say(prepared())
        say(Failed(code="engine.out_of_memory", message="The device ran out of memory", hint="A smaller batch."))
        return 1
    elif behaviour == "traceback":
        sys.stderr.write("Traceback: KeyError in line 7\n")
        return 3
    elif behaviour == "liar":
        sha256 = "0" * 64
        say(Finished(best_step=1, metrics={}, artifact=str(job.out / "model"), weights_sha256=sha256))
    else:
        raise ValueError(behaviour)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Job.read(Path(sys.argv[2]))))
