"""Checkpoints from which a run goes on exactly: the same weights, bit for bit, as if it had never stopped.

Safetensors and JSON only. A checkpoint counts when its manifest holds and when the best one that it speaks of does.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from nlpstudio.engine import manifest, seeding
from nlpstudio.engine.encoders.example import Encoder
from nlpstudio.engine.errors import DamagedArtifact
from nlpstudio.engine.training import durable, optim

MODEL, OPTIMIZER, RANDOM, STATE = "model.safetensors", "optimizer.safetensors", "random.safetensors", "state.json"
KEPT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is. `batch` counts the batches done in `epoch` (both from 0).

    `best_value` is larger the better; `waited` counts evaluations since the best; `loss_sum` over `loss_count`
    batches is the training loss of this epoch so far. `tokens_at_once` is the budget of a micro-batch where the memory
    asked for a smaller one (0 = the device's own).
    """

    step: int = 0
    epoch: int = 0
    batch: int = 0
    best_step: int = 0
    best_value: float | None = None
    waited: int = 0
    loss_sum: float = 0.0
    loss_count: int = 0
    tokens_at_once: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A checkpoint that was found whole. `environment` is what its weights are exact under."""

    folder: Path
    progress: Progress
    environment: dict[str, Any]
    python_random: dict[str, Any]
    encoder_random: dict[str, Any]


class Checkpoints:
    """The checkpoints of one run below `root`; those of another `job` (a fingerprint) are never resumed."""

    def __init__(self, root: Path, *, job: str) -> None:
        self.root = root
        self.job = job

    def save(
        self,
        progress: Progress,
        *,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        encoder: Encoder,
        environment: Mapping[str, Any],
    ) -> None:
        """Write a checkpoint and drop all but the newest two and the best. Raises `DiskFull`."""
        state = {
            "job": self.job,
            "progress": asdict(progress),
            "environment": dict(environment),
            "python_random": seeding.python_state(),
            "encoder_random": dict(encoder.random_state()),
        }
        with durable.whole_folder(self._folder(progress.step), {"kind": "checkpoint", "job": self.job}) as draft:
            save_file({name: value.contiguous() for name, value in _own(model).items()}, draft / MODEL)
            save_file(optim.optimizer_state(optimizer, model), draft / OPTIMIZER)
            save_file(seeding.torch_state(), draft / RANDOM)
            (draft / STATE).write_text(json.dumps(state), encoding="utf-8")
        self._prune(progress.best_step)

    def latest(self) -> Checkpoint | None:
        """The newest checkpoint of this job that is whole, with its best; None when there is none."""
        for folder in self._folders():
            found = self._read(folder)
            if found and (found.progress.best_value is None or self._read(self._folder(found.progress.best_step))):
                return found
        return None

    def restore(
        self, checkpoint: Checkpoint, *, model: nn.Module, optimizer: torch.optim.Optimizer, encoder: Encoder
    ) -> None:
        """Set everything that computes back to where `checkpoint` was."""
        _load(model, checkpoint.folder / MODEL)
        optim.set_optimizer_state(optimizer, model, load_file(checkpoint.folder / OPTIMIZER))
        seeding.set_torch_state(load_file(checkpoint.folder / RANDOM))
        seeding.set_python_state(checkpoint.python_random)
        encoder.set_random_state(checkpoint.encoder_random)

    def restore_weights(self, step: int, model: nn.Module) -> None:
        """Give `model` the weights of the checkpoint made at `step`."""
        manifest.verify(self._folder(step))
        _load(model, self._folder(step) / MODEL)

    def _folder(self, step: int) -> Path:
        return self.root / f"step-{step:09d}"

    def _folders(self) -> list[Path]:
        return sorted(self.root.glob("step-*"), reverse=True)

    def _read(self, folder: Path) -> Checkpoint | None:
        try:
            manifest.verify(folder)
        except DamagedArtifact:
            return None
        state = json.loads((folder / STATE).read_text(encoding="utf-8"))
        if state["job"] != self.job:
            return None
        return Checkpoint(
            folder=folder,
            progress=Progress(**state["progress"]),
            environment=state["environment"],
            python_random=state["python_random"],
            encoder_random=state["encoder_random"],
        )

    def _prune(self, best_step: int) -> None:
        keep = {*self._folders()[:KEPT], self._folder(best_step)}
        for folder in self._folders():
            if folder not in keep:
                shutil.rmtree(folder)


def _own(model: nn.Module) -> dict[str, Tensor]:
    """What training changes, a shared weight under its first name: a run that goes on has the rest from its base model."""
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    own: dict[str, Tensor] = {}
    seen: set[tuple[int, torch.Size]] = set()
    for name, value in model.state_dict().items():
        place = (value.data_ptr(), value.shape)
        if name not in frozen and (place not in seen or value.numel() == 0):  # tied weights are one
            seen.add(place)
            own[name] = value
    return own


def _load(model: nn.Module, path: Path) -> None:
    tensors = load_file(path)
    if tensors.keys() != _own(model).keys():
        raise DamagedArtifact(f"{path.parent.name} was not made by a run that trains the same weights")
    model.load_state_dict(tensors, strict=False)
