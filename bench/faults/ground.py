"""Where the faults happen: an installation of its own in a temporary home, and the count of what came of each."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.tiny import tiny_base_model


@dataclass
class Count:
    """How often one fault was made to happen, how often it did, and how often all was as promised afterwards."""

    name: str
    what: str
    tried: int = 0
    fired: int = 0
    held: int = 0
    wrong: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    def trial(self, act: Callable[[], bool]) -> None:
        """One trial: `act` returns whether its fault fired, and raises `AssertionError` when a promise was broken."""
        self.tried += 1
        try:
            fired = act()
        except AssertionError as error:
            self.fired += 1
            self.wrong.append(str(error)[:300] or "a promise was broken")
            return
        self.fired += fired
        self.held += fired

    @property
    def ok(self) -> bool:
        return self.tried == self.fired == self.held > 0

    def line(self) -> str:
        bound = f", at most {min(1.0, 3 / self.held):.1%} fail (95 %)" if self.ok and self.held >= 10 else ""
        more = "".join(f", {key} {value}" for key, value in self.figures.items())
        words = f"{self.name:<4} {self.what}: {self.tried} tried, {self.fired} fired, {self.held} held{bound}{more}"
        return words + "".join(f"\n     WRONG: {each}" for each in self.wrong[:5])


def begin(folder: Path | None = None) -> Path:
    """Set Django up on a home of its own and bring its database there. Call once, before any of the app is imported."""
    home = folder or Path(tempfile.mkdtemp(prefix="faults-"))
    tiny_base_model(home / "base" / "tiny")
    os.environ |= {
        "STUDIO_HOME": str(home),
        "STUDIO_BASE_MODELS": str(home / "base"),
        "DJANGO_SETTINGS_MODULE": "nlpstudio.config.settings.test",
        "STUDIO_LEASE_SECONDS": "2",
        "STUDIO_HEARTBEAT_SECONDS": "1",
        "STUDIO_HANG_SECONDS": "120",
        "OMP_NUM_THREADS": "1",
        "LOG_LEVEL": "ERROR",
    }
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", interactive=False, verbosity=0)
    return home


def examine() -> None:
    """Every invariant holds. Raises `AssertionError` with the first that does not."""
    from nlpstudio.operations.doctor import examine as look

    broken = [f"{f.check}: {f.subject}: {f.message}" for f in look().findings if not f.is_warning]
    assert not broken, f"doctor: {broken[0]}"
