"""How long a run will take, from runs that were like it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from statistics import median
from typing import Any

from nlpstudio.engine.spec import TrainParams
from nlpstudio.runs import suggesting
from nlpstudio.runs.models import Run
from nlpstudio.runs.states import State

LOOKED_AT = 200
"""The newest finished runs that count."""


class Rates:
    """Seconds a step of finished runs, looked up from the most alike to the least."""

    def __init__(self, finished: Iterable[tuple[Any, str, int, float]]) -> None:
        self._seconds: dict[Any, list[float]] = defaultdict(list)
        for project, base_model, steps, seconds in finished:
            for key in ((project, base_model), base_model, ("project", project), None):
                self._seconds[key].append(seconds / steps)

    @classmethod
    def of_late(cls) -> Rates:
        """From the newest finished runs that one worker brought from start to end."""
        done = Run.objects.filter(state=State.FINISHED, attempt=1, step__gt=0, started_at__isnull=False)
        rows = done.order_by("-ended_at").values_list("project_id", "base_model", "step", "started_at", "ended_at")
        return cls(
            (project, base_model, steps, (end - start).total_seconds())
            for project, base_model, steps, start, end in rows[:LOOKED_AT]
            if start and end
        )

    def seconds(self, run: Run) -> float | None:
        """About how long the run takes from start to end; None when nothing like it has run."""
        steps = run.total_steps or expected_steps(run)
        for key in ((run.project_id, run.base_model), run.base_model, ("project", run.project_id), None):
            if self._seconds.get(key):
                return steps * median(self._seconds[key])
        return None

    def left(self, run: Run) -> float | None:
        """About how long a run that a worker holds still takes."""
        if run.eta_s is not None:
            return run.eta_s
        whole = self.seconds(run)
        return None if whole is None else whole * (1 - run.progress)


def expected_steps(run: Run) -> int:
    """Optimizer steps of the whole run unless it stops early."""
    given = run.spec.get("params", {})
    known = {name: given[name] for name in ("epochs", "batch_size") if name in given}
    return max(suggesting.steps(run.dataset_version, TrainParams(**known)), 1)
