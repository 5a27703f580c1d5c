"""One contender in this process, asked by threads without HTTP between; prints one JSON line a window.

python -m bench.serving.alone CONTENDER MODEL TEXTS CLIENTS SECONDS
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import torch

from bench.serving import clients, texts
from nlpstudio.engine.inference.batcher import Batcher, Request
from nlpstudio.engine.inference.predictor import Predictor

PIPELINE = "pipeline"


def asker(contender: str, model: Path) -> Callable[[str], int]:
    """What one client calls: the pipeline itself, or our queue before an engine."""
    torch.set_num_threads(1)
    if contender == PIPELINE:
        from transformers import pipeline

        answer: Any = pipeline("text-classification", model=str(model), device="cpu", top_k=None)

        def ask(text: str) -> int:
            answer(text)
            return 200

        return ask
    batcher = Batcher("bench", lambda: Predictor.load(model, engine=contender), wrap=lambda answered: [answered])
    batcher.start()

    def submit(text: str) -> int:
        request = Request(inputs=text, parameters={}, deadline=time.monotonic() + 60)
        batcher.submit(request)
        request.answer.result(60)
        return 200

    return submit


def main() -> None:
    contender, model, file, count, seconds = sys.argv[1:]
    me = psutil.Process()
    ask, asked = asker(contender, Path(model)), texts.read(Path(file))
    for text in asked[:8]:
        ask(text)
    seen = clients.run(
        ask,
        asked,
        clients=int(count),
        seconds=float(seconds),
        spent=time.process_time,
        memory=lambda: me.memory_info().rss / 2**20,
    )
    print(json.dumps(seen.to_json()))


if __name__ == "__main__":
    main()
