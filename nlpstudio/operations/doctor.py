"""Looks the whole installation over: rows, files and processes, against what must always be true."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection, transaction

from nlpstudio.operations.checks import CHECKS
from nlpstudio.operations.findings import Finding, Report, Tally


def examine(*, deep: bool = True, only: Iterable[str] = ()) -> Report:
    """Make all checks, or those named in `only`. Changes nothing; the studio may run meanwhile.

    `deep` reads every stored byte to compare it with its sha256. A check that breaks is a finding itself.
    """
    tally, findings = Tally(deep=deep), list[Finding]()
    for name in only or CHECKS:
        try:
            with transaction.atomic():
                if connection.vendor == "postgresql":
                    connection.cursor().execute("SET TRANSACTION READ ONLY")
                findings += CHECKS[name](tally)
        except Exception as error:  # the doctor says what it could not look at, and goes on
            words = f"the check itself broke: {type(error).__name__}: {error}"
            findings.append(Finding(check=name, subject="doctor", message=words))
    return Report(findings=findings, looked_at=tally.looked_at)
