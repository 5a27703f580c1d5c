"""Cells of readings as Markdown tables."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from bench.training.contenders import CONTENDERS
from bench.training.rounds import Cell

BASE, GROUPED = "trainer", "trainer-grouped"
HEADINGS = (
    "contender",
    "samples/CPU-s",
    "tokens/CPU-s",
    "samples/s",
    "tokens/s",
    "peak MB",
    "computed/real tokens",
    "of the ceiling",
    "metric",
    "ratio to Trainer",
    "ratio to grouped",
)


def markdown(cell: Cell, metric: str) -> str:
    """The title, ceiling and one line a contender."""
    setting = cell.setting
    names = list(cell.rounds[0])
    title = f"### {setting.data}, {setting.model}, {setting.max_length} tokens, batch {setting.batch_size}"
    ceilings = ", ".join(f"{cell.ceiling(name):,.0f} in {name}" for name in ("fp32", "bf16"))
    facts = (
        f"{setting.steps} timed steps, {len(cell.rounds)} interleaved round{'s' if len(cell.rounds) > 1 else ''}. "
        f"Matrix products in the same rounds: {ceilings} (GFLOP/s of a CPU-second)."
    )
    lines = [_line(HEADINGS), _line(["---"] * len(HEADINGS)), *(_line(_values(cell, name, metric)) for name in names)]
    shas = {reading.examples_sha256 for readings in cell.rounds for reading in readings.values()}
    same = (
        "All trained on the same token ids."
        if len(shas) == 1
        else "Token ids differ: each cuts long texts its own way."
    )
    return "\n".join([title, "", f"{facts} {same}", "", *lines, ""])


def _values(cell: Cell, name: str, metric: str) -> list[str]:
    def median(key: str) -> float:
        return cell.median(name, lambda reading: float(reading.summary()[key]))

    precision = cell.rounds[0][name].precision
    share = median("gflops") / cell.ceiling(precision)
    scores = [r[name].metrics[metric] for r in cell.rounds if metric in r[name].metrics]
    return [
        f"{CONTENDERS[name].words} ({precision})",
        f"{median('samples_per_cpu_s'):.1f}",
        f"{median('tokens_per_cpu_s'):,.0f}",
        f"{median('samples_per_s'):.1f}",
        f"{median('tokens_per_s'):,.0f}",
        f"{cell.median(name, lambda reading: reading.peak_rss_mb):,.0f}",
        f"{cell.median(name, lambda reading: reading.computed_tokens / reading.real_tokens):.2f}",
        f"{share:.0%}",
        f"{statistics.mean(scores):.3f}" if scores else "–",
        _ratio(cell, name, BASE),
        _ratio(cell, name, GROUPED),
    ]


def _ratio(cell: Cell, name: str, base: str) -> str:
    if base not in cell.rounds[0] or name == base:
        return "1" if name == base else "–"
    values = cell.ratios(name, base)
    spread = f" ({min(values):.2f}–{max(values):.2f})" if len(values) > 1 else ""
    return f"{statistics.median(values):.2f}{spread}"


def _line(values: Sequence[str]) -> str:
    return "| " + " | ".join(values) + " |"
