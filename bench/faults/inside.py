"""Faults of training processes, workers and messages, with the worker's own code and real processes.

Imported only after `ground.begin`.
"""

from __future__ import annotations

import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import F
from django.utils import timezone

from bench.faults.ground import Count, examine
from nlpstudio.accounts.models import User
from nlpstudio.datasets.models import Dataset, DatasetVersion
from nlpstudio.engine.spec import TrainSpec
from nlpstudio.projects import services as projects
from nlpstudio.projects.models import Project
from nlpstudio.registry.models import ModelVersion
from nlpstudio.runs import execution, leases, services
from nlpstudio.runs.models import Run, RunEvent
from nlpstudio.runs.states import State
from tests.runs.conftest import trainer
from tests.studio import PATIENCE, ROOT, until

WORKER = """
import sys, django
django.setup()
from nlpstudio.runs import execution, leases
from tests.runs.conftest import trainer
run = leases.claim("worker of the bench")
print("claimed" if run else "nothing", flush=True)
if run:
    execution.drive(run, start=trainer(sys.argv[1]))
print("left", flush=True)
"""
ENDED_IN_WORDS = {
    "killed": "engine.out_of_memory",
    "memory error": "run.crashed",
    "segfault": "run.crashed",
    "silent exit": "run.no_artifact",
    "hang": "run.hung",
    "flood": "run.no_artifact",
}


