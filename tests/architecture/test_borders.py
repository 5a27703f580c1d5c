"""The house keeps its borders: what may be imported where, and what a page may cost."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"torch", "transformers", "onnxruntime", "onnx", "peft"}


def loaded_after(code: str) -> set[str]:
    """The top-level packages that a fresh process holds after running `code`."""
    probe = f"{code}\nimport sys; print(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "nlpstudio.config.settings.test"}
    done = subprocess.run(
        [sys.executable, "-c", probe], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_the_engine_imports_without_django_or_celery():
    code = "import nlpstudio.engine.training.session, nlpstudio.engine.inference.predictor, nlpstudio.engine.__main__"
    assert not {"django", "celery", "channels"} & loaded_after(code)


def test_the_web_process_starts_without_torch():
    code = """
import nlpstudio.config.asgi
from django.test import Client
assert Client(SERVER_NAME="localhost").get("/healthz").status_code == 200
from django.urls import get_resolver
get_resolver().url_patterns
"""
    assert not HEAVY & loaded_after(code)


def test_the_celery_workers_start_without_torch():
    code = "from nlpstudio.config import celery_app; celery_app.loader.import_default_modules()"
    assert not HEAVY & loaded_after(code)


@pytest.mark.parametrize(
    "module",
    [
        "spec",
        "events",
        "errors",
        "catalogue",
        "shapes",
        "manifest",
        "modelcard",
        "shelf",
        "samples",
        "job",
        "data.store",
    ],
)
def test_what_crosses_the_border_needs_no_torch(module: str):
    assert not HEAVY & loaded_after(f"import nlpstudio.engine.{module}")


def test_no_file_grows_past_four_hundred_lines():
    files = [p for p in (ROOT / "nlpstudio").rglob("*.py") if "migrations" not in p.parts]
    files += [*(ROOT / "tests").rglob("*.py"), *(ROOT / "static" / "js").rglob("*.js")]
    long = {p.relative_to(ROOT).as_posix() for p in files if len(p.read_text(encoding="utf-8").splitlines()) > 400}
    assert long == set()


def test_every_module_says_its_idea_on_line_one():
    silent = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "nlpstudio").rglob("*.py")
        if "migrations" not in path.parts
        and (text := path.read_text(encoding="utf-8"))
        and not text.startswith(('"""', "#!"))
    ]
    assert silent == []


UNSAFE = re.compile(
    r"trust_remote_code=True|torch\.load\((?![^)]*weights_only=True)|pickle\.load|\|\s*safe\b|mark_safe\(|(?<![\w.])eval\(|shell=True"
)


def test_nothing_unsafe_stands_in_the_code():
    """Pickled weights, remote code and unescaped user text have no place here."""
    files = [*(ROOT / "nlpstudio").rglob("*.py"), *(ROOT / "templates").rglob("*.html")]
    found = [p.relative_to(ROOT).as_posix() for p in files if UNSAFE.search(p.read_text(encoding="utf-8"))]
    assert found == []
