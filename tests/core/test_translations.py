"""The Chinese catalogue: nothing is missing or doubtful, values stay in place, and the compiled file says the same."""

from __future__ import annotations

import ast
import gettext
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.conf import settings
from django.template import Context, Template
from django.utils import translation

from nlpstudio.core.sentences import Sentences
from nlpstudio.datasets import words as data_words
from nlpstudio.datasets.execution import ImportCrashed, ImportLost
from nlpstudio.engine import shelf
from nlpstudio.engine.samples import SAMPLES
from nlpstudio.registry import words as model_words
from nlpstudio.runs import outcome
from nlpstudio.runs import words as run_words
from nlpstudio.runs.supervision import Ending, Reason

CATALOGUE = Path(settings.ROOT) / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
_LINE = re.compile(r'(?:(msgctxt|msgid_plural|msgid|msgstr)(?:\[(\d)\])? )?"(.*)"')
_VALUE = re.compile(r"%(?:\(\w+\))?[sd]|%%|</?\w+>")
_HALF_WIDTH = re.compile(r"[\u4e00-\u9fff”][,;:?!](?:\s|$)|[\u4e00-\u9fff]\.(?:\s|$)")
_NO_BLANK = re.compile(r"[\u4e00-\u9fff][A-Za-z0-9]|[A-Za-z0-9][\u4e00-\u9fff]")


