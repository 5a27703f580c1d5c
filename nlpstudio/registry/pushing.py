"""Uploading a version to the Hub with a token that is given for this one time.

The token must not wait in a queue or a database: the web process hands it to a process of the engine through a
pipe and watches it from a thread. When the web process ends, so does the upload, and it has to be asked for again.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import threading
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from nlpstudio.accounts import audit
from nlpstudio.accounts.models import User
from nlpstudio.core.engine_process import ENGINE, kept
from nlpstudio.core.errors import StudioError
from nlpstudio.engine.environment import child_environment
from nlpstudio.registry.models import HubPush, JobState, ModelVersion

logger = logging.getLogger(__name__)

PASSED_ON = ("HF_ENDPOINT", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")


class PushUnderWay(StudioError):
    """One upload of a version at a time."""

    code = "push.under_way"


def push(*, version: ModelVersion, repo: str, private: bool, token: str, by: User) -> HubPush:
    """Begin to upload; the row says how it goes. Raises `PushUnderWay`."""
    with transaction.atomic():
        ModelVersion.objects.select_for_update().get(pk=version.pk)
        if any(each.is_under_way for each in version.pushes.all()[:1]):
            raise PushUnderWay(_("This version is being uploaded already."), hint=_("Wait until that is done."))
        row = HubPush.objects.create(version=version, repo=repo, private=private, asked_by=by)
        audit.record(by, "model.pushed", version, project_id=version.model.project_id, repo=repo, private=private)
        transaction.on_commit(lambda: _watcher(row, token).start())
    return row


def _watcher(row: HubPush, token: str) -> threading.Thread:
    return threading.Thread(target=watch, args=(row, token), name=f"push {row.pk}", daemon=True)


def watch(row: HubPush, token: str) -> None:
    """Run the engine's process to its end and write down what it says."""
    try:
        _conclude(row, *_run(row, token))
    except Exception as error:
        logger.exception("the upload of %s failed", row.version_id)
        _note(row, state=JobState.FAILED, error_message=f"{type(error).__name__}: {error}")
    finally:
        connection.close()


def _run(row: HubPush, token: str) -> tuple[int, dict[str, Any]]:
    command = [*ENGINE, "push", "--model", str(row.version.artifact), "--repo", row.repo, "--die-with-parent"]
    if row.private:
        command.append("--private")
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    environment = kept() | child_environment(1) | passed | {"HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"}
    last: dict[str, Any] = {}
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        text=True,
        encoding="utf-8",
        start_new_session=True,
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(f"{token}\n")
        process.stdin.close()
        for line in process.stdout:
            last = json.loads(line)
            if "step" in last:
                _note(row, step=last["step"])
    return process.returncode, last


def _conclude(row: HubPush, code: int, last: dict[str, Any]) -> None:
    if code == 0 and "url" in last:
        _note(row, state=JobState.FINISHED, step="", url=last["url"], commit=last["commit"])
        return
    error = last.get("error", {"message": f"The upload's process ended with exit code {code}.", "hint": ""})
    _note(row, state=JobState.FAILED, step="", error_message=error["message"], error_hint=error["hint"])


def _note(row: HubPush, **fields: Any) -> None:
    HubPush.objects.filter(pk=row.pk).update(changed_at=timezone.now(), **fields)
