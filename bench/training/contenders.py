"""The contenders by name: what each is, without the libraries that it needs (its own child process loads them)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nlpstudio.engine.environment import child_environment


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """`kind` is "ours", "trainer" or "tutorial"; `precision` None means what the kind itself chooses."""

    name: str
    words: str
    kind: str
    grouped: bool = False
    precision: str | None = None

    def environment(self, threads: int) -> dict[str, str]:
        """Ours gets what the product starts its training processes with; the peers only as many threads, and patience.

        Waiting OpenMP threads that spin would make every contender slower on a busy machine.
        """
        if self.kind == "ours":
            return child_environment(threads)
        return {"OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE", "HF_HUB_OFFLINE": "1"}


CONTENDERS: Mapping[str, Contender] = {
    contender.name: contender
    for contender in (
        Contender(name="ours", words="NLP Studio, precision chosen by its probe", kind="ours"),
        Contender(name="ours-fp32", words="NLP Studio, fp32", kind="ours", precision="fp32"),
        Contender(name="trainer", words="Trainer + DataCollatorWithPadding", kind="trainer"),
        Contender(name="trainer-grouped", words="the same with group_by_length", kind="trainer", grouped=True),
        Contender(
            name="trainer-grouped-bf16",
            words="the same with group_by_length and bf16",
            kind="trainer",
            grouped=True,
            precision="bf16",
        ),
        Contender(name="tutorial", words="pad all to the longest, Adam, no attention mask", kind="tutorial"),
    )
}
