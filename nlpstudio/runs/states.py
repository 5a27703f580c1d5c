"""The life of a run, in one table."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import models
from django.utils.translation import gettext_lazy as _


class State(models.TextChoices):
    """Where a run stands (architecture 5.3)."""

    QUEUED = "queued", _("Queued")
    PREPARING = "preparing", _("Preparing")
    RUNNING = "running", _("Running")
    STOPPING = "stopping", _("Stopping")
    LOST = "lost", _("Lost")
    FINISHED = "finished", _("Finished")
    STOPPED = "stopped", _("Stopped")
    CANCELLED = "cancelled", _("Cancelled")
    FAILED = "failed", _("Failed")


MOVES: Mapping[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.PREPARING, State.CANCELLED, State.FAILED}),
    State.PREPARING: frozenset({State.RUNNING, State.STOPPING, State.CANCELLED, State.FAILED, State.LOST}),
    State.RUNNING: frozenset({State.FINISHED, State.STOPPING, State.CANCELLED, State.FAILED, State.LOST}),
    State.STOPPING: frozenset({State.STOPPED, State.FINISHED, State.CANCELLED, State.FAILED, State.LOST}),
    State.LOST: frozenset({State.QUEUED, State.CANCELLED, State.FAILED}),
    State.FINISHED: frozenset(),
    State.STOPPED: frozenset({State.QUEUED}),
    State.CANCELLED: frozenset(),
    State.FAILED: frozenset({State.QUEUED}),
}
"""Which move leads where. A stopped or failed run can be resumed, which queues it again."""

FINAL = frozenset({State.FINISHED, State.STOPPED, State.CANCELLED, State.FAILED})
LEASED = frozenset({State.PREPARING, State.RUNNING, State.STOPPING})
"""A worker holds a run in one of these states."""

MAX_ATTEMPTS = 3
