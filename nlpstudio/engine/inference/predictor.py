"""A finished model that answers requests in Hugging Face's shapes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from nlpstudio.engine import encoders, manifest
from nlpstudio.engine.data.rows import Row
from nlpstudio.engine.errors import DamagedArtifact
from nlpstudio.engine.hardware import Hardware
from nlpstudio.engine.shapes import Parameters, Prediction
from nlpstudio.engine.spec import TrainParams
from nlpstudio.engine.tasks import TASKS, building
from nlpstudio.engine.tasks.base import AnyTask, Report, Setup
from nlpstudio.engine.training import evaluate


class Predictor:
    """A model in memory. Not safe for several threads at once: its server calls it from one."""

    def __init__(
        self,
        *,
        task: AnyTask,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        setup: Setup,
        hardware: Hardware,
    ) -> None:
        self.task = task
        self.setup = setup
        self._model = model.eval()
        self._tokenizer = tokenizer
        self._encoder = encoders.choose(model)
        self._hardware = hardware

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Predictor:
        """Load a model folder as the engine writes it, or any that plain transformers loads for a known task.

        Sets torch's thread count for this process. Raises `BaseModelRefused` or `DamagedArtifact`.
        """
        torch.set_num_threads(threads)
        facts = manifest.read(folder) if (folder / manifest.NAME).is_file() else {}
        config = building.read_config(folder)
        task = _task_of(facts, config)
        tokenizer = building.load_tokenizer(folder)
        setup = Setup(
            labels=tuple(config.id2label[index] for index in sorted(config.id2label)),
            max_length=facts.get("max_length") or building.longest_input(folder, tokenizer),
            multilabel=getattr(config, "problem_type", None) == "multi_label_classification",
            params=TrainParams.from_json(facts.get("spec", {}).get("params", {})),
            decision=getattr(config, "decision", None) or {},
        )
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        model = building.load(task, folder)
        model.to(device)  # type: ignore[arg-type]  # transformers wraps the method's signature away
        hardware = Hardware(device=device, precision="fp32", threads=threads)
        return cls(task=task, model=model, tokenizer=tokenizer, setup=setup, hardware=hardware)

    def predict(self, inputs: Any, parameters: Parameters | None = None) -> Prediction:
        """Answer `inputs` as Hugging Face inference does. Raises `UnsuitableInput`."""
        rows, given = self.task.parse(inputs), parameters or {}
        setup = self.task.adapt(self.setup, given)
        answer: Prediction = self.task.respond(inputs, rows, self._judge(rows, setup), given, setup)
        return answer

    def evaluate(self, rows: Sequence[Row]) -> tuple[Report, list[dict[str, Any]]]:
        """The scores of labelled rows and the record of each. Raises `UnusableData` for a label it does not know."""
        predictions = self._judge(rows, self.setup)
        return self.task.score(rows, predictions, self.setup), self.task.records(rows, predictions, self.setup)

    def _judge(self, rows: Sequence[Row], setup: Setup) -> list[Any]:
        encoded = self.task.encode(rows, self._tokenizer, setup)
        split = evaluate.Split(name="given", rows=rows, examples=encoded.examples)
        return evaluate.predict(self.task, self._encoder, self._model, split, setup, self._hardware)


def _task_of(facts: Any, config: Any) -> AnyTask:
    if facts.get("task") in TASKS:
        return TASKS[facts["task"]]
    for task in TASKS.values():
        ending = task.model_class.__name__.removeprefix("AutoModel")
        if any(name.endswith(ending) for name in getattr(config, "architectures", None) or ()):
            return task
    raise DamagedArtifact(
        f"no task is known for a model of {config.architectures}", hint=f"Known tasks: {', '.join(TASKS)}."
    )
