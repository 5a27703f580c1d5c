"""The same file comes back: its own bytes, its order, its bad rows, and what the model says beside them."""

from __future__ import annotations

import csv
import gzip
import io
import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from nlpstudio.engine.batch.order import Order, Result
from nlpstudio.engine.batch.running import run
from nlpstudio.engine.errors import UnreadableFile, UnusableData
from nlpstudio.engine.inference.predictor import Predictor
from tests.engine.batch.conftest import MakeOrder

LABELS = ["negative", "positive"]
ADDED = ["prediction", "confidence", "score_negative", "score_positive", "error"]


def answered(order: Order) -> tuple[Result, bytes]:
    result = run(order)
    return result, (order.out / result.file).read_bytes()


def table(content: bytes, delimiter: str = "\t", encoding: str = "utf-8") -> list[list[str]]:
    quoting = csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL
    return list(csv.reader(io.StringIO(content.decode(encoding), newline=""), delimiter=delimiter, quoting=quoting))


def test_each_row_has_what_the_predictor_says(order: MakeOrder) -> None:
    texts = ["the film was good", "bad meal", "这家酒店好", "dull book 🙂", "good " * 300]
    given = order("text\tid\n" + "".join(f"{text}\t{number}\n" for number, text in enumerate(texts)))
    result, content = answered(given)
    head, *rows = table(content)
    assert head == ["text", "id", *ADDED] and result.columns == ADDED
    assert [row[:2] for row in rows] == [[text, str(number)] for number, text in enumerate(texts)]
    for row, expected in zip(rows, Predictor.load(given.model).predict(texts), strict=True):
        scores = {each["label"]: each["score"] for each in expected}
        assert row[2] == expected[0]["label"]
        assert [float(cell) for cell in row[3:6]] == pytest.approx(
            [expected[0]["score"], *map(scores.get, LABELS)], abs=1e-5
        )
        assert row[6] == ""
    assert (result.rows, result.errors, result.name) == (5, 0, "rows-predicted.tsv")


def test_rows_that_are_not_sure_enough_are_marked_for_a_person(order: MakeOrder) -> None:
    given = replace(order("the film was good\nbad meal\n\tnothing\n", header=False), abstain_below=0.5)
    result, content = answered(given)
    assert result.columns == ["prediction", "confidence", "abstained", *ADDED[2:]]
    assert [row[-4] for row in table(content)] == ["no", "no", ""]
    sure = answered(replace(given, abstain_below=1.0))[1]
    assert [row[-4] for row in table(sure)][:2] == ["yes", "yes"]
    assert Order.from_json(given.to_json()) == given


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_the_rows_own_bytes_are_kept(order: MakeOrder, newline: str, encoding: str) -> None:
    lines = ["text\tnote", ' good  film \t"quoted" ', "", "", "坏 坏 电影\t注", "bad\t é"]
    _, content = answered(order((newline.join(lines) + newline).encode(encoding), encoding=encoding))
    codec = "utf-16-le" if encoding == "utf-16" else encoding
    found = content.decode(codec).removeprefix("\ufeff").split(newline)[:-1]
    assert ["\t".join(line.split("\t")[:2]) for line in found] == lines
    assert content.startswith("text\tnote".encode(encoding))


def test_quoted_cells_of_several_lines_come_back_as_they_were(order: MakeOrder) -> None:
    source = 'id,text\r\n1,"good, very\r\n""good"" film"\r\n2,"bad"\r\n'
    _, content = answered(order(source, "rows.csv"))
    rows = table(content, ",")
    assert rows[1][:2] == ["1", 'good, very\r\n"good" film'] and rows[2][:2] == ["2", "bad"]
    assert b'1,"good, very\r\n""good"" film",' in content and b'2,"bad",' in content


def test_bad_rows_are_kept_with_their_error(order: MakeOrder) -> None:
    source = b"id\ttext\n1\tgood\n2\n3\ta\tb\tc\n4\t \n5\tb\xffad\n6\tbad\n7\tx\x01y\n"
    result, content = answered(order(source, encoding="utf-8"))
    rows = [line.split(b"\t") for line in content.splitlines()]
    assert {len(row) for row in rows} == {7}
    assert [row[0] for row in rows[1:]] == [b"1", b"2", b"3", b"4", b"5", b"6", b"7"]
    assert rows[3][1] == b"a b c" and rows[5][1] == b"b\xffad" and rows[7][1] == b"x\x01y"
    errors = [row[-1].decode() for row in rows[1:]]
    assert [bool(error) for error in errors] == [False, True, True, True, True, False, True]
    assert "1 column instead of 2" in errors[1] and errors[3] == "the text is empty"
    assert all(row[2] == b"" for row, error in zip(rows[1:], errors, strict=True) if error)
    assert (result.rows, result.errors) == (7, 5)


def test_quotes_that_do_not_close_cost_only_their_own_line(order: MakeOrder) -> None:
    _, content = answered(order('id,text\n1,"good\n2,bad\n3,"x"y\n4,nice\n', "rows.csv"))
    rows = table(content, ",")
    assert [row[0] for row in rows] == ["id", '1,"good', "2", '3,"x"y', "4"]
    assert {len(row) for row in rows} == {7}
    assert [bool(row[-1]) for row in rows[1:]] == [True, False, True, False]


