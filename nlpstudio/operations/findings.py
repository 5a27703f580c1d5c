"""What the doctor says: one finding is one thing that is not as it should be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`check` is the rule that is broken, `subject` what breaks it. A warning does not make the studio unsound."""

    check: str
    subject: str
    message: str
    is_warning: bool = False


Check = Callable[["Tally"], Iterator[Finding]]


@dataclass(slots=True, kw_only=True)
class Tally:
    """How much a check looked at, so that an empty list of findings says something. `deep` reads every byte."""

    deep: bool = True
    looked_at: dict[str, int] = field(default_factory=dict)

    def count(self, what: str, number: int = 1) -> None:
        self.looked_at[what] = self.looked_at.get(what, 0) + number


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All findings, and how many things of each kind were looked at."""

    findings: list[Finding]
    looked_at: dict[str, int]

    @property
    def ok(self) -> bool:
        """Whether every invariant holds; warnings leave it true."""
        return all(finding.is_warning for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        return {
            "ok": self.ok,
            "looked_at": self.looked_at,
            "findings": [asdict(finding) for finding in self.findings],
        }
