"""The processes of one machine: started in order, started again when one ends, and all ended together."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

END_SECONDS = 8.0
"""Then they are killed. An import or a fetch may be in the middle of its work: it is taken up again."""
RESTART_PAUSE_SECONDS = 2.0
_PR_SET_PDEATHSIG = 1


def _die_with_parent() -> None:
    """Linux ends the child when the supervisor is killed; elsewhere the child merely outlives it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass
class Managed:
    """One child: how it is started, where it writes what it says, and the process as it runs now.

    It gets the file descriptors in `inherits`: a socket that stays open here is there for the child after it as well.
    """

    name: str
    command: Sequence[str]
    log: Path
    inherits: Sequence[int] = ()
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0

    def start(self, environment: Mapping[str, str]) -> None:
        """Start in a session of its own, so that Ctrl-C reaches only the supervisor, which ends all in order."""
        self.started_at = time.monotonic()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=self.inherits,
                preexec_fn=_die_with_parent,
            )

    @property
    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None


@dataclass
class Supervisor:
    """Keeps its children alive until told to end."""

    environment: Mapping[str, str]
    logs: Path
    say: Callable[[str], None]
    children: list[Managed] = field(default_factory=list)
    _ending: bool = False

    def start(self, name: str, command: Sequence[str], *, inherits: Sequence[int] = ()) -> None:
        self.logs.mkdir(parents=True, exist_ok=True)
        log = self.logs / f"{name.replace(' ', '-')}.log"
        if log.exists():
            log.replace(log.with_suffix(".log.1"))
        child = Managed(name, command, log, inherits)
        self.children.append(child)
        child.start(self.environment)

    def watch(self) -> None:
        """Block until asked to end, starting again what stops by itself."""
        while not self._ending:
            for child in self.children:
                if not child.is_alive and not self._ending:
                    self._restart(child)
            time.sleep(0.3)

    def _restart(self, child: Managed) -> None:
        code = child.process.returncode if child.process else None
        self.say(f"The {child.name} ended (exit code {code}); starting it again. Its messages: {child.log}")
        time.sleep(max(0.0, RESTART_PAUSE_SECONDS - (time.monotonic() - child.started_at)))
        child.start(self.environment)

    def ask_to_end(self) -> None:
        self._ending = True

    def end(self) -> None:
        """Ask every child to end, the last started first, and kill the groups of those that do not in time."""
        self._ending = True
        alive = [child.process for child in reversed(self.children) if child.process and child.is_alive]
        for process in alive:
            process.terminate()
        deadline = time.monotonic() + END_SECONDS
        for process in alive:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _kill_group(process)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()