@dataclass(kw_only=True)
class Entry:
    """One entry of a .po file. `parts` are its keywords with their texts; plural forms of msgstr are in `said`."""

    flags: str = ""
    parts: dict[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    @property
    def key(self) -> str:
        """As a .mo file keys it."""
        context = f"{self.parts['msgctxt']}\x04" if "msgctxt" in self.parts else ""
        return context + self.parts["msgid"]


def entries_of(path: Path) -> Iterator[Entry]:
    """The entries but for the header and obsolete ones."""
    for block in path.read_text(encoding="utf-8").split("\n\n"):
        entry, keyword = Entry(), ""
        for line in block.splitlines():
            if line.startswith("#"):
                entry.flags += line[1:] if line.startswith("#,") else ""
            elif found := _LINE.fullmatch(line):
                text = re.sub(r"\\(.)", lambda escape: {"n": "\n", "t": "\t"}.get(escape[1], escape[1]), found[3])
                if found[1] == "msgstr":
                    entry.said.append("")
                keyword = found[1] or keyword
                if keyword == "msgstr":
                    entry.said[-1] += text
                else:
                    entry.parts[keyword] = entry.parts.get(keyword, "") + text
        if entry.parts.get("msgid"):
            yield entry


@pytest.fixture(scope="module")
def catalogue() -> dict[str, Entry]:
    return {entry.key: entry for entry in entries_of(CATALOGUE)}


@pytest.mark.skipif(shutil.which("xgettext") is None, reason="extraction needs gettext; what is kept is tested without")
def test_every_string_of_the_source_is_in_the_catalogue(tmp_path: Path, catalogue: dict[str, Entry]) -> None:
    for name in ("nlpstudio", "templates"):
        shutil.copytree(settings.ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "locale").mkdir()
    subprocess.run(
        [sys.executable, settings.ROOT / "manage.py", "makemessages", "--locale", "zh_Hans", "--no-location"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    fresh = {entry.key for entry in entries_of(tmp_path / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po")}
    assert len(fresh) > 700
    assert sorted(fresh - catalogue.keys()) == []
    assert sorted(catalogue.keys() - fresh) == []


def test_every_entry_is_translated_and_not_doubtful(catalogue: dict[str, Entry]) -> None:
    assert len(catalogue) > 700
    assert [key for key, entry in catalogue.items() if "fuzzy" in entry.flags or not all(entry.said)] == []


def test_values_and_tags_are_the_same_on_both_sides(catalogue: dict[str, Entry]) -> None:
    wrong = []
    for key, entry in catalogue.items():
        source = sorted(_VALUE.findall(entry.parts.get("msgid_plural", entry.parts["msgid"])))
        wrong += [key for said in entry.said if sorted(_VALUE.findall(said)) != source]
    assert wrong == []


def test_chinese_has_one_plural_form_full_width_signs_and_blanks_around_latin(catalogue: dict[str, Entry]) -> None:
    assert [key for key, entry in catalogue.items() if len(entry.said) != 1] == []
    plain = {key: _VALUE.sub("", entry.said[0]) for key, entry in catalogue.items()}
    assert [said for said in plain.values() if _HALF_WIDTH.search(said) or "!" in said or "！" in said] == []
    assert [said for said in plain.values() if _NO_BLANK.search(said)] == []


def test_the_compiled_catalogue_is_up_to_date(catalogue: dict[str, Entry]) -> None:
    with CATALOGUE.with_suffix(".mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    said = {key if isinstance(key, str) else key[0]: text for key, text in compiled._catalog.items() if key}  # type: ignore[attr-defined]  # the only way to list a .mo
    assert said == {key: entry.said[0] for key, entry in catalogue.items()}


@pytest.mark.parametrize("app", [data_words, model_words, run_words])
def test_each_listed_sentence_of_the_engine_is_found_by_its_own_pattern(app: object) -> None:
    sentences: Sentences = app.SENTENCES  # type: ignore[attr-defined]  # each of these modules has it
    for pattern in sentences.patterns:
        filled = re.sub(r"%\((\w+)\)[sd]", "7", pattern)
        with translation.override("zh-hans"):
            said = sentences.translated(filled)
        assert re.search("[\u4e00-\u9fff]", said), filled
        with translation.override("en"):
            assert sentences.translated(filled) == filled


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("has 3 columns instead of 2", "有 3 列，应为 2 列"),
        ("the text pair is empty", "第二段文本为空"),
        ("Put exactly 1 tab in the line.", "该行应恰好有 1 个制表符。"),
        ("“a”, “b” and 4 more: only one row", "“a”, “b”及另外 4 个：只有 1 条样本"),
        ("the workbook a.xlsx is empty", "工作簿 a.xlsx 为空"),
        ("there are no rows in test", "测试集中没有样本"),
        (
            "Line 4: has no label. Give the row a label, or take it out.",
            "第 4 行：没有标签。请为该样本添加标签，或将其删除。",
        ),
        ("what nobody ever said", "what nobody ever said"),
    ],
)
def test_what_the_engine_says_of_data_is_shown_in_chinese(english: str, chinese: str) -> None:
    with translation.override("zh-hans"):
        page = Template("{% load datasets %}{{ words|in_words }}").render(Context({"words": english}))
    assert page == chinese


def test_samples_base_models_and_failed_imports_have_words_in_chinese() -> None:
    known = data_words.SENTENCES.knows
    assert [text for each in SAMPLES.values() for text in (each.name, each.note) if not known(text)] == []
    assert [
        each.note for each in shelf.SHELF.values() if each.note and not model_words.SENTENCES.knows(each.note)
    ] == []
    for error in (ImportCrashed(), ImportLost()):
        assert known(error.message) and known(error.hint)


@pytest.mark.parametrize(
    "ending",
    [
        Ending(reason=Reason.HUNG, exit_code=-9, seconds=60),
        Ending(reason=Reason.UNSTOPPABLE, exit_code=-9, seconds=60),
        Ending(reason=Reason.ITSELF, exit_code=-9),
        Ending(reason=Reason.ITSELF, exit_code=-11),
        Ending(reason=Reason.ITSELF, exit_code=3),
    ],
)
def test_what_a_worker_wrote_in_english_is_read_in_chinese(ending: Ending) -> None:
    failure = outcome.failure_of(ending, None)
    assert failure is not None
    with translation.override("zh-hans"):
        for english in (failure.message, failure.hint):
            assert re.search("[\u4e00-\u9fff]", run_words.SENTENCES.translated(english))


def test_each_warning_of_the_engine_has_words() -> None:
    said = [*warnings_in(settings.ROOT / "nlpstudio" / "engine")]
    assert len(said) > 6
    assert [text for text in said if not run_words.SENTENCES.knows(text)] == []


def warnings_in(folder: Path) -> Iterator[str]:
    """The message of each `Warned` that is written in the sources, with 7 for its values."""
    for path in folder.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for function in ast.walk(tree):
            if not isinstance(function, ast.FunctionDef):
                continue
            named: dict[str, str] = {}
            for node in sorted(
                (node for node in ast.walk(function) if isinstance(node, ast.Assign | ast.Call)),
                key=lambda node: node.lineno,
            ):
                if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                    named[node.targets[0].id] = words_of(node.value)
                elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Warned":
                    value = next(each.value for each in node.keywords if each.arg == "message")
                    yield named[value.id] if isinstance(value, ast.Name) else words_of(value)


def words_of(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    parts = node.values if isinstance(node, ast.JoinedStr) else []
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "7" for part in parts)
