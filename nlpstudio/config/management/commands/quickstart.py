"""`manage.py quickstart`: from a file to a model that predicts, in the terminal."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from nlpstudio.config import quickstart
from nlpstudio.engine import samples
from nlpstudio.engine.catalogue import CATALOGUE
from nlpstudio.engine.errors import EngineError
from nlpstudio.engine.spec import TrainParams, TrainSpec

DEFAULT_SAMPLES = {"classification": "sms-spam", "ner": "wnut17", "qa": "xquad-en"}


class Command(BaseCommand):
    """Import, fine-tune, evaluate, predict. The exit code is 0 only when all of it worked."""

    help = "Do the main job in the terminal: import, fine-tune, evaluate, predict."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--task", choices=sorted(CATALOGUE), default="classification")
        parser.add_argument("--data", type=Path, help="a file of yours (default: a sample data set)")
        parser.add_argument("--base-model", help="an id of the shelf (default: what suits the sample)")

    def handle(self, *args: Any, task: str, data: Path | None, base_model: str | None, **options: Any) -> None:
        if data is not None and not data.is_file():
            raise CommandError(f"There is no file {data}.")
        sample = samples.find(DEFAULT_SAMPLES[task])
        params = TrainParams.from_json({**sample.params, "epochs": 2} if data is None else {"epochs": 2})
        spec = TrainSpec(task=task, base_model=base_model or sample.base_model, params=params)
        folder = settings.STUDIO_HOME / "quickstart" / time.strftime("%Y%m%d-%H%M%S")
        try:
            quickstart.run(quickstart.Plan(spec=spec, data=data or sample.path, folder=folder), self.stdout.write)
        except EngineError as error:
            raise CommandError(f"{error.message} {error.hint}".strip()) from error
