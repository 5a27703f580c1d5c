"""Damaged files: every bad row is named with its line, every good one is kept."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nlpstudio.engine.data.importing import RefusedData
from nlpstudio.engine.data.lines import MAX_LINE
from tests.engine.data.makers import Desk, jsonl, question, squad

GOOD = "good\tpos\nbad\tneg\n"


def spans(*marks: Any, text: str = "Anna in Rome") -> dict[str, Any]:
    return {"text": text, "label": list(marks)}


FINE = spans([0, 4, "PER"])
CONTEXT = "A cat sat on a mat. A cat."
FINE_QUESTION = question("ok", "Where?", ("mat", 15))


def asked(*answers: tuple[str, int | None]) -> str:
    return squad({"context": CONTEXT, "qas": [FINE_QUESTION, question("q", "Who sat?", *answers)]})


# name: (task, file name, content, options, [(line, code)], rows kept)
DAMAGED: dict[str, tuple[str, str, str | bytes, dict[str, Any], list[tuple[int, str]], int]] = {
    "too few columns": ("classification", "a.tsv", GOOD + "alone\n", {}, [(3, "columns.count")], 2),
    "too many columns": ("classification", "a.tsv", GOOD + "a\tb\tc\n", {}, [(3, "columns.count")], 2),
    "empty text": ("classification", "a.tsv", GOOD + "\tpos\n", {}, [(3, "text.empty")], 2),
    "invisible text": ("classification", "a.tsv", GOOD + "\u200b \u3000\tpos\n", {}, [(3, "text.empty")], 2),
    "empty label": ("classification", "a.tsv", GOOD + "fine\t \n", {}, [(3, "label.empty")], 2),
    "a label that is a text": ("classification", "a.tsv", GOOD * 9 + f"fine\t{'x' * 300}\n", {}, [(19, "label.too_long")], 18),
    "a NUL": ("classification", "a.tsv", GOOD + "a\x00b\tpos\n", {}, [(3, "text.control_character")], 2),
    "an escape character": ("classification", "a.tsv", GOOD + "a\x1b[1m\tpos\n", {}, [(3, "text.control_character")], 2),
    "bytes that are no UTF-8": (
        "classification", "a.tsv", ("很好\t好\n很差\t差\n" * 10).encode() + b"a\xff\t\xe5\xa5\xbd\n", {}, [(21, "encoding.invalid")], 20,
    ),
    "an endless line": ("classification", "a.tsv", GOOD + "a" * (MAX_LINE + 9) + "\tpos\nc\tneg\n", {}, [(3, "field.too_long")], 3),
    "a huge cell": ("classification", "a.tsv", GOOD + "a" * 1_000_001 + "\tpos\n", {}, [(3, "field.too_long")], 2),
    "an unknown split": ("classification", "a.tsv", "text\tlabel\tsplit\na\tx\ttrain\nb\ty\ttest\nc\tx\tother\n", {}, [(4, "split.unknown")], 2),
    "a quote that does not close": ("classification", "a.csv", 'text,label\n"a,x\nb,y\nc,x\n', {}, [(2, "quote.unclosed")], 2),
    "text after a quote": ("classification", "a.csv", 'text,label\n"a"b,x\nb,y\nc,x\n', {}, [(2, "quote.stray")], 2),
    "a broken JSON line": ("classification", "a.jsonl", jsonl({"text": "a", "label": "x"}, {"text": "b", "label": "y"}) + '{"text": "c",\n', {}, [(3, "json.invalid")], 2),
    "a JSON value that is no object": ("classification", "a.jsonl", jsonl({"text": "a", "label": "x"}, {"text": "b", "label": "y"}, [1]), {}, [(3, "json.invalid")], 2),
    "a text that is a list": ("classification", "a.jsonl", jsonl({"text": "a", "label": "x"}, {"text": "b", "label": "y"}, {"text": ["c"], "label": "x"}), {}, [(3, "value.not_text")], 2),
    "half a character": ("classification", "a.jsonl", jsonl({"text": "a", "label": "x"}, {"text": "b", "label": "y"}) + '{"text": "\\ud83d", "label": "x"}\n', {}, [(3, "text.empty")], 2),
    "half a character in a text": ("classification", "a.jsonl", jsonl({"text": "a", "label": "x"}, {"text": "b", "label": "y"}) + '{"text": "c \\ud83d", "label": "x"}\n', {}, [(3, "text.surrogate")], 2),
    "two labels where one is asked for": ("classification", "a.jsonl", jsonl({"text": "a", "label": "x"}, {"text": "b", "label": "y"}, {"text": "c", "label": ["x", "y"]}), {}, [(3, "label.several")], 2),
    "an array that is cut off": ("classification", "a.json", '[\n{"text": "a", "label": "x"},\n{"text": "b", "label": "y"},\n{"text": "c", "la', {}, [(4, "json.unclosed")], 2),
    "words between objects": ("classification", "a.json", '[\n{"text": "a", "label": "x"},\noops\n{"text": "b", "label": "y"}]', {}, [(3, "json.invalid")], 2),
    "a token without a tag": ("ner", "a.conll", "Anna\tB-PER\n\nin\nRome\tB-LOC\n\nok\tO\n", {}, [(3, "columns.count")], 2),
    "a tag of no scheme": ("ner", "a.conll", "Anna\tB-PER\nin\tO\n\nin\tO\nRome\tLOC\n\nok\tO\n" + "a\tO\n" * 9, {}, [(5, "tag.unknown")], 2),
    "an inside tag that begins": ("ner", "a.conll", "Anna\tB-PER\nin\tO\nRome\tI-LOC\n", {}, [(3, "tags.illegal")], 1),
    "a BIOES entity without its end": ("ner", "a.conll", "New\tB-LOC\nYork\tE-LOC\n\nLos\tB-LOC\nAngeles\tI-LOC\nis\tO\n", {}, [(5, "tags.illegal")], 2),
    "a blank token": ("ner", "a.conll", "Anna\tB-PER\n \tO\nhere\tO\n", {}, [(2, "token.blank")], 1),
    "fewer tags than tokens": ("ner", "a.tsv", "tokens\ttags\na b\tB-X O\nc d\tO\n", {}, [(3, "tags.count")], 1),
    "overlapping spans": ("ner", "a.jsonl", jsonl(FINE, spans([0, 7, "PER"], [5, 12, "LOC"])), {}, [(2, "span.overlap")], 1),
    "a span outside of its text": ("ner", "a.jsonl", jsonl(FINE, spans([8, 30, "LOC"])), {}, [(2, "span.outside")], 1),
    "a span of nothing": ("ner", "a.jsonl", jsonl(FINE, spans([4, 4, "LOC"])), {}, [(2, "span.outside")], 1),
    "a span of a blank": ("ner", "a.jsonl", jsonl(FINE, spans([4, 5, "LOC"])), {}, [(2, "span.blank")], 1),
    "a span of words": ("ner", "a.jsonl", jsonl(FINE, spans(["a", "b", "LOC"])), {}, [(2, "span.invalid")], 1),
    "a span of two numbers": ("ner", "a.jsonl", jsonl(FINE, spans([1, 2])), {}, [(2, "record.odd")], 1),
    "a mention that stands elsewhere": ("ner", "a.jsonl", jsonl({**FINE, "label": [{"start": 0, "end": 4, "label": "LOC", "text": "Rome"}]}), {}, [(1, "span.moved")], 1),
    "a mention that stands nowhere": ("ner", "a.jsonl", jsonl(FINE, {**FINE, "label": [{"start": 0, "end": 4, "label": "LOC", "text": "Oslo"}]}), {}, [(2, "span.mismatch")], 1),
    "an answer that is not there": ("qa", "a.json", asked(("dog", 2)), {}, [(22, "answer.not_found")], 1),
    "an answer that starts elsewhere": ("qa", "a.json", asked(("cat", 4)), {}, [(22, "answer.start_moved")], 2),
    "an answer that occurs twice": ("qa", "a.tsv", f"{CONTEXT}\tWho?\tcat\n{CONTEXT}\tWhere?\tmat\n", {}, [(1, "answer.several")], 1),
    "a start that is no number": ("qa", "a.tsv", f"context\tquestion\tanswer\tanswer_start\n{CONTEXT}\tWho?\tcat\tx\n{CONTEXT}\tWhere?\tmat\t15\n", {}, [(2, "answer.start_invalid")], 1),
    "a question without words": ("qa", "a.tsv", f"context\tquestion\tanswer\n{CONTEXT}\t \tcat\n{CONTEXT}\tWhere?\tmat\n", {}, [(2, "question.empty")], 1),
    "one answer of three that is not there": ("qa", "a.json", asked(("cat", 2), ("dog", 2)), {}, [(22, "answer.not_found")], 2),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_is_named_with_its_line_and_costs_only_its_row(desk: Desk, name: str) -> None:
    task, file, content, options, problems, kept = DAMAGED[name]
    loaded = desk.load(task, file, content, **options)
    assert loaded.problems == problems
    assert loaded.info.rows == kept
    problem = loaded.report.problems[0]
    assert problem.message
    assert problem.fix
    stored, total = loaded.dataset.problems(0, 10)
    assert (stored, total) == (list(loaded.report.problems), len(problems))


def test_the_line_of_a_question_is_where_it_stands_in_the_file(desk: Desk) -> None:
    content = asked(("dog", 2))
    line = desk.load("qa", "a.json", content).report.problems[0].line
    assert '"question": "Who sat?"' in content.split("\n")[line - 1]


def test_rejected_lines_come_back_as_they_were_and_can_be_imported_again(desk: Desk) -> None:
    loaded = desk.load("classification", "a.tsv", "text\tlabel\ngood\tpos\nalone\nbad\tneg\n\tpos\n")
    assert loaded.rejected == "text\tlabel\nalone\n\tpos\n"
    assert loaded.info.rejected_suffix == ".tsv"
    mended = loaded.rejected.replace("alone", "alone\tneg").replace("\n\tpos", "\nx\tpos")
    assert desk.load("classification", "b.tsv", mended).info.rows == 2
    questions = desk.load("qa", "a.json", asked(("dog", 2)))
    again = json.loads(questions.rejected)
    assert again["question"] == "Who sat?"
    again["answers"] = [{"text": "cat", "answer_start": 2}]
    assert desk.load("qa", "again" + questions.info.rejected_suffix, json.dumps(again)).info.rows == 1
    sentences = desk.load("ner", "a.conll", "Anna\tB-PER\n\nin\nRome\tB-LOC\n\n")
    assert sentences.rejected == "in\nRome\tB-LOC\n\n"


def test_one_stray_quote_does_not_swallow_the_lines_after_it(desk: Desk) -> None:
    lines = [f"row {number}\t{'pos' if number % 2 else 'neg'}" for number in range(1000)]
    lines[3] = '"' + lines[3]
    as_tsv = desk.load("classification", "a.tsv", "\n".join(lines))
    assert (as_tsv.info.rows, as_tsv.info.problem_count) == (1000, 0)
    as_csv = desk.load("classification", "a.csv", "\n".join(lines).replace("\t", ","))
    assert (as_csv.info.rows, as_csv.problems) == (999, [(4, "quote.unclosed")])


def test_only_whole_files_are_taken_when_that_is_asked_for(desk: Desk) -> None:
    with pytest.raises(RefusedData, match="1 rows have problems") as refused:
        desk.load("classification", "a.tsv", GOOD + "alone\n", keep_good_rows=False)
    assert [(problem.line, problem.code) for problem in refused.value.problems] == [(3, "columns.count")]
    assert [path.name for path in desk.folder.iterdir()] == ["a.tsv"]


@pytest.mark.parametrize(
    ("task", "content", "words"),
    [
        ("classification", "a\tx\nb\tx\n", "all rows have the label “x”"),
        ("classification", "text\tlabel\n", "no row of the file can be used"),
        ("classification", "just\nlines\n", "no column for text and label"),
        ("classification", "a\t\nb\t\n", "no row of the file can be used"),
        ("ner", "a\tO\nb\tO\n", "no row has an entity"),
        ("qa", "context\tquestion\nx\ty\n", "no column for answer"),
    ],
)
def test_data_that_nothing_can_be_trained_on_is_refused_in_words(
    desk: Desk, task: str, content: str, words: str
) -> None:
    with pytest.raises(RefusedData, match=words) as refused:
        desk.load(task, "a.tsv", content)
    assert refused.value.hint
    assert [path.name for path in desk.folder.iterdir()] == ["a.tsv"]


def test_more_labels_than_anybody_trains_on_are_refused_early(desk: Desk) -> None:
    content = "".join(f"text {number}\tlabel {number}\n" for number in range(10_002))
    with pytest.raises(Exception, match="more than 10,000 different labels"):
        desk.load("classification", "a.tsv", content)


def test_many_problems_are_counted_and_the_first_ones_kept(desk: Desk) -> None:
    loaded = desk.load("classification", "a.tsv", "text\tlabel\n" + GOOD + "alone\n" * 10_500)
    assert loaded.info.problem_count == loaded.info.rejected_count == 10_500
    assert len(loaded.report.problems) == 100
    shown, total = loaded.dataset.problems(9_990, 100)
    assert (len(shown), total, shown[-1].line) == (10, 10_500, 10_003)
