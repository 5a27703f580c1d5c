"""What people and the io worker do with tokenizers: order one, train it in a process of the engine, delete it."""

from __future__ import annotations

import json
import logging
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from nlpstudio.accounts import audit
from nlpstudio.accounts.models import User
from nlpstudio.core import clock
from nlpstudio.core.engine_process import ENGINE, kept
from nlpstudio.core.errors import StudioError
from nlpstudio.core.jobs import delay_on_commit
from nlpstudio.datasets.models import DatasetVersion
from nlpstudio.engine.environment import child_environment
from nlpstudio.engine.tokenizing import TokenizerSpec
from nlpstudio.projects.models import Project
from nlpstudio.registry import project_shelf, tasks
from nlpstudio.registry.models import JobState, Tokenizer, TokenizerQuerySet

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 2
BEAT_SECONDS = 1.0


class Superseded(Exception):
    """The tokenizer was deleted, or another worker has it."""


def order(*, project: Project, dataset_version: DatasetVersion, spec: TokenizerSpec, name: str, by: User) -> Tokenizer:
    """Have a tokenizer trained on a corpus of the project. Raises `StudioError` when the corpus cannot be used."""
    if dataset_version.dataset.project_id != project.pk or dataset_version.dataset.task != "pretraining":
        raise StudioError(_("Choose a corpus of this project."), code="tokenizer.no_corpus", status=400)
    if not dataset_version.is_ready or not dataset_version.splits.get("train"):
        raise StudioError(
            _("The corpus is not ready."),
            hint=_("Wait until its import has ended."),
            code="tokenizer.not_ready",
            status=400,
        )
    with transaction.atomic():
        tokenizer = Tokenizer.objects.create(
            project=project,
            name=name.strip()[:120] or f"{dataset_version.dataset.name} {spec.kind} {spec.vocabulary}"[:120],
            dataset_version=dataset_version,
            spec=spec.to_json(),
            created_by=by,
        )
        audit.record(by, "tokenizer.ordered", tokenizer, project_id=project.pk)
        delay_on_commit(tasks.train_tokenizer, str(tokenizer.pk))
    return tokenizer


@transaction.atomic
def delete(*, tokenizer: Tokenizer, by: User) -> None:
    """Hide the tokenizer. Models that were made with it keep their copy of it."""
    if Tokenizer.objects.filter(pk=tokenizer.pk, deleted_at__isnull=True).update(deleted_at=timezone.now()):
        audit.record(by, "tokenizer.deleted", tokenizer, project_id=tokenizer.project_id)


def to_json(tokenizer: Tokenizer) -> dict[str, Any]:
    """As the API shows it."""
    return {
        "id": str(tokenizer.pk),
        "base_model": f"{project_shelf.TOKENIZER}{tokenizer.pk}",
        "name": tokenizer.name,
        "state": tokenizer.state,
        "dataset_version": str(tokenizer.dataset_version_id),
        "spec": tokenizer.spec,
        "judgements": tokenizer.judgements,
        "error": {"message": tokenizer.error_message, "hint": tokenizer.error_hint}
        if tokenizer.error_message
        else None,
        "created_at": tokenizer.created_at.isoformat(),
    }


def waiting() -> list[UUID]:
    """Those whose message has to be sent again: it was lost, or its worker was."""
    return list(Tokenizer.objects.waiting().values_list("pk", flat=True)[:1])


def execute(tokenizer_id: UUID, *, should_leave: Callable[[], bool] = lambda: False) -> None:
    """Train one tokenizer. Does nothing when it is not waiting: a message may come twice."""
    tokenizer = _claim(tokenizer_id)
    if tokenizer is None:
        return
    if tokenizer.attempt > MAX_ATTEMPTS:
        words = "The worker stopped in the middle of the training, more than once."
        _fail(tokenizer, words, "It may have run out of memory. Try a smaller corpus or vocabulary.")
        return
    try:
        _train(tokenizer, should_leave)
    except Superseded:
        logger.info("the tokenizer %s was taken from this worker", tokenizer.pk)


def _claim(tokenizer_id: UUID) -> Tokenizer | None:
    found = Tokenizer.objects.waiting().filter(pk=tokenizer_id).first()
    if found is None:
        return None
    taken = Tokenizer.objects.waiting().filter(pk=tokenizer_id, fence=found.fence).update(
        state=JobState.RUNNING, fence=F("fence") + 1, attempt=F("attempt") + 1, heartbeat_at=clock.now(), step=""
    )  # fmt: skip
    return Tokenizer.objects.select_related("dataset_version", "project").get(pk=tokenizer_id) if taken else None


def _mine(tokenizer: Tokenizer) -> TokenizerQuerySet:
    """The row, as long as this worker holds it."""
    rows = Tokenizer.objects.filter(pk=tokenizer.pk, fence=tokenizer.fence, state=JobState.RUNNING)
    return rows.filter(deleted_at__isnull=True)


def _write(tokenizer: Tokenizer, **fields: Any) -> None:
    if not _mine(tokenizer).update(heartbeat_at=clock.now(), **fields):
        raise Superseded


def _fail(tokenizer: Tokenizer, message: str, hint: str) -> None:
    _mine(tokenizer).update(state=JobState.FAILED, error_message=message, error_hint=hint, step="")


def _train(tokenizer: Tokenizer, should_leave: Callable[[], bool]) -> None:
    work = tokenizer.folder.parent
    work.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(tokenizer.folder, ignore_errors=True)
    others = {name: str(folder) for name, (_name, folder) in project_shelf.shelf_tokenizers().items()}
    values = {"dataset": str(tokenizer.dataset_version.folder), "spec": tokenizer.spec, "out": str(tokenizer.folder)}
    path = work / "order.json"
    path.write_text(json.dumps({**values, "others": others}, ensure_ascii=False), encoding="utf-8")
    last: dict[str, Any] = {}
    with (work / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            [*ENGINE, "train-tokenizer", str(path), "--die-with-parent"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            env=kept() | child_environment(1),
            cwd=work,
            start_new_session=True,
        )
        try:
            for line in _lines(process):
                if should_leave():
                    _write(tokenizer, state=JobState.QUEUED, attempt=F("attempt") - 1, step="")
                    raise Superseded
                last = json.loads(line) if line else last
                _write(tokenizer, **({"step": last["step"][:300]} if "step" in last else {}))
        finally:
            _end(process)
    if "done" in last:
        _write(tokenizer, state=JobState.FINISHED, judgements=last["done"], step="")
    elif "error" in last:
        _fail(tokenizer, last["error"]["message"], last["error"]["hint"])
    else:
        logger.error("the training of tokenizer %s ended with exit code %s", tokenizer.pk, process.returncode)
        _fail(tokenizer, "The training stopped on an error of ours.", "The log of the io worker has the details.")


def _lines(process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    """What the process says, and an empty line each second while it says nothing."""
    assert process.stdout is not None
    beat = time.monotonic()
    while True:
        ready, _writable, _odd = select.select([process.stdout], [], [], BEAT_SECONDS)
        if ready:
            line = process.stdout.readline()
            if not line:
                process.wait()
                return
            yield line
        elif time.monotonic() - beat >= min(settings.HEARTBEAT_SECONDS, BEAT_SECONDS):
            beat = time.monotonic()
            yield b""


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()
