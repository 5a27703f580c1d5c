"""Kills a run in a given way, resumes it, and says whether it ended as the run that was left alone."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from nlpstudio.engine import manifest
from nlpstudio.engine.data.importing import import_file
from nlpstudio.engine.data.options import ImportOptions
from nlpstudio.engine.job import Job
from nlpstudio.engine.spec import TrainParams, TrainSpec
from nlpstudio.engine.training.session import CHECKPOINTS
from tests.corpora import write_corpus
from tests.engine.training.mortal import Mortal, Order
from tests.tiny import tiny_base_model, tiny_tokenizer, write_sentiment_tsv

PARAMS = {"epochs": 4, "batch_size": 8, "learning_rate": 1e-3, "max_length": 32, "threads": 1, "early_stopping": 0}
FATAL = (signal.SIGKILL, signal.SIGPROF, signal.SIGXFSZ)


@dataclass(frozen=True, kw_only=True)
class Death:
    """How a run died and what became of it. `wrong` is empty when the resumed run ended as the one left alone."""

    fired: bool
    resumed_from: int
    wrong: str


def classifier(folder: Path) -> Job:
    """A fine-tune on forty reviews."""
    source = write_sentiment_tsv(folder / "reviews.tsv", 40)
    import_file(source, folder / "dataset", ImportOptions(task="classification"))
    return _job(folder, "classification", tiny_base_model(folder / "base"))


def language_model(folder: Path) -> Job:
    """A pre-training from random weights on a small corpus: masks made anew in each epoch, pairs, evaluations within one."""
    import_file(write_corpus(folder / "corpus.txt"), folder / "dataset", ImportOptions(task="pretraining"))
    tiny_tokenizer().save_pretrained(folder / "base")
    shape = {"architecture": "custom", "layers": 1, "hidden_size": 32, "heads": 2}
    return _job(folder, "pretraining", folder / "base", **shape, epochs=2, eval_steps=4)


def _job(folder: Path, task: str, base_model: Path, **params: Any) -> Job:
    return Job(
        spec=TrainSpec(task=task, base_model="tiny", params=TrainParams(**{**PARAMS, **params})),
        dataset=folder / "dataset",
        base_model=base_model,
        work=folder / "work",
        out=folder / "out",
    )


class Victim:
    """A tiny run below `folder` that is done again and again."""

    def __init__(self, folder: Path, process: Mortal, make: Callable[[Path], Job] = classifier) -> None:
        self.folder, self.process = folder, process
        self.job = make(folder)
        self.job.write(folder / "job.json")

    @cached_property
    def alone(self) -> dict[str, Any]:
        """What the process tells of a run that nobody killed."""
        self.clear()
        told = self._do()
        assert told["signal"] == 0, told
        return told

    def kill(self, *orders: dict[str, Any]) -> Death:
        """Start afresh, die once for each order, then resume and live."""
        expected = self.alone["finished"]
        self.clear()
        fired = [self._do(**order)["signal"] in FATAL for order in orders]
        told = self._do()
        wrong = [key for key in ("weights_sha256", "metrics", "best_step") if told["finished"][key] != expected[key]]
        return Death(fired=all(fired), resumed_from=told["resumed_from"], wrong=", ".join(wrong) or self._left_over())

    def kill_only(self, order: dict[str, Any]) -> None:
        """Die once, and lie there."""
        assert self._do(**order)["signal"] in FATAL, "it lived"

    def resume(self) -> dict[str, Any]:
        """Go on from what is on disk, and tell of it."""
        return self._do()

    def clear(self) -> None:
        for folder in (self.job.work, self.job.out):
            shutil.rmtree(folder, ignore_errors=True)

    def _do(self, **order: Any) -> dict[str, Any]:
        return self.process.do(Order(job=str(self.folder / "job.json"), **order))

    def _left_over(self) -> str:
        """What a finished run should not have left, or left broken."""
        for name in ("model", "predictions"):
            manifest.verify(self.job.out / name)
        found = {path.name for path in self.job.out.iterdir()} - {"model", "predictions"}
        found |= {path.name for path in (self.job.work / CHECKPOINTS).iterdir() if not path.name.startswith("step-")}
        return " ".join(sorted(found))
