"""Kills a training run at every call on the disk and at random moments: `python -m bench.kills`.

Prints how many deaths there were, how many were followed by the weights of the run that was left alone, and up to
which rate of failure that is proof (three over the count of trials, at 95 %).
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.engine.training.killing import Death, Victim
from tests.engine.training.mortal import Mortal


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.kills", description=__doc__)
    parser.add_argument("--each", type=int, default=1, help="take only every n-th call on the disk")
    parser.add_argument("--moments", type=int, default=20, help="how many random moments besides")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, Mortal() as process:
        victim = Victim(Path(folder), process)
        calls = victim.alone["calls"]
        print(f"calls on the disk: {len(calls)}: {dict(Counter(calls))}", flush=True)
        aimed = {at: victim.kill({"at": at}) for at in range(1, len(calls) + 1, args.each)}
        _report("aimed", aimed)
        moments, lasted = random.Random(args.seed), victim.alone["seconds"]
        delays = [moments.uniform(0.02, 1.0) * lasted for _ in range(args.moments)]
        timed = {delay: victim.kill({"seconds": delay, "save_after": 0.0}) for delay in delays}
        _report("at random moments", timed)
    return int(any(death.wrong for death in [*aimed.values(), *timed.values()]))


def _report(name: str, deaths: dict[int, Death] | dict[float, Death]) -> None:
    fired = [death for death in deaths.values() if death.fired]
    resumed = sum(death.resumed_from > 0 for death in fired)
    wrong = {point: death.wrong for point, death in deaths.items() if death.wrong}
    bound = f", so at most {min(1.0, 3 / len(fired)):.1%} fail (95 %)" if fired and not wrong else ""
    print(
        f"{name}: {len(deaths)} tried, {len(fired)} died, {resumed} of them resumed from a checkpoint, "
        f"{len(deaths) - len(wrong)} ended in the same bytes{bound}",
        flush=True,
    )
    for point, words in wrong.items():
        print(f"  {point}: {words}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
