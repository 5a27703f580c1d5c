"""The part of the report on what is trained from random weights: pre-training and translation, each beside transformers."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import machine

WORDS: Mapping[str, str] = {
    "ours": "NLP Studio, precision chosen by its probe",
    "ours-fp32": "NLP Studio, fp32",
    "run_mlm": "transformers' run_mlm",
    "run_mlm-bf16": "the same with bf16",
    "Seq2SeqTrainer": "transformers' Seq2SeqTrainer",
}


def sections(folder: Path) -> list[str]:
    """Markdown of every kept reading; nothing where there is none."""
    parts = []
    for path in sorted(folder.glob("pretraining-*.json")):
        kept = json.loads(path.read_text(encoding="utf-8"))
        setting = kept["setting"]
        words = "{architecture}, {length} tokens, batch {batch_size}, {steps} timed steps".format(**setting)
        parts += [f"## Pre-training (masked words) beside run_mlm: {words}\n", _rates(kept["rounds"])]
        parts.append(f"{kept['text']}, {len(kept['rounds'])} interleaved rounds. {machine.words(kept['machine'])}\n")
    for path in sorted(folder.glob("translation-*.json")):
        kept = json.loads(path.read_text(encoding="utf-8"))
        setting = kept["setting"]
        words = "{architecture}, {epochs} epochs, batch {batch_size}, {test_rows:,} test rows".format(**setting)
        parts += [f"## Translation from scratch, tatoeba en–zh: {words}\n", _scores(kept["rounds"])]
        parts.append(f"{len(kept['rounds'])} interleaved rounds. {machine.words(kept['machine'])}\n")
    return parts


def _rates(rounds: Sequence[Mapping[str, Any]]) -> str:
    lines = ["| contender | tokens/CPU-s | ratio to run_mlm (least–most) |", "| --- | --- | --- |"]
    for who in (name for name in WORDS if name in rounds[0]):
        rate = statistics.median(each[who]["tokens_per_cpu"] for each in rounds)
        ratios = [each[who]["tokens_per_cpu"] / each["run_mlm"]["tokens_per_cpu"] for each in rounds]
        lines.append(f"| {WORDS[who]} ({rounds[0][who]['precision']}) | {rate:,.0f} | {_spread(ratios)} |")
    return "\n".join([*lines, ""])


def _scores(rounds: Sequence[Mapping[str, Any]]) -> str:
    lines = [
        "| contender | steps | sacreBLEU (zh) | chrF | CPU-seconds of training | ratio to Seq2SeqTrainer |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for who in (name for name in WORDS if name in rounds[0]):
        first = rounds[0][who]
        bleu, chrf = (", ".join(f"{each[who][key]:.2f}" for each in rounds) for key in ("bleu", "chrf"))
        seconds = statistics.median(each[who]["cpu_seconds"] for each in rounds)
        ratios = [each["Seq2SeqTrainer"]["cpu_seconds"] / each[who]["cpu_seconds"] for each in rounds]
        name = f"{WORDS[who]} ({first['precision']})"
        lines.append(f"| {name} | {first['steps']:,} | {bleu} | {chrf} | {seconds:,.0f} | {_spread(ratios)} |")
    return "\n".join([*lines, ""])


def _spread(ratios: Sequence[float]) -> str:
    middle = statistics.median(ratios)
    return f"{middle:.2f} ({min(ratios):.2f}–{max(ratios):.2f})" if len(ratios) > 1 else f"{middle:.2f}"
