"""Driving one claimed run from its first process to its end state."""

from __future__ import annotations

import logging
import shutil
import subprocess
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from nlpstudio.core import logs
from nlpstudio.core.errors import StudioError
from nlpstudio.engine import manifest, pulse, shelf
from nlpstudio.engine.errors import BaseModelMissing, DamagedArtifact, EngineError
from nlpstudio.engine.events import Failed, Finished, Warned
from nlpstudio.engine.job import Job
from nlpstudio.engine.spec import SCRATCH
from nlpstudio.registry import project_shelf
from nlpstudio.registry import services as registry
from nlpstudio.registry.models import ModelVersion
from nlpstudio.runs import leases, leftovers, outcome, wiring
from nlpstudio.runs.child import Child
from nlpstudio.runs.leases import Lease, LeaseLost
from nlpstudio.runs.models import Run
from nlpstudio.runs.recording import Recorder
from nlpstudio.runs.states import State
from nlpstudio.runs.supervision import Ending, Leaving, Reason, Supervision

logger = logging.getLogger(__name__)

Start = Callable[[Job, Path], "subprocess.Popen[bytes]"]
WEIGHTS = "model.safetensors"


def drive(run: Run, *, start: Start, should_leave: Callable[[], bool] = lambda: False) -> None:
    """Bring a claimed run to an end state, back into the queue, or leave it to whoever took it from us.

    Whatever the training process does, this returns; only a bug of ours or a lost database is raised, and
    then the lease ends and the run is taken up again.
    """
    lease = Lease(run_id=run.pk, fence=run.fence)
    try:
        with logs.about_run(run.pk):
            _drive(run, Recorder(run, lease), start, should_leave)
    except Leaving:
        leases.give_back(run, lease)
    except LeaseLost:
        logger.info("run %s was taken from this worker", run.pk)
        _discard_what_was_taken(run)


def _discard_what_was_taken(run: Run) -> None:
    try:
        run.refresh_from_db(fields=["state", "artifact_id"])
    except Run.DoesNotExist:  # purged with its project while we wrote
        shutil.rmtree(run.folder, ignore_errors=True)
    else:
        leftovers.discard(run)


def _drive(run: Run, recorder: Recorder, start: Start, should_leave: Callable[[], bool]) -> None:
    try:
        leftovers.forget_artifact(run)
        for part in leftovers.PARTS:
            (run.folder / part).mkdir(parents=True, exist_ok=True)
        base_model = _base_model(run, recorder, should_leave)
        if base_model is None:
            return
        ending = _train(run, recorder, start, should_leave, base_model)
        _conclude(run, recorder, ending)
    except (EngineError, StudioError) as error:
        hint = error.hint or _("The end of the log may say more. Resume the run to try again.")
        recorder.close(Failed(code=error.code, message=error.message, hint=hint))
    except OSError as error:
        recorder.close(outcome.trouble(error))


def _base_model(run: Run, recorder: Recorder, should_leave: Callable[[], bool]) -> Path | None:
    """The folder of the base model, fetched first when it is not here. None when the run was stopped meanwhile."""
    name = run.train_spec.base_model
    if name == SCRATCH:  # the engine makes its tokenizer there
        return run.folder / "work"
    if project_shelf.is_ours(name):
        with recorder.lease.kept():
            return project_shelf.path_of(name, run.project)
    if not shelf.is_available(name):
        message = _("The base model %(name)s is brought to this machine first.") % {"name": name}
        recorder.tell(Warned(code="base_model.fetching", message=message))
        process = wiring.start_fetching(name, run.folder)
        child = Child(process, run.folder / "log.txt")
        ending = Supervision(child, recorder, should_leave=should_leave, is_trainer=False).watch()
        if recorder.lease.state() is State.STOPPING:
            recorder.close(outcome.nothing_to_keep(), state=State.STOPPED)
            return None
        if ending.exit_code != 0:
            raise _not_fetched(name, ending, run.folder / "log.txt")
    with recorder.lease.kept():
        return shelf.path_of(name)


def _train(run: Run, recorder: Recorder, start: Start, should_leave: Callable[[], bool], base_model: Path) -> Ending:
    job = Job(
        spec=run.train_spec,
        dataset=run.dataset_version.folder,
        base_model=base_model,
        work=run.folder / "work",
        out=run.folder / "out",
        name=run.name,
    )
    child = Child(start(job, run.folder), run.folder / "log.txt")
    return Supervision(child, recorder, should_leave=should_leave, pulse=job.work / pulse.FILE).watch()


def _conclude(run: Run, recorder: Recorder, ending: Ending) -> None:
    """Exit code and verified artifact decide, whatever was said."""
    said = recorder.closing
    failure = outcome.failure_of(ending, said if isinstance(said, Failed) else None)
    if failure is None and (not isinstance(said, Finished) or not (run.folder / "out" / "model").is_dir()):
        failure = outcome.no_artifact()
    if failure is not None:
        if recorder.lease.state() is State.STOPPING and not recorder.is_prepared:
            recorder.close(outcome.nothing_to_keep(), state=State.STOPPED)
        else:
            recorder.close(failure)
        return
    assert isinstance(said, Finished)
    version_id = _version_id(run)
    recorder.lease.write(artifact_id=version_id)
    with recorder.lease.kept():
        facts = registry.take_in(version_id=version_id, folder=run.folder / "out")
    scores = said.metrics
    split = next((name for name in ("test", "validation") if name in scores), "")
    fields: dict[str, Any] = {"metrics": scores[split], "metrics_split": split} if split else {}
    if "validation" in scores:
        fields |= {"best": scores["validation"], "best_split": "validation"}
    if recorder.lease.state() is not State.STOPPING:
        fields["progress"] = 1.0
    recorder.close(
        said,
        also=lambda: {"model_version": _registered(run, version_id, facts)},
        weights_sha256=facts["weights_sha256"],
        environment={**run.environment, **said.environment},
        **fields,
    )
    shutil.rmtree(run.folder / "out", ignore_errors=True)
    leftovers.discard(run)


def _version_id(run: Run) -> UUID:
    """It follows from the run and the weights: twice is once."""
    files = manifest.read(run.folder / "out" / "model")["files"]
    if WEIGHTS not in files:
        raise DamagedArtifact(f"the model has no {WEIGHTS}")
    return uuid.uuid5(run.pk, files[WEIGHTS]["sha256"])


def _registered(run: Run, version_id: UUID, facts: dict[str, Any]) -> ModelVersion:
    return registry.register(
        version_id=version_id,
        facts=facts,
        project=run.project,
        model_name=run.name,
        dataset_version=run.dataset_version,
        spec=run.train_spec,
        by=run.created_by,
    )


def _not_fetched(name: str, ending: Ending, log: Path) -> BaseModelMissing:
    words = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-3:]
    because = _("it took too long") if ending.reason is Reason.HUNG else " ".join(words)
    return BaseModelMissing(
        _("The base model %(name)s could not be brought to this machine: %(why)s") % {"name": name, "why": because},
        hint=_("Choose a base model that is on this machine, or see to its network and resume the run."),
    )
