"""The invariants of an installation, each a check of the doctor's."""

from __future__ import annotations

from collections.abc import Mapping

from nlpstudio.operations.checks import files, machine, people, runs
from nlpstudio.operations.findings import Check

CHECKS: Mapping[str, Check] = {
    "database.sound": machine.database_is_sound,
    "audit.guarded": machine.audit_log_is_guarded,
    "disk.space": machine.disk_has_space,
    "workers.alive": machine.workers_are_alive,
    "processes.owned": machine.processes_are_owned,
    "notices.counted": people.unread_notices_are_counted,
    "runs.held": runs.each_is_held_or_waits,
    "runs.one_model": runs.each_finished_one_has_its_model,
    "runs.events": runs.events_are_gapless,
    "runs.ends": runs.each_end_is_audited_once,
    "runs.turns": runs.turns_are_closed,
    "datasets.counts": files.counts_of_datasets,
    "files.referenced": files.each_folder_is_referenced,
    "datasets.files": files.datasets_are_whole,
    "models.files": files.models_are_whole,
    "batches.files": files.batches_are_whole,
}
"""In the order in which they are made: the cheap ones first."""