class Inside:
    """A project with data, and the trials on its runs."""

    def __init__(self, *, times: int, name: str = "Faults", seed: int = 0) -> None:
        self.times = times
        self.random = random.Random(seed)
        self.user = User.objects.create_user(f"{name.lower()}@example.org", "correct horse battery")
        self.project: Project = projects.create(name=name, description="", by=self.user)
        data = Dataset.objects.create(project=self.project, name="Data", task="classification", created_by=self.user)
        self.version = DatasetVersion.objects.create(dataset=data, number=1, state="draft", splits={"train": 8})
        self.spec = TrainSpec(task="classification", base_model="tiny")

    def clear(self) -> None:
        """No run of a trial that broke off waits any more."""
        for run in Run.objects.waiting():
            services.cancel(run=run, by=self.user)

    def run(self) -> Run:
        return Run.objects.create(
            project=self.project, name="Run", dataset_version=self.version, base_model="tiny", spec=self.spec.to_json(),
            created_by=self.user, queued_at=timezone.now(),
        )  # fmt: skip

    def drive(self, behaviour: str) -> Run:
        claimed = leases.claim("a worker")
        assert claimed is not None, "nothing was claimed"
        execution.drive(claimed, start=trainer(behaviour))
        claimed.refresh_from_db()
        return claimed

    def r6(self) -> Count:
        """Six bad ends, each followed by the next run."""
        count = Count("R6", "bad ends of a training process, in words, the next run starts")
        waits = []
        for behaviour, code in ENDED_IN_WORDS.items():

            def act(behaviour: str = behaviour, code: str = code) -> bool:
                self.clear()
                run, following = self.run(), self.run()
                settings.HANG_SECONDS = 3 if behaviour == "hang" else 120
                failed = self.drive(behaviour)
                assert failed.pk == run.pk and failed.state == State.FAILED, f"{behaviour}: {failed.state}"
                assert failed.error_code == code and failed.error_message and failed.error_hint, failed.error_code
                ended = time.monotonic()
                done = self.drive("well")
                waits.append(time.monotonic() - ended)
                assert done.pk == following.pk and done.state == State.FINISHED
                examine()
                return True

            count.trial(act)
        count.figures["slowest next run s"] = round(max(waits, default=0), 1)
        return count

    def flood(self, mebibytes: int) -> Count:
        """So much on standard output that a worker that kept it would die of it."""
        count = Count("R6f", f"{mebibytes} MiB on standard output")

        def act() -> bool:
            self.clear()
            self.run()
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            os.environ["FLOOD_MIB"] = str(mebibytes)
            failed = self.drive("flood")
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
            log = failed.folder / "log.txt"
            assert failed.error_code == "run.no_artifact", failed.error_code
            assert log.stat().st_size < 25 << 20, "the log grew without bound"
            assert grown < 64, f"the worker grew by {grown:.0f} MiB"
            count.figures |= {"worker grew MiB": round(grown), "log MiB": round(log.stat().st_size / 2**20, 1)}
            examine()
            return True

        count.trial(act)
        return count

    def r7(self, deliveries: int) -> Count:
        """A message heard many times at once, after the end, and after a cancel."""
        count = Count("R7", f"{deliveries} deliveries of one message at once")

        def act() -> bool:
            self.clear()
            run = self.run()
            taken: list[Run] = []

            def hear() -> None:
                for _number in range(deliveries // 10):
                    if (got := leases.claim("w")) is not None:
                        taken.append(got)
                connection.close()

            threads = [threading.Thread(target=hear) for _ in range(10)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert len(taken) == 1, f"{len(taken)} workers got the run"
            execution.drive(taken[0], start=trainer("well"))
            assert leases.claim("w") is None, "a run that was over was taken"
            cancelled = self.run()
            services.cancel(run=cancelled, by=self.user)
            assert leases.claim("w") is None, "a cancelled run was taken"
            run.refresh_from_db()
            assert (run.state, run.attempt, run.fence) == (State.FINISHED, 1, 1)
            examine()
            return True

        count.trial(act)
        return count

    def r8(self) -> Count:
        """A worker that was stopped for three leases comes back as a zombie."""
        count = Count("R8", "SIGSTOP for three leases, another takes over, SIGCONT")
        for _number in range(self.times):
            count.trial(self._zombie)
        return count

    def _zombie(self) -> bool:
        self.clear()
        run = self.run()
        worker = _worker("slow")
        try:
            until(lambda: Run.objects.get(pk=run.pk).step >= 1, 60, "the first worker trains")
            _stop(worker)
            stopped = _state(worker) == "T"
            time.sleep(3 * settings.LEASE_SECONDS)
            until(lambda: leases.reap(), 30, "the run is taken from it")
            second = leases.claim("the second worker")
            assert second is not None and second.fence == 2
            execution.drive(second, start=trainer("well"))
            before = _picture(run)
            os.kill(worker.pid, signal.SIGCONT)
            worker.wait(60 * PATIENCE)
            assert _picture(run) == before, "the zombie wrote"
            run.refresh_from_db()
            assert run.state == State.FINISHED and ModelVersion.objects.filter(run=run).count() == 1
            examine()
            return stopped
        finally:
            _end(worker)

    def r4(self) -> Count:
        """The worker and all its children are killed; the next goes on from the checkpoint."""
        count = Count("R4", "kill -9 of worker and children")
        waits: list[float] = []
        for _number in range(self.times):
            count.trial(lambda: self._lost(waits))
        count.figures["slowest to run again s"] = round(max(waits, default=0), 1)
        return count

    def _lost(self, waits: list[float]) -> bool:
        self.clear()
        run = self.run()
        worker = _worker("slow")
        try:
            wanted = self.random.randint(1, 4)
            until(lambda: Run.objects.get(pk=run.pk).step >= wanted, 60, "it trains")
            os.killpg(worker.pid, signal.SIGKILL)
            kill_trainers(run)
            killed = time.monotonic()
            worker.wait(10)
            until(lambda: leases.reap(), 60, "the run waits again")
            again = leases.claim("another worker")
            assert again is not None and again.pk == run.pk
            waits.append(time.monotonic() - killed)
            execution.drive(again, start=trainer("well"))
            again.refresh_from_db()
            assert (again.state, again.attempt) == (State.FINISHED, 2), again.state
            prepared = again.events.filter(kind="prepared").last()
            assert prepared is not None and prepared.payload["resumed_from"] >= wanted - 1
            examine()
            return True
        finally:
            _end(worker)

    def r9(self) -> Count:
        """Cancelled at random moments: the process is gone, and its files."""
        count = Count("R9", "cancel at random moments")
        seconds: list[float] = []
        for _number in range(self.times):
            count.trial(lambda: self._cancelled(seconds))
        count.figures["slowest s"] = round(max(seconds, default=0), 2)
        return count

    def _cancelled(self, seconds: list[float]) -> bool:
        self.clear()
        run = self.run()
        started: list[subprocess.Popen[bytes]] = []
        moment = time.monotonic() + self.random.uniform(0.3, 3.0)
        asked: list[float] = []

        def look() -> bool:
            if not asked and time.monotonic() > moment:
                services.cancel(run=Run.objects.get(pk=run.pk), by=self.user)
                asked.append(time.monotonic())
            return False

        claimed = leases.claim("w")
        assert claimed is not None
        execution.drive(claimed, start=trainer("slow", started), should_leave=look)
        if not asked:
            return False
        seconds.append(time.monotonic() - asked[0])
        services.cancel(run=Run.objects.get(pk=run.pk), by=self.user)
        run.refresh_from_db()
        assert run.state == State.CANCELLED and seconds[-1] < 5, f"{run.state} after {seconds[-1]:.1f} s"
        assert started[0].poll() is not None and not (run.folder / "work").exists()
        examine()
        return True

    def b4(self, writers: int, times: int) -> Count:
        """Many processes read, change and write one row of SQLite."""
        count = Count("B4", f"{writers} writers × {times} read-modify-write")

        def act() -> bool:
            run = self.run()
            services.cancel(run=run, by=self.user)
            code = (
                "import sys, django; django.setup()\n"
                "from django.db import transaction\n"
                "from nlpstudio.runs.models import Run\n"
                "for _ in range(int(sys.argv[2])):\n"
                "    with transaction.atomic():\n"
                "        run = Run.objects.select_for_update().get(pk=sys.argv[1])\n"
                "        Run.objects.filter(pk=run.pk).update(total_steps=run.total_steps + 1)\n"
            )
            command = [sys.executable, "-c", code, str(run.pk), str(times)]
            env = {**os.environ, "PYTHONPATH": str(ROOT)}
            found = [subprocess.Popen(command, env=env, stderr=subprocess.PIPE, cwd=ROOT) for _ in range(writers)]
            errors = [process.communicate()[1] for process in found]
            assert not any(errors), errors[0][-300:]
            run.refresh_from_db()
            assert run.total_steps == writers * times, f"{run.total_steps} of {writers * times}"
            Run.objects.filter(pk=run.pk).update(total_steps=F("step"))
            examine()
            return True

        count.trial(act)
        return count


def _worker(behaviour: str) -> subprocess.Popen[bytes]:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", WORKER, behaviour]
    return subprocess.Popen(
        command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT, start_new_session=True
    )


def _state(process: subprocess.Popen[bytes]) -> str:
    """As /proc has it: T is stopped."""
    return Path(f"/proc/{process.pid}/stat").read_text().split()[2]


def _stop(worker: subprocess.Popen[bytes]) -> None:
    """SIGSTOP between two writes: who is stopped in the middle of one keeps SQLite's lock, and everybody waits."""
    database = sqlite3.connect(connection.settings_dict["NAME"], timeout=0.2, isolation_level=None)
    with closing(database):
        while True:
            os.kill(worker.pid, signal.SIGSTOP)
            until(lambda: _state(worker) == "T", 30, "the worker stands still")
            try:
                database.execute("BEGIN IMMEDIATE")
                database.execute("ROLLBACK")
                return
            except sqlite3.OperationalError:
                os.kill(worker.pid, signal.SIGCONT)
                time.sleep(0.05)


def _end(worker: subprocess.Popen[bytes]) -> None:
    if worker.poll() is None:
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()


def kill_trainers(run: Run) -> None:
    """What a container that is killed takes with it."""
    import psutil

    for process in psutil.process_iter():
        try:
            if str(run.folder / "job.json") in process.cmdline():
                process.kill()
        except psutil.Error:
            continue


def _picture(run: Run) -> tuple[Any, ...]:
    """All that a worker could write of a run."""
    row = Run.objects.filter(pk=run.pk).values().get()
    events = list(RunEvent.objects.filter(run=run).values_list("seq", "kind", "payload"))
    files = sorted((str(p), p.stat().st_size) for p in run.folder.rglob("*") if p.is_file() and p.name != "log.txt")
    return row, events, files, ModelVersion.objects.count()
