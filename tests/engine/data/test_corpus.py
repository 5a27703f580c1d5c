"""A corpus is read in every form, cleaned, freed of repeats, counted, and split by document."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest

from nlpstudio.engine.data.corpus import language_of
from nlpstudio.engine.data.importing import import_file
from nlpstudio.engine.data.options import ImportOptions
from nlpstudio.engine.data.rows import CorpusRow
from nlpstudio.engine.data.sniffing import sniff
from nlpstudio.engine.data.store import DatasetFolder, DatasetInfo

OPTIONS = ImportOptions(task="pretraining")


def imported(path: Path, content: str | bytes, name: str = "corpus.txt") -> tuple[DatasetInfo, list[str]]:
    source = path / name
    source.write_bytes(content if isinstance(content, bytes) else content.encode())
    info = import_file(source, path / "set", OPTIONS).info
    return info, [row.text for row in DatasetFolder.open(path / "set").rows() if isinstance(row, CorpusRow)]


def test_empty_lines_part_documents_and_lines_are_kept(tmp_path: Path) -> None:
    info, texts = imported(tmp_path, "one.\ntwo.\n\n\n三。\n四。\n\nfive\n")
    assert texts == ["one.\ntwo.", "三。\n四。", "five"]
    assert info.statistics["corpus"]["lines"] == 5 and info.statistics["corpus"]["documents"] == 3


def test_without_empty_lines_each_line_is_a_document(tmp_path: Path) -> None:
    _info, texts = imported(tmp_path, "one\ntwo\nthree\n")
    assert texts == ["one", "two", "three"]
    assert [each["code"] for each in sniff(tmp_path / "corpus.txt", "pretraining").messages] == ["documents.lines"]


def test_json_lines_hold_a_text_or_a_list_of_sentences(tmp_path: Path) -> None:
    lines = [{"text": "one.\ntwo."}, {"text": ["三。", "四。"]}, {"text": 5}, {"text": {"a": 1}}, {"text": ""}]
    info, texts = imported(tmp_path, "\n".join(json.dumps(each) for each in lines), "corpus.jsonl")
    assert texts == ["one.\ntwo.", "三。\n四。", "5"]
    assert info.rejected_count == 2


def test_a_zip_of_many_texts_is_one_corpus_and_a_text_without_empty_lines_one_document(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(60):
            archive.writestr(f"part/{number:03}.txt", f"file {number}\nits second line\n")
        archive.writestr("README.md", "not data")
    info, texts = imported(tmp_path, packed.getvalue(), "corpus.zip")
    assert len(texts) == 60 and texts[7] == "file 7\nits second line"
    assert info.splits == {"train": 57, "validation": 3}


def test_cleaning_is_counted(tmp_path: Path) -> None:
    text = "a  line\twith   blanks\n-----\na line with blanks\ncafe\u0301 \u200bok\ufeff\n\nagain\n\nagain\n\nthe end\n"
    info, texts = imported(tmp_path, text)
    assert texts == ["a line with blanks\ncafé ok", "again", "the end"]
    assert info.statistics["corpus"]["taken_out"] == {
        "repeated_documents": 1, "repeated_lines": 1, "wordless_lines": 1, "characters": 2,
    }  # fmt: skip


def test_documents_are_never_in_two_splits_and_the_draw_repeats(tmp_path: Path) -> None:
    text = "\n\n".join(f"document {number}\nsecond line" for number in range(200))
    info, _texts = imported(tmp_path, text)
    assert info.splits == {"train": 190, "validation": 10}
    again = import_file(tmp_path / "corpus.txt", tmp_path / "again", OPTIONS).info
    assert again.fingerprint == info.fingerprint


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("the end of the line", "en"),
        ("我们 love 北京", "zh"),
        ("日本語のテキストです", "ja"),
        ("한국어 문장", "ko"),
        ("русский текст", "ru"),
        ("où est-elle allée", "latin"),
        ("123 …", "other"),
    ],
)
def test_a_language_is_told_by_its_script(text: str, language: str) -> None:
    assert language_of(text) == language
