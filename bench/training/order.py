"""The order a child process gets on standard input: a setting, the contender's name, and where things are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from bench.training.setting import Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Paths are absolute."""

    setting: Setting
    contender: str
    data: Path
    threads: int = 1

    def to_json(self) -> dict[str, Any]:
        return {
            "setting": self.setting.to_json(),
            "contender": self.contender,
            "data": str(self.data),
            "threads": self.threads,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        return cls(
            setting=Setting.from_json(values["setting"]),
            contender=values["contender"],
            data=Path(values["data"]),
            threads=values["threads"],
        )
