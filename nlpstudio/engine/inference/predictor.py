"""A finished model that answers requests in Hugging Face's shapes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from nlpstudio.engine import manifest
from nlpstudio.engine.data.rows import Row
from nlpstudio.engine.encoders.example import Encoder, Example
from nlpstudio.engine.encoders.writing import CausalWriter, Writer
from nlpstudio.engine.errors import DamagedArtifact, UnsuitableInput
from nlpstudio.engine.hardware import Hardware
from nlpstudio.engine.inference import engines, inside, writing
from nlpstudio.engine.inference.onnx import OnnxForward
from nlpstudio.engine.shapes import Parameters, Prediction
from nlpstudio.engine.spec import TrainParams
from nlpstudio.engine.tasks import TASKS, building
from nlpstudio.engine.tasks.base import AnyTask, Report, Setup
from nlpstudio.engine.training import evaluate


class Forward(Protocol):
    """An engine: the logits of each example, in order, [outputs] or [tokens, outputs]."""

    def logits_of(self, examples: Sequence[Example]) -> list[NDArray[np.float32]]: ...


class TorchForward:
    """The model itself, un-padded where its family is known."""

    def __init__(self, model: PreTrainedModel, encoder: Encoder, hardware: Hardware) -> None:
        self.model = model.eval()
        self.encoder = encoder
        self._hardware = hardware

    @classmethod
    def load(cls, task: AnyTask, folder: Path, tokenizer: PreTrainedTokenizerBase, *, threads: int) -> TorchForward:
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        model = building.load(task, folder)
        model.to(device)  # type: ignore[arg-type]  # transformers wraps the method's signature away
        encoder = building.encoder(task, model, tokenizer)
        return cls(model, encoder, Hardware(device=device, precision="fp32", threads=threads))

    def logits_of(self, examples: Sequence[Example]) -> list[NDArray[np.float32]]:
        return evaluate.logits_of(self.encoder, self.model, examples, self._hardware)


class Predictor:
    """A model in memory. Not safe for several threads at once: its server calls it from one."""

    def __init__(
        self,
        *,
        task: AnyTask,
        tokenizer: PreTrainedTokenizerBase,
        setup: Setup,
        forward: Forward,
        padding_id: int = 0,
    ) -> None:
        self.task = task
        self.setup = setup
        self.forward = forward
        self.padding_id = padding_id
        self.tokenizer = tokenizer

    @classmethod
    def load(cls, folder: Path, *, engine: str = engines.TORCH, threads: int = 1) -> Predictor:
        """Load a model folder as the engine writes it, or any that plain transformers loads for a known task.

        `engine` is one of `engines.ENGINES`; an engine that was not exported is torch. Sets torch's thread count for
        this process. Raises `BaseModelRefused` or `DamagedArtifact`.
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
        chosen, padding_id = engines.resolve(folder, engine), getattr(config, "pad_token_id", 0) or 0
        forward: Forward
        if chosen == engines.TORCH:
            forward = TorchForward.load(task, folder, tokenizer, threads=threads)
        else:
            forward = OnnxForward.load(folder, chosen, threads=threads, padding_id=padding_id)
        return cls(task=task, tokenizer=tokenizer, setup=setup, forward=forward, padding_id=padding_id)

    def on(self, forward: Forward) -> Predictor:
        """The same model on another engine."""
        return Predictor(
            task=self.task, tokenizer=self.tokenizer, setup=self.setup, forward=forward, padding_id=self.padding_id
        )

    def predict(self, inputs: Any, parameters: Parameters | None = None) -> Prediction:
        """Answer `inputs` as Hugging Face inference does. Raises `UnsuitableInput`."""
        if (parameters or {}).get("inside"):
            seen: Prediction = self._inside(inputs)
            return seen
        rows, given = self.task.parse(inputs), parameters or {}
        setup = self.task.adapt(self.setup, given)
        writer = self._writer
        predictions = self._judge(rows, setup) if writer is None else evaluate.write(self.task, writer, rows, setup)
        answer: Prediction = self.task.respond(inputs, rows, predictions, given, setup)
        return answer

    def stream(self, inputs: Any, parameters: Parameters | None = None) -> Iterator[dict[str, Any]]:
        """The answer piece by piece (see `inference.writing`); closing the iterator ends the writing."""
        writer = self._writer
        if not isinstance(writer, CausalWriter):
            raise UnsuitableInput("this model's answers are not written word by word")
        return writing.stream(writer, self.setup, inputs, parameters or {})

    def _inside(self, inputs: Any) -> Any:
        """What happens to a text, or to each of a list, on its way through the model: only torch can tell."""
        if not isinstance(self.forward, TorchForward):
            raise UnsuitableInput("only the engine torch shows a model's inside", hint="Ask without another engine.")
        model, tokenizer = self.forward.model, self.tokenizer
        texts = inputs if isinstance(inputs, list) else [inputs]
        seen = [inside.look(model, tokenizer, text) for text in texts]
        return seen if isinstance(inputs, list) else seen[0]

    def close(self) -> None:
        """Nothing to do: the memory goes with the object."""

    def evaluate(self, rows: Sequence[Row]) -> tuple[Report, list[dict[str, Any]]]:
        """The scores of labelled rows and the record of each. Raises `UnusableData` for a label it does not know."""
        predictions = self._judge(rows, self.setup)
        if self._writer is not None:
            predictions = evaluate.with_texts(self.task, self._writer, rows, predictions, self.setup)
        return self.task.score(rows, predictions, self.setup), self.task.records(rows, predictions, self.setup)

    @property
    def _writer(self) -> Writer | None:
        encoder = getattr(self.forward, "encoder", None)
        return encoder if isinstance(encoder, Writer) else None

    def _judge(self, rows: Sequence[Row], setup: Setup) -> list[Any]:
        examples = self.task.encode(rows, self.tokenizer, setup).examples
        return self.task.decode(rows, examples, self.forward.logits_of(examples), setup)


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