def test_objects_keep_their_own_text(order: MakeOrder) -> None:
    lines = ['{"text": "good",  "n": 1.50}', "{broken", '{"text": ["a"]}', "{}", ' {"n": 2, "text": "b\\u00e4d"} ']
    result, content = answered(order("\n".join(lines), "rows.jsonl", columns={"text": "text"}))
    found = content.decode().splitlines()
    assert found[0].startswith('{"text": "good",  "n": 1.50, "prediction": ') and found[4].startswith(
        '{"n": 2, "text": "b\\u00e4d", '
    )
    objects = [json.loads(line) for line in found]
    assert [bool(each["error"]) for each in objects] == [False, True, True, True, False]
    assert objects[1]["line"] == "{broken" and objects[2]["text"] == ["a"]
    assert result.errors == 3 and isinstance(objects[0]["confidence"], float)


def test_a_list_of_objects_becomes_lines(order: MakeOrder) -> None:
    result, content = answered(order('[\n {"text": "good"},\n {"text": "bad\\ud800"}\n]', "rows.json"))
    objects = [json.loads(line) for line in content.splitlines()]
    assert [each["text"] for each in objects] == ["good", "bad\ud800"] and objects[1]["error"]
    assert result.name == "rows-predicted.jsonl"


def test_workbooks_keep_numbers_dates_and_empty_rows(order: MakeOrder, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    rows: list[list[Any]] = [
        ["text", "stars", "at", "real"], ["good", 5, datetime(2026, 3, 1, 12, 30), True], [], ["=1+1", 2.5, None, False],
        ["", 1, None, None],
    ]  # fmt: skip
    for row in rows:
        book.active.append(row)
    book.active["A4"].data_type = "s"
    book.save(tmp_path / "in.xlsx")
    result, content = answered(order((tmp_path / "in.xlsx").read_bytes(), "rows.xlsx"))
    assert (result.name, result.rows, result.errors) == ("rows-predicted.xlsx", 3, 1)
    sheet = openpyxl.load_workbook(io.BytesIO(content)).active
    found = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert found[0] == ["text", "stars", "at", "real", *ADDED]
    assert found[1][:4] == ["good", 5, datetime(2026, 3, 1, 12, 30), True] and found[1][4] in LABELS
    assert found[3][0] == "=1+1" and sheet["A4"].data_type == "s" and found[3][1] == 2.5
    assert found[4][8] == "the text is empty" and isinstance(found[1][5], float)


def test_entities_are_json_with_places_in_the_text(order: MakeOrder) -> None:
    text = "🙂 anna lake lives in 北京"
    given = order(f"{text}\nin paris\n", "rows.txt", "ner")
    _, content = answered(given)
    first, _ = (line.split("\t") for line in content.decode().splitlines())
    expected = Predictor.load(given.model).predict([text, "in paris"])[0]
    entities = json.loads(first[1])
    assert [{**each, "score": 0} for each in entities] == [{**each, "score": 0} for each in expected]
    assert all(text[each["start"] : each["end"]] == each["word"] for each in entities)


def test_answers_with_their_places(order: MakeOrder) -> None:
    context = "🙂 anna 7 lives in 北京."
    given = order(f"question,passage\nwhere is anna 7,{context}\nwho,\n", "rows.csv", "qa")
    result, content = answered(given)
    head, row, empty = table(content, ",")
    assert head == ["question", "passage", "answer", "score", "start", "end", "error"]
    assert context[int(row[4]) : int(row[5])] == row[2]
    assert empty[-1] == "the context is empty" and result.errors == 1


def test_a_packed_file_comes_back_unpacked(order: MakeOrder) -> None:
    result, content = answered(order(gzip.compress(b"text\ngood\nbad\n"), "rows.tsv.gz"))
    assert result.name == "rows-predicted.tsv" and len(content.splitlines()) == 3


def test_columns_that_the_file_has_already_are_not_overwritten(order: MakeOrder) -> None:
    result, content = answered(order("text\tprediction\terror\ngood\tmine\t\n"))
    assert content.splitlines()[0].split(b"\t")[:5] == [
        b"text",
        b"prediction",
        b"error",
        b"prediction_2",
        b"confidence",
    ]
    assert result.columns[-1] == "error_2" and content.splitlines()[1].startswith(b"good\tmine\t\t")


@pytest.mark.parametrize(
    "content",
    [b"", b"text\n", b"\x80\x04\x95\x10\x00", b"\x89PNG\r\n\x1a\n", b"%PDF-1.7", b"\x1f\x8b\x08\x00\xff\xff", b"\x00" * 500],
)  # fmt: skip
def test_hostile_files_are_refused_in_words(order: MakeOrder, content: bytes) -> None:
    given = order(content, "rows.tsv")
    with pytest.raises((UnreadableFile, UnusableData)) as refused:
        run(given)
    assert refused.value.message and refused.value.hint
    assert not list(given.out.glob("*"))
