"""The test of the tests: faults planted one at a time in a copy of the tree; each must make a test fail.

`python -m bench.seeded_faults` copies what git knows of the tree, plants each fault, and runs the test files named beside
it. Only a failing test counts as caught: a run that cannot start does not. Prints the count, and the ones that were missed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.studio import ROOT

FAILED = 1
"""pytest's exit code when tests ran and some failed."""


@dataclass(frozen=True)
class Fault:
    """`old` in `file` becomes `new`; one of the tests should notice."""

    what: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


LEASES, EXECUTION, QUEUE = "tests/runs/test_leases.py", "tests/runs/test_execution.py", "tests/runs/test_queue.py"
BACKUP, DOCTOR, MONITORING = (f"tests/operations/test_{name}.py" for name in ("backup", "doctor", "monitoring"))
SOCKETS, PAGES = "tests/runs/test_sockets.py", "tests/runs/test_pages.py"

FAULTS = (
    Fault("no fence is checked", "nlpstudio/runs/leases.py", "fence=self.fence, state__in", "state__in", (LEASES, EXECUTION)),
    Fault("runs are tried for ever", "nlpstudio/runs/states.py", "MAX_ATTEMPTS = 3", "MAX_ATTEMPTS = 300", (LEASES,)),
    Fault("living leases are reaped", "nlpstudio/runs/models.py", "lease_until__lt=clock.now()", "lease_until__gt=clock.now()", (LEASES,)),
    Fault("any move is allowed", "nlpstudio/runs/models.py", "if new not in MOVES[old]:", "if False:", (LEASES,)),
    Fault("a shutdown costs an attempt", "nlpstudio/runs/leases.py", "attempt=max(run.attempt - 1, 0)", "attempt=run.attempt", (EXECUTION,)),
    Fault("the log grows without bound", "nlpstudio/runs/child.py", "if self._file.tell() > LOG_BYTES:", "if False:", (EXECUTION,)),
    Fault("a cancelled run keeps its files", "nlpstudio/runs/execution.py", "    else:\n        leftovers.discard(run)\n", "    else:\n        pass\n", (EXECUTION,)),
    Fault("the child gets our secrets", "nlpstudio/core/engine_process.py", "for name in KEPT if name in os.environ", "for name in os.environ", (EXECUTION,)),
    Fault("a changed weight passes", "nlpstudio/engine/manifest.py", 'or sha256_of(path) != facts["sha256"]', "", ("tests/registry/test_publish.py", DOCTOR)),
    Fault("a torn checkpoint is resumed", "nlpstudio/engine/training/checkpoint.py", "            manifest.verify(folder)\n", "            manifest.read(folder)\n", ("tests/engine/training/test_checkpoint.py",)),
    Fault("first come, first served", "nlpstudio/runs/fairness.py", "(used + entry.cost_s, oldest, name, group)", "(used, oldest, name, group)", (QUEUE,)),
    Fault("what a run needs is ignored", "nlpstudio/runs/queue.py", "if able.issuperset(needs) and", "if", (QUEUE,)),
    Fault("one run more than the quota", "nlpstudio/runs/queue.py", ">= quota.running_at_once", "> quota.running_at_once", (QUEUE,)),
    Fault("strangers' runs have names", "nlpstudio/runs/showing_queue.py", "is_visible=each.run.project_id in visible", "is_visible=True", (QUEUE,)),
    Fault("everybody is administrator", "nlpstudio/core/policy.py", "if not request.user.is_admin:", "if False:", (QUEUE,)),
    Fault("viewers may press buttons", "nlpstudio/projects/access.py", "if own.rank < wanted.rank:", "if False:", (PAGES,)),
    Fault("any site may open a socket", "nlpstudio/core/sockets.py", "return await super().__call__(scope, receive, send)", "return await inner(scope, receive, send)", (SOCKETS,)),
    Fault("events come twice", "nlpstudio/runs/sharing.py", "if line[0] > seq]", "if line[0] >= seq]", (SOCKETS,)),
    Fault("revoked tokens open", "nlpstudio/accounts/models.py", "expiry, revoked_at__isnull=True, user", "expiry, user", ("tests/accounts/test_tokens.py",)),
    Fault("a sign-in link works twice", "nlpstudio/accounts/services.py", "used_at__isnull=True, expires", "expires", ("tests/accounts/test_signing_in.py",)),
    Fault("an invitation works twice", "nlpstudio/projects/models.py", "accepted_at__isnull=True, revoked", "revoked", ("tests/projects/test_services.py", "tests/projects/test_teams.py")),
    Fault("formulas are exported as they are", "nlpstudio/datasets/exporting.py", "    if safe:\n", "    if False:\n", ("tests/datasets/test_exporting.py",)),
    Fault("uploads have no limit", "nlpstudio/datasets/storing.py", "if size > settings.MAX_UPLOAD_BYTES:", "if False:", ("tests/datasets/test_import.py",)),
    Fault("a damaged backup is restored", "nlpstudio/operations/restore.py", "_sha256(tar, inside[member.name]) != (member.size, member.sha256)", "False", (f"{BACKUP}::test_a_damaged_backup_is_refused", f"{BACKUP}::test_a_restore_of_a_damaged_backup_changes_nothing")),
    Fault("everybody reads the metrics", "nlpstudio/operations/metrics.py", 'return is_direct and request.META.get("REMOTE_ADDR") in LOCAL', "return True", (MONITORING,)),
    Fault("passwords are logged", "nlpstudio/core/logs.py", "return SECRETS.sub(", "return words or SECRETS.sub(", (MONITORING,)),
    Fault("unescaped text in a page", "templates/runs/_queued.html", "{{ row.run.name }}", "{{ row.run.name|safe }}", ("tests/architecture/test_borders.py::test_nothing_unsafe_stands_in_the_code",)),
    Fault("readers of SQLite become writers", "nlpstudio/config/settings/base.py", '"transaction_mode": "IMMEDIATE"', '"transaction_mode": "DEFERRED"', ("tests/config/test_sqlite.py",)),
    Fault("a folder is named before it is on the disk", "nlpstudio/engine/training/durable.py", "            _sync_file(path)\n\n\ndef _rename", "            pass\n\n\ndef _rename", ("tests/engine/training/test_durable.py",)),
    Fault("strangers see runs", "nlpstudio/runs/models.py", "deleted_at__isnull=True, project__in=Project.objects.visible_to(user))", "deleted_at__isnull=True)", (PAGES,)),
    Fault("one request, two runs", "nlpstudio/runs/services.py", "        if request_key and (known", "        if not request_key and (known", ("tests/runs/test_services.py",)),
    Fault("a bug passes for a server that is away", "nlpstudio/core/away.py", "return code & 0xFF in SQLITE", "return True", ("tests/core/test_away.py",)),
    Fault("a full machine passes for a full disk", "nlpstudio/runs/outcome.py", "if error.errno in TOO_MANY:", "if False:", (EXECUTION,)),
    Fault("finished runs keep their checkpoints", "nlpstudio/runs/leftovers.py", "FOR_GOOD = (State.FINISHED, State.CANCELLED)", "FOR_GOOD = (State.CANCELLED,)", (EXECUTION,)),
)  # fmt: skip


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.seeded_faults", description=__doc__)
    parser.add_argument("--only", nargs="+", type=int, help="numbers of faults, from 1 on")
    parser.add_argument("--check", action="store_true", help="only see that each fault still fits the tree")
    args = parser.parse_args(arguments)
    misfits = [fault.what for fault in FAULTS if (ROOT / fault.file).read_text(encoding="utf-8").count(fault.old) != 1]
    if misfits or args.check:
        print(f"{len(FAULTS)} faults; those that do not fit the tree: {misfits or 'none'}")
        return int(bool(misfits))
    chosen = [(number, fault) for number, fault in enumerate(FAULTS, 1) if not args.only or number in args.only]
    with tempfile.TemporaryDirectory(prefix="seeded-") as folder:
        copy = Path(folder)
        _copy(copy)
        missed = [fault.what for number, fault in chosen if not _is_caught(copy, number, fault)]
    print(
        f"{len(chosen) - len(missed)} of {len(chosen)} planted faults were caught. Missed: {missed or 'none'}",
        flush=True,
    )
    return int(len(missed) > len(chosen) // 25)


def _copy(target: Path) -> None:
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
    tar = ["tar", "--null", "-T", "-", "-cf", "-"]
    packed = subprocess.run(tar, cwd=ROOT, input=names, check=True, capture_output=True).stdout
    subprocess.run(["tar", "-xf", "-"], cwd=target, input=packed, check=True)


def _is_caught(copy: Path, number: int, fault: Fault) -> bool:
    path = copy / fault.file
    before = path.read_text(encoding="utf-8")
    path.write_text(before.replace(fault.old, fault.new), encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("STUDIO_", "PYTEST_", "DJANGO_"))}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:warnings", "-p", "no:schemathesis", *fault.tests]
    begun = time.monotonic()
    try:
        done = subprocess.run(command, cwd=copy, env=kept, capture_output=True, text=True, timeout=900, check=False)
        code, words = done.returncode, done.stdout.strip().splitlines()[-3:]
    except subprocess.TimeoutExpired:
        code, words = -1, ["it took too long"]
    finally:
        path.write_text(before, encoding="utf-8")
    seconds = time.monotonic() - begun
    by = next((line.split(" - ")[0] for line in words if line.startswith(("FAILED", "ERROR"))), " ".join(words)[-120:])
    is_caught = code == FAILED and by.startswith("FAILED")
    print(f"{number:>2} {'caught' if is_caught else 'MISSED'} {seconds:4.0f} s  {fault.what}  ({by})", flush=True)
    return is_caught


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
