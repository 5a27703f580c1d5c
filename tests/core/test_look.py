"""What the visual language promises: contrast, no colour outside the tokens, nothing inline, files as locked."""

from __future__ import annotations

import json
import re
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command

from nlpstudio.config.management.commands import vendor
from nlpstudio.core.icons import ICONS

CSS = settings.ROOT / "static" / "css"
TEMPLATES = sorted((settings.ROOT / "templates").rglob("*.html"))
AA = 4.5
AA_LARGE = 3.0  # also for what is no text, such as the border of a field
PAIRS = [
    *[
        (word, ground, AA)
        for word in ("text", "muted", "accent-text")
        for ground in ("page", "surface", "raised", "hover")
    ],
    *[(word, "sunken", AA) for word in ("text", "muted")],
    *[("text", ground, AA) for ground in ("selected", "queued-ground", "running-ground", "finished-ground")],
    *[("text", ground, AA) for ground in ("stopped-ground", "failed-ground")],
    *[("on-accent", ground, AA) for ground in ("accent", "danger", "danger-hover")],
    ("on-accent", "accent-hover", AA),
    *[(state, f"{state}-ground", AA) for state in ("queued", "running", "finished", "stopped", "failed")],
    *[(state, "surface", AA) for state in ("finished", "failed", "stopped")],
    ("line-strong", "surface", AA_LARGE),
    ("line-strong", "page", AA_LARGE),
    ("focus", "page", AA_LARGE),
    ("text", "scale-high", AA),
]


def tokens() -> dict[str, tuple[str, str]]:
    found = re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", (CSS / "tokens.css").read_text())
    return {name: (light, dark) for name, light, dark in found}


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("word", "ground", "least"), PAIRS)
def test_words_can_be_read_on_their_ground(word, ground, least, theme):
    known = tokens()
    assert contrast(known[word][theme], known[ground][theme]) >= least


def test_no_colour_stands_outside_the_tokens():
    for sheet in CSS.glob("*.css"):
        if sheet.name != "tokens.css":
            assert re.findall(r"#[0-9a-f]{3,8}\b|rgba?\(|hsla?\(", sheet.read_text(), re.I) == [], sheet.name


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(settings.ROOT / "templates")))
def test_no_template_has_inline_styles_or_scripts(path: Path):
    markup = re.sub(r"{#.*?#}", "", path.read_text())
    assert (
        re.findall(r"\sstyle=|\son[a-z]+=\"|<style|<script(?![^>]*(?:\ssrc=|type=\"application/json\"))", markup) == []
    )


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(settings.ROOT / "templates")))
def test_every_icon_of_a_template_exists(path: Path):
    markup = path.read_text()
    named = set(re.findall(r"{% icon \"([\w-]+)\"", markup)) | set(re.findall(r"\sicon=\"([\w-]+)\"", markup))
    assert named - ICONS.keys() == set()


def test_third_party_files_are_as_locked():
    out = StringIO()
    call_command("vendor", stdout=out)
    assert "as locked" in out.getvalue()


def test_a_changed_third_party_file_is_noticed(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "a.js").write_text("one")
    vendor.lock_of(tmp_path).write_text(json.dumps({"a/a.js": {"integrity": vendor.integrity(b"one")}}))
    assert vendor.problems(tmp_path) == []
    (tmp_path / "a" / "a.js").write_text("two")
    (tmp_path / "a" / "b.js").write_text("more")
    assert vendor.problems(tmp_path) == ["a/b.js is not in the lock", "a/a.js differs from the lock"]
