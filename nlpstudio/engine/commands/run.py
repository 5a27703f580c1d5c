"""`run JOBFILE`: do a training job that lies on disk; `run -` waits, warm, for the file's path on standard input."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from nlpstudio.engine import environment
from nlpstudio.engine.commands import console, ranks
from nlpstudio.engine.job import Job
from nlpstudio.engine.training import group, session, warm


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("job", help="a file as Job.write makes it, or - to read its path from standard input")
    parser.add_argument("--die-with-parent", action="store_true", help="be killed when the parent process dies")
    parser.add_argument("--confined", action="store_true", help="give up the network where the kernel allows it")


def run(arguments: Namespace) -> int:
    if arguments.die_with_parent:
        environment.die_with_parent()
    out = console.own_standard_output()
    console.quiet_libraries()
    stop = console.stop_on_signal()
    if arguments.job == "-":
        warm.warm_up()
    path = sys.stdin.readline().rstrip("\n") if arguments.job == "-" else arguments.job
    if not path or stop():  # nobody needs this warm process any more
        return 0
    job = Job.read(Path(path))
    if job.spec.params.devices > 1 and not group.is_started():
        return ranks.follow(Path(path), job, out, stop)
    return console.follow(session.run(job, stop=stop), out, quiet=group.rank() > 0)
