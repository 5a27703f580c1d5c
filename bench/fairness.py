"""How the workers are shared when one team queues everything at once: `python -m bench.fairness`.

Two trials with the worker's own claim, lease, supervision and end, and a real (very small) training process for each
run. First team A queues many runs and only then team B one: after how many ends of A's runs does B's start? Then four
teams queue fifteen runs each, one team after the other, and one worker takes them: Jain's index over what each team has
had when half of all are done, when everybody still waits, must be near one.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.faults import ground


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.fairness", description=__doc__)
    parser.add_argument("--many", type=int, default=100, help="runs of team A")
    parser.add_argument("--teams", type=int, default=4)
    parser.add_argument("--each", type=int, default=15, help="runs of each team in the second trial")
    args = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="fairness-") as folder:
        ground.begin(Path(folder))
        figures = {"late_team": _late_team(args.many), "shares": _shares(args.teams, args.each)}
        ground.examine()
    print(json.dumps(figures, indent=1), flush=True)
    fair = figures["late_team"]["ended_before_b"] <= 1 and figures["shares"]["jain_at_half"] >= 0.95
    return int(not fair)


def _late_team(many: int) -> dict[str, Any]:
    """One worker is busy with A's first run when B comes."""
    a, b = _team("A"), _team("B")
    for _number in range(many):
        a.run()
    first = _claim()
    theirs = b.run()
    _finish(first)
    ended = 1
    while (run := _claim()).pk != theirs.pk:
        _finish(run)
        ended += 1
    _finish(run)
    _clear()
    return {"queued_by_a": many, "ended_before_b": ended}


def _shares(count: int, each: int) -> dict[str, Any]:
    """Turns and seconds of each team when half of the runs are over, and the order in which they went."""
    from nlpstudio.runs.fairness import jain

    teams = {
        team.project.team_id: name
        for name in "CDEFGHIJ"[:count]
        for team in [_team(name)]
        for _ in [_queue(team, each)]
    }
    half = count * each // 2
    order: list[str] = []
    seconds: Counter[str] = Counter()
    shares: list[float] = []
    for number in range(count * each):
        run = _claim()
        _finish(run)
        name = teams[run.project.team_id]
        order.append(name)
        turn = run.turns.get()
        assert turn.ended_at is not None
        seconds[name] += (turn.ended_at - turn.started_at).total_seconds()  # type: ignore[assignment]  # a Counter of seconds
        if number + 1 == half:
            shares = [seconds[each_name] for each_name in teams.values()]
    runs_at_half = Counter(order[:half])
    return {
        "runs": count * each,
        "teams": count,
        "jain_at_half": round(jain(shares), 4),
        "jain_of_runs_at_half": round(jain(runs_at_half[name] for name in teams.values()), 4),
        "order": "".join(order),
    }


def _team(name: str) -> Any:
    from bench.faults.inside import Inside

    return Inside(times=1, name=name)


def _queue(team: Any, count: int) -> None:
    for _number in range(count):
        team.run()


def _claim() -> Any:
    from nlpstudio.runs import leases

    run = leases.claim("the worker")
    assert run is not None, "nothing was claimed"
    return run


def _finish(run: Any) -> None:
    from nlpstudio.runs import execution
    from tests.runs.conftest import trainer

    execution.drive(run, start=trainer("well"))
    run.refresh_from_db()
    assert run.state == "finished", run.error_message


def _clear() -> None:
    """The rest of A's runs is cancelled, and forgiven."""
    from nlpstudio.runs import services
    from nlpstudio.runs.models import Run, Turn

    for run in Run.objects.waiting().select_related("created_by"):
        assert run.created_by is not None
        services.cancel(run=run, by=run.created_by)
    Turn.objects.all().delete()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
