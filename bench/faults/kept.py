"""The last count of each fault, kept with where it was made, and the table of them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import machine

if TYPE_CHECKING:
    from bench.faults.ground import Count

HERE = Path(__file__).resolve().parent
PATH = HERE.parent / "results" / "faults.json"


def keep(counts: Iterable[Count], seconds: dict[str, float]) -> None:
    """Put them in the place of the last ones of the same names."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=HERE, capture_output=True, text=True).stdout
    facts = machine.describe()
    here = {"commit": commit.strip(), "date": facts["date"], "processor": facts["processor"], "load": facts["load"]}
    known = _kept()
    for count in counts:
        values = {key: getattr(count, key) for key in ("what", "tried", "fired", "held", "wrong", "figures")}
        known[count.name] = {**values, "seconds": round(seconds[count.name]), **here}
    PATH.write_text(json.dumps(known, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")


def table() -> str:
    """In Markdown, a row for each fault."""
    lines = ["| | fault | tried | fired | held | fails at most (95 %) | figures | s | commit |", "|" + "---|" * 9]
    for name, row in sorted(_kept().items(), key=_order):
        is_sound = row["tried"] == row["fired"] == row["held"]
        bound = f"{min(1.0, 3 / row['held']):.1%}" if is_sound and row["held"] >= 10 else "–"
        figures = ", ".join(f"{key}: {value}" for key, value in row["figures"].items()).replace("|", "/")
        counts = " | ".join(str(row[key]) for key in ("tried", "fired", "held"))
        lines.append(
            f"| {name} | {row['what']} | {counts} | {bound} | {figures} | {row['seconds']} | {row['commit']} |"
        )
    return "\n".join(lines)


def _order(named: tuple[str, Any]) -> tuple[str, int, str]:
    """R2 before R10."""
    name = named[0]
    return name[0], int("".join(sign for sign in name if sign.isdigit())), name


def sections() -> list[str]:
    """For the report; nothing when no fault was counted yet."""
    if not (known := _kept()):
        return []
    newest = max(known.values(), key=lambda row: str(row["date"]))
    made = f"By `python -m bench.faults --keep`, last on {newest['date'][:16]} UTC, {newest['processor']}, load {newest['load']}.\n"
    return ["## Faults\n", table() + "\n", made]


def _kept() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8")) if PATH.exists() else {}
    return found
