"""What the io worker does for the registry: bring a base model to this machine."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from nlpstudio.engine import shelf
from nlpstudio.engine.errors import EngineError
from nlpstudio.registry.models import BaseModelFetch, JobState


def fetch(model_id: str) -> None:
    """Fetch and convert in a child process of the shelf's, writing down each step. Twice is once.

    An error that a person can act on ends in the row; any other is a bug and is raised after it was written down.
    """
    _note(model_id, state=JobState.RUNNING, step="")
    try:
        shelf.fetch(model_id, lambda words: _note(model_id, step=words[:300]))
    except EngineError as error:
        _note(model_id, state=JobState.FAILED, error_message=error.message, error_hint=error.hint)
    except Exception as error:
        _note(model_id, state=JobState.FAILED, error_message=f"{type(error).__name__}: {error}")
        raise
    else:
        _note(model_id, state=JobState.FINISHED, step="")


def _note(model_id: str, **fields: Any) -> None:
    BaseModelFetch.objects.filter(pk=model_id).update(changed_at=timezone.now(), **fields)
