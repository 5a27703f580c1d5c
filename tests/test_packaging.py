"""What is installed is pinned, what can be set is listed, and nothing of one machine is written down."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PIN = re.compile(r"^([A-Za-z0-9_.-]+)(?:\[[a-z,]+\])?==([^ ;]+)")


def pins(name: str) -> dict[str, str]:
    """`{normalised package: version}` of a requirements file; fails on a line that is not an exact pin."""
    found = {}
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        if not line or line.startswith(("#", "-r ")):
            continue
        match = PIN.match(line)
        assert match, f"{name}: not pinned exactly: {line}"
        found[re.sub(r"[-_.]+", "-", match[1]).lower()] = match[2]
    return found


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_requirement_is_pinned_as_in_the_closure(name: str) -> None:
    closure = pins("constraints.txt")
    assert {package: closure.get(package) for package in pins(name)} == pins(name)


def test_the_closure_holds_no_local_builds() -> None:
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert not re.search(r"^[^#].*(\+|@|file:|/)", text, flags=re.MULTILINE)


def test_every_setting_of_the_environment_is_in_the_example() -> None:
    sources = [ROOT / "nlpstudio/config/settings/base.py", ROOT / "nlpstudio/config/first_start.py"]
    sources += [*(ROOT / "nlpstudio/config/management/commands").glob("*.py"), ROOT / "nlpstudio/engine/shelf.py"]
    pattern = re.compile(r"""(?:\benv(?:\.\w+)?\(|environ(?:\.get\(|\[))\s*["']([A-Z_]+)["']""")
    read = {name for path in sources for name in pattern.findall(path.read_text(encoding="utf-8"))}
    listed = set(
        re.findall(r"^#? ?([A-Z_]+)=", (ROOT / ".env.example").read_text(encoding="utf-8"), flags=re.MULTILINE)
    )
    assert read - {"PYTHONPATH"} <= listed
    assert {"STUDIO_HOME", "DATABASE_URL", "SECRET_KEY", "REDIS_URL"} <= read


def test_no_place_of_one_machine_is_committed() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    kinds = {".py", ".txt", ".toml", ".yaml", ".yml", ".md", ".html", ".js", ".css", ".json", ""}
    forbidden = re.compile(r"/[w]ork/|/[r]oot/|/[h]ome/[a-z]|/[o]pt/(pypi|wheels)|[p]ypi\.org|[d]ownload\.pytorch\.org")
    for name in listed:
        path = ROOT / name
        if path.suffix in kinds and path.is_file() and "samples/" not in name:
            found = forbidden.search(path.read_text(encoding="utf-8", errors="replace"))
            assert not found, f"{name} names {found[0] if found else ''}"
