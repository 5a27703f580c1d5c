"""Why a training process ended without a model, in words."""

from __future__ import annotations

import errno
import signal
from pathlib import PurePath

from django.utils.translation import gettext as _

from nlpstudio.engine.errors import DiskFull
from nlpstudio.engine.events import Failed
from nlpstudio.runs.supervision import Ending, Reason

TOO_MANY = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE})


def failure_of(ending: Ending, said: Failed | None) -> Failed | None:
    """Why the process ended badly, or None when it says that all went well."""
    if ending.reason is Reason.HUNG:
        return Failed(
            code="run.hung",
            message=_("Nothing was heard of the training process for %(seconds)d seconds, so it was ended.")
            % {"seconds": ending.seconds},
            hint=_("Resume the run: it continues from its last checkpoint. If it hangs again, look at its log."),
        )
    if ending.reason is Reason.UNSTOPPABLE:
        return Failed(
            code="run.not_stopping",
            message=_("The training process did not stop within %(seconds)d seconds, so it was ended.")
            % {"seconds": ending.seconds},
            hint=_("Resume the run: it continues from its last checkpoint."),
        )
    if said is not None:
        return said
    return _crash(ending.exit_code) if ending.exit_code else None


def _crash(exit_code: int) -> Failed:
    if exit_code == -signal.SIGKILL:
        return Failed(
            code="engine.out_of_memory",
            message=_(
                "The training process was killed from outside, most often because the machine ran out of memory."
            ),
            hint=_("Choose a smaller batch size, a shorter maximum length or a smaller base model, then start again."),
        )
    if exit_code < 0:
        name = signal.Signals(-exit_code).name if -exit_code in set(signal.Signals) else str(-exit_code)
        return Failed(
            code="run.crashed",
            message=_("The training process crashed (%(signal)s).") % {"signal": name},
            hint=_("Resume the run once; if it crashes again, the end of its log says where."),
        )
    return Failed(
        code="run.crashed",
        message=_("The training process ended with exit code %(code)d without saying why.") % {"code": exit_code},
        hint=_("The end of the log says more."),
    )


def trouble(error: OSError) -> Failed:
    """What the machine refused its worker: a process, a thread, an open file, memory, a file that is gone, or the writing of one."""
    why = error.strerror or str(error)
    if error.errno in TOO_MANY:
        return Failed(
            code="run.no_process",
            message=_("The worker could not start what the run needs: %(why)s.") % {"why": why},
            hint=_("Raise the worker's limits on processes, open files or memory, then resume the run."),
        )
    if isinstance(error, FileNotFoundError):
        return Failed(
            code="run.file_gone",
            message=_("A file that the run needs is not there: %(name)s")
            % {"name": PurePath(error.filename or "?").name},
            hint=_("If its base model or its data was moved, put it back, then resume the run."),
        )
    return Failed(
        code=DiskFull.code,
        message=_("A file of the run could not be written: %(why)s") % {"why": why},
        hint=_("Free some space or mend the folder of the studio, then resume the run."),
    )


def no_artifact() -> Failed:
    return Failed(
        code="run.no_artifact",
        message=_("The training process ended without leaving a whole model."),
        hint=_("The end of the log says more. Resume the run to try again."),
    )


def nothing_to_keep() -> Failed:
    """Stopped before the first step: a stopped run without a model."""
    return Failed(
        code="run.nothing_to_keep",
        message=_("The run was stopped before anything was trained, so there is no model to keep."),
        hint=_("Resume the run to train it."),
    )
