"""Hostile tables against a second, independent reading of the same rules."""

from __future__ import annotations

import csv
import io
import re
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from nlpstudio.engine.data.importing import import_file
from nlpstudio.engine.data.options import ImportOptions
from nlpstudio.engine.data.readers.delimited import OpenQuote, StrayQuote, quoted_cells
from nlpstudio.engine.data.store import DatasetFolder
from nlpstudio.engine.errors import EngineError

NASTY = [
    "", " ", "text", "label", "\t", "\n", "\r", "\r\n", "\x00", "\x0b", "\x1c", "\x85", "\u2028", "\ufeff", '"', "'", '""', "=1+1",
    "a", "b", "pos", "neg", "<script>", "好", "房间很好", "é", "e\u0301", "\u202eabc", "\u200b", "😀", "👩‍👩‍👧", "🇨🇳", "|", ",", ";",
    "\\t", "#", "1.0", "NaN", "null", "x" * 300,
]  # fmt: skip
text = st.lists(st.sampled_from(NASTY), max_size=40).map("".join)
table = st.lists(
    st.lists(st.lists(st.sampled_from(NASTY), max_size=3).map("".join), min_size=1, max_size=4), max_size=12
).map(lambda rows: "\n".join("\t".join(cells) for cells in rows))


PLAIN_ROWS = "a\tpos\nb\tneg\n" * 20
PLAIN = ImportOptions(task="classification", header=False, columns={"text": "0", "label": "1"})


def reference(content: str) -> tuple[list[tuple[int, str, str]], int]:
    """(line, text, label) of the good rows of a `text⇥label` file, and how many lines are bad."""
    good, bad = [], 0
    for number, line in enumerate(re.split("\r\n|\r|\n", content), start=1):
        if line == "":
            continue
        cells = line.split("\t")
        seen = [re.sub(r"[\s\u200b\ufeff\u202e\u200d\u2028\x85]", "", cell) for cell in cells]
        control = any(ord(sign) < 32 and sign != "\t" for sign in line)
        if len(cells) == 2 and all(seen) and len(cells[1].strip()) <= 200 and not control:
            good.append((number, cells[0], cells[1].strip()))
        else:
            bad += 1
    return good, bad


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.one_of(text, table))
@example("\ufeffc\tpos\r\rd\tneg\u2028e")
@example('"a\tpos\nb"\tneg')
@example("a\tpos\x85\nb\tneg")
@example("a\t\ufeff")
@example("\t\n\ttext\n\tlabel\n\t ")
def test_accepted_rows_are_those_of_the_reference(hostile: str) -> None:
    content = PLAIN_ROWS + hostile
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "a.tsv"
        source.write_bytes(content.encode())
        report = import_file(source, Path(folder) / "set", PLAIN)
        rows = [(row.line, row.text, row.labels[0]) for row in DatasetFolder.open(Path(folder) / "set").rows()]
        stored, total = DatasetFolder.open(Path(folder) / "set").problems(0, 1000)
    good, bad = reference(content)
    assert rows == good
    assert report.info.rejected_count == total == len(stored) == bad
    assert {problem.line for problem in stored}.isdisjoint(line for line, _, _ in good)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.binary(max_size=400),
    st.sampled_from(["classification", "ner", "qa"]),
    st.sampled_from(["a.tsv", "a.csv", "a.json", "a.jsonl", "a.conll", "a.xlsx"]),
)
@example(b"\x80\x04\x95", "classification", "a.tsv")
@example(b"\x1f\x8b\x08\x00rubbish", "qa", "a.tsv")
@example(b"PK\x03\x04rubbish", "ner", "a.xlsx")
@example(b"PAR1rubbish", "ner", "a.tsv")
@example(b"[" * 400, "qa", "a.json")
@example(b'{"a":' * 80, "qa", "a.jsonl")
def test_any_bytes_end_in_rows_or_in_words(content: bytes, task: str, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / name
        source.write_bytes(content)
        try:
            import_file(source, Path(folder) / "set", ImportOptions(task=task))
        except EngineError as error:
            assert error.message
            assert not (Path(folder) / "set").exists()
        assert {path.name for path in Path(folder).iterdir()} <= {name, "set"}


cell = st.text(alphabet=st.sampled_from('ab", \n;é'), max_size=8)


@settings(max_examples=500, deadline=None)
@given(st.lists(cell, min_size=1, max_size=5))
def test_quoted_cells_are_read_as_they_were_written(cells: list[str]) -> None:
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="").writerow(cells)
    assert quoted_cells(out.getvalue(), ",") == cells


@settings(max_examples=500, deadline=None)
@given(st.text(alphabet=st.sampled_from('ab",'), max_size=12))
def test_what_is_cut_agrees_with_the_standard_library(line: str) -> None:
    try:
        cells = quoted_cells(line, ",")
    except (OpenQuote, StrayQuote):
        return
    assert cells == (next(csv.reader([line]), []) or [""])
