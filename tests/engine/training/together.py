"""One process of several: does the job given and prints its losses and its weights' hash, step by step."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from nlpstudio.engine.events import Evaluated, Finished, Step
from nlpstudio.engine.job import Job
from nlpstudio.engine.training import group, session


def main(path: str) -> None:
    losses, scores, sha256 = [], [], ""
    for event in session.run(Job.read(Path(path)), event_interval=0.0):
        if isinstance(event, Step):
            losses.append(event.loss)
        elif isinstance(event, Evaluated):
            scores.append(event.metrics["loss"])
        elif isinstance(event, Finished):
            sha256 = event.weights_sha256
    if group.rank() == 0:
        sys.stdout.write(json.dumps({"losses": losses, "scores": scores, "sha256": sha256}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
