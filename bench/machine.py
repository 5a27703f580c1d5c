"""What a result was measured on and with: machine, versions, date."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

LIBRARIES = ("torch", "transformers", "tokenizers", "accelerate", "numpy")


def describe() -> dict[str, Any]:
    """Facts of now, as JSON values; `load` is the machine's load average of the last minute."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in LIBRARIES},
        "processor": _processor(),
        "cpus": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "load": round(os.getloadavg()[0], 2),
    }


def words(facts: dict[str, Any]) -> str:
    """One line for the head of a report."""
    libraries = ", ".join(f"{name} {number}" for name, number in facts["versions"].items())
    return (
        f"{facts['date'][:16].replace('T', ' ')} UTC, {facts['processor']}, {facts['cpus']} CPUs, {facts['system']}, "
        f"load {facts['load']}. Python {facts['python']}, {libraries}."
    )


def _processor() -> str:
    """The model, and the wide instructions that decide how fast matrices are."""
    file = Path("/proc/cpuinfo")
    if not file.exists():
        return platform.processor() or "unknown processor"
    lines = [line.split(":", 1) for line in file.read_text(encoding="utf-8").splitlines() if ":" in line]
    facts = {key.strip(): value.strip() for key, value in reversed(lines)}
    wide = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if flag in facts.get("flags", "").split()]
    return f"{facts.get('model name', platform.machine())} ({', '.join(wide)})"
