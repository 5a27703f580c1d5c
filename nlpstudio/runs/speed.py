"""How fast a train worker's device multiplies matrices: measured once when the worker has settled, told with its heartbeat."""

from __future__ import annotations

import json
import logging
import subprocess
import threading

from nlpstudio.core.engine_process import ENGINE, kept
from nlpstudio.core.models import Worker
from nlpstudio.core.workers import Heart
from nlpstudio.engine.environment import child_environment

SETTLED_SECONDS = 15.0
"""After the start of a worker, which has better things to do with its processor."""
LONGEST_SECONDS = 300
FACT = "operations_per_s"

log = logging.getLogger(__name__)


def of_the_workers() -> float | None:
    """Operations a second of the fastest train worker that is alive; None while none has told."""
    facts = Worker.objects.alive().serving("train").values_list("facts", flat=True)
    return max((float(each[FACT]) for each in facts if each.get(FACT)), default=None)


class Speedometer(threading.Timer):
    """Measures in a process of its own, which loads torch and ends, and lets `heart` tell."""

    def __init__(self, heart: Heart, *, after: float = SETTLED_SECONDS) -> None:
        super().__init__(after, self._measure)
        self.daemon = True
        self._heart = heart

    def _measure(self) -> None:
        command = [*ENGINE, "speed", "--die-with-parent"]
        try:
            done = subprocess.run(
                command, env=kept() | child_environment(), capture_output=True, check=True, timeout=LONGEST_SECONDS
            )
            self._heart.tell(**{FACT: json.loads(done.stdout)[FACT]})
        except (OSError, subprocess.SubprocessError, ValueError, KeyError):
            log.warning("The speed of this machine could not be measured; the form's times are rough.", exc_info=True)
