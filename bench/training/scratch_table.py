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
    for path in sorted(folder.glob("from-zero-*.json")):
        kept = json.loads(path.read_text(encoding="utf-8"))
        words = "{language}, {architecture}".format(**kept, **kept["params"])
        parts += [
            f"## From zero: {words}\n",
            _learnt(kept["pretraining"]),
            _helped(kept),
            machine.words(kept["machine"]) + "\n",
        ]
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


def _learnt(pretraining: Mapping[str, Any]) -> str:
    """The curve of the pre-training run, a line for each evaluation."""
    lines = [
        "| step | seconds | loss | perplexity | masked words right | the commonest word | next sentence right |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for each in pretraining["curve"]:
        shares = (f"{each[key]:.1%}" for key in ("accuracy", "majority_accuracy", "pair_accuracy"))
        cells = (
            f"{each['step']:,}",
            f"{each['seconds']:,.0f}",
            f"{each['loss']:.3f}",
            f"{each['perplexity']:.1f}",
            *shares,
        )
        lines.append(f"| {' | '.join(cells)} |")
    if "foretold" in pretraining:
        spent = f"Pre-trained by clicks in a browser (`bench.by_clicks`); the form foretold {pretraining['foretold']}."
    else:
        spent = f"{pretraining['cpu_seconds']:,.0f} CPU-seconds."
    return "\n".join([*lines, f"\n{spent}\n"])


def _helped(kept: Mapping[str, Any]) -> str:
    """Test accuracy of classifiers from pre-trained and from random weights, in percent."""
    lines = [
        "| classifier | labelled rows | random weights | pre-trained | difference ± s.e. | rates |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, scores in kept["scores"].items():
        random, ours = ([100 * each for each in scores[key]["test"]] for key in ("random", "pretrained"))
        gain = statistics.mean(ours) - statistics.mean(random)
        error = ((statistics.variance(ours) + statistics.variance(random)) / len(ours)) ** 0.5
        means = (f"{statistics.mean(each):.1f} ± {statistics.stdev(each):.1f}" for each in (random, ours))
        rates = f"{scores['random']['rate']:g}, {scores['pretrained']['rate']:g}"
        lines.append(f"| {name} | {kept['rows']:,} | {' | '.join(means)} | {gain:+.1f} ± {error:.1f} | {rates} |")
    return "\n".join([*lines, ""])


def _spread(ratios: Sequence[float]) -> str:
    middle = statistics.median(ratios)
    return f"{middle:.2f} ({min(ratios):.2f}–{max(ratios):.2f})" if len(ratios) > 1 else f"{middle:.2f}"
