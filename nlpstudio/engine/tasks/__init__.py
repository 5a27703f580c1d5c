"""The tasks the engine can train, by their names in the catalogue."""

from __future__ import annotations

from collections.abc import Mapping

from nlpstudio.engine.tasks import (
    classification,
    generation,
    pairs,
    pretraining,
    question_answering,
    token_classification,
)
from nlpstudio.engine.tasks.base import AnyTask

TASKS: Mapping[str, AnyTask] = {
    task.name: task
    for task in (
        classification.TASK,
        token_classification.TASK,
        question_answering.TASK,
        pretraining.TASK,
        pairs.TRANSLATION,
        pairs.SUMMARIZATION,
        generation.TASK,
    )
}
