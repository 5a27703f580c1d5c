"""How much main memory this process may still take: what the machine, its container and its limits leave."""

from __future__ import annotations

import resource
from pathlib import Path

import psutil

CGROUP = Path("/sys/fs/cgroup")


def free_bytes() -> int:
    """The least of the machine's available memory, the control group's (version 2) and the address space's."""
    return max(0, min([_machine(), *control_group(CGROUP), *_address_space()]))


def _machine() -> int:
    return int(psutil.virtual_memory().available)


def control_group(folder: Path) -> list[int]:
    """Empty without a limit. File pages that can be dropped are not counted as used."""
    try:
        limit = int((folder / "memory.max").read_text(encoding="ascii"))
        used = int((folder / "memory.current").read_text(encoding="ascii"))
        facts = dict(line.split() for line in (folder / "memory.stat").read_text(encoding="ascii").splitlines())
    except (OSError, ValueError):  # no such file, or "max"
        return []
    return [limit - used + int(facts["inactive_file"])]


def _address_space() -> list[int]:
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return [] if limit == resource.RLIM_INFINITY else [limit - int(psutil.Process().memory_info().vms)]
