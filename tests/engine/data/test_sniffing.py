"""A first look says what a file is, and what is wrong with it, without failing."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nlpstudio.engine.data import source
from nlpstudio.engine.data.importing import import_file
from nlpstudio.engine.data.options import ImportOptions
from nlpstudio.engine.data.sniffing import sniff
from nlpstudio.engine.errors import UnreadableFile
from tests.engine.data.makers import Desk, jsonl


def test_a_plain_file_is_described(desk: Desk) -> None:
    found = sniff(desk.put("a.tsv", "label\ttext_a\n1\t房间很好\n0\t不好\n2\n"), "classification")
    assert (found.format, found.encoding, found.encoding_sure, found.delimiter) == ("tsv", "utf-8", "certain", "\t")
    assert (found.header, found.columns, found.guessed) == (
        True,
        ["label", "text_a"],
        {"label": "label", "text": "text_a"},
    )
    assert found.raw_lines[:2] == ["label\ttext_a", "1\t房间很好"]
    assert found.preview[0]["record"]["text"] == "房间很好"
    assert found.preview[2]["problem"]["code"] == "columns.count"
    assert found.usable
    assert json.dumps(found.to_json())


def test_choices_are_followed(desk: Desk) -> None:
    path = desk.put("a.txt", "text;label\na;x\nb;y\n")
    chosen = ImportOptions(task="classification", delimiter=";", header=False, columns={"text": "1", "label": "0"})
    found = sniff(path, "classification", chosen)
    assert [row["record"]["text"] for row in found.preview] == ["label", "x", "y"]


def test_the_columns_that_are_missing_are_named(desk: Desk) -> None:
    found = sniff(desk.put("a.tsv", "context\tquestion\nA cat.\tWho?\n"), "qa")
    assert (found.usable, found.missing) == (False, ["answer"])
    assert found.messages[0]["code"] == "columns.missing"


def test_quotes_that_join_lines_are_told(desk: Desk) -> None:
    found = sniff(desk.put("a.csv", 'text,label\n"a\nb",x\nc,y\n'), "classification")
    assert [message["code"] for message in found.messages] == ["quotes.multiline"]
    assert "3 records in 4 lines" in found.messages[0]["message"]


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("gb18030", "这家酒店的房间很干净，服务态度也很好，下次还会再来住"),
        ("big5", "這家酒店的房間很乾淨，服務態度也很好，下次還會再來住"),
        ("shift_jis", "このホテルの部屋はとてもきれいで、サービスもよかったです"),
        ("cp1251", "Номер в этой гостинице очень чистый, обслуживание хорошее"),
        ("cp949", "이 호텔의 방은 매우 깨끗하고 서비스도 아주 좋았습니다"),
        ("utf-16-be", "这家酒店的房间很干净，服务一上来就好"),
    ],
)
def test_other_encodings_are_guessed(desk: Desk, encoding: str, text: str) -> None:
    found = sniff(desk.put("a.tsv", (f"{text}\tx\n{text}!\ty\n" * 10).encode(encoding)), "classification")
    assert found.preview[0]["record"]["text"] == text
    assert found.encoding_sure in ("likely", "guess")


def test_a_late_wrong_byte_does_not_change_the_encoding_of_the_rest(desk: Desk) -> None:
    content = "房间很好\tx\n房间不好\ty\n".encode() * 20_000 + b"caf\xe9\tx\n"
    loaded = desk.load("classification", "a.tsv", content)
    assert (loaded.info.rows, loaded.problems) == (40_000, [(40_001, "encoding.invalid")])


REFUSED = {
    "empty": b"",
    "only blanks": b" \n\n\t\n",
    "pickle": b"\x80\x04\x95\x10\x00\x00\x00",
    "pdf": b"%PDF-1.7 ...",
    "picture": b"\x89PNG\r\n\x1a\n",
    "web page": b"<!DOCTYPE html><html></html>",
    "noise": bytes(range(256)) * 8,
    "broken zip": b"PK\x03\x04" + b"x" * 60,
    "cut gzip": gzip.compress(b"a\tx\nb\ty\n" * 1000)[:40],
    "gzip of a pickle": gzip.compress(b"\x80\x04\x95\x10"),
    "broken parquet": b"PAR1" + b"x" * 60 + b"PAR1",
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_data_is_refused_in_words(desk: Desk, kind: str) -> None:
    path = desk.put("a.tsv", REFUSED[kind])
    found = sniff(path, "classification")
    assert not found.usable
    assert found.messages[-1]["level"] == "error"
    with pytest.raises(UnreadableFile) as refused:
        import_file(path, desk.folder / "set", ImportOptions(task="classification"))
    assert refused.value.hint


def test_a_bomb_is_stopped(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "BOMB_FLOOR", 1 << 20)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.tsv", b"a\tx\nb\ty\n" * 2_000_000)
    for name, content in (("a.tsv.gz", gzip.compress(b"a\tx\nb\ty\n" * 2_000_000)), ("a.zip", packed.getvalue())):
        with pytest.raises(UnreadableFile, match="inflates to more than"):
            import_file(desk.put(name, content), desk.folder / "set", ImportOptions(task="classification"))


def test_members_of_an_archive_are_regular_files_that_can_be_told_apart(desk: Desk) -> None:
    def zipped(*members: tuple[str, int]) -> bytes:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for name, mode in members:
                member = zipfile.ZipInfo(name)
                member.external_attr = mode << 16
                archive.writestr(member, "/etc/passwd")
        return packed.getvalue()

    for content, words in (
        (zipped(("link.tsv", 0o120777)), "0 data files"),
        (zipped(("a.tsv", 0o100644), ("b.tsv", 0o100644)), "2 data files: a.tsv, b.tsv"),
        (zipped(*((f"{number}.tsv", 0) for number in range(60))), "60 data files"),
    ):
        with pytest.raises(UnreadableFile, match=words):
            import_file(desk.put("a.zip", content), desk.folder / "set", ImportOptions(task="classification"))


def test_only_the_head_is_read(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    path = desk.put("a.jsonl", jsonl(*({"text": f"t {n}", "label": "xy"[n % 2]} for n in range(50_000))))
    read = 0
    original = Path.open

    def counted(self: Path, *args, **kwargs):
        stream = original(self, *args, **kwargs)
        inner = stream.read

        class Counting:
            def __getattr__(self, name: str):
                return getattr(stream, name)

            def __enter__(self):
                return self

            def __exit__(self, *exc: object) -> None:
                stream.close()

            def read(self, size: int = -1) -> bytes:
                nonlocal read
                data = inner(size)
                read += len(data)
                return data

        return Counting()

    monkeypatch.setattr(Path, "open", counted)
    assert sniff(path, "classification").usable
    assert 0 < read < 600_000 < path.stat().st_size


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.binary(max_size=300),
    st.sampled_from(["classification", "ner", "qa"]),
    st.sampled_from([".tsv", ".csv", ".json", ".conll", ".xlsx"]),
)
def test_odd_content_never_fails(tmp_path: Path, content: bytes, task: str, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    found = sniff(path, task)
    assert json.dumps(found.to_json())
    assert found.usable or any(message["level"] == "error" for message in found.messages)
