"""Twenty damaged variants of the five formats that annotation tools and data sets come in: each problem has its line."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.engine.data.makers import Desk, jsonl, question, squad

SENTENCE = "EU NNP B-NP B-ORG\nrejects VBZ B-VP O\n\n"


def conll(*lines: str) -> str:
    """A good sentence, which ends at line 3, the given lines, and a good one."""
    return SENTENCE + "\n".join(lines) + "\n\n" + SENTENCE


def doccano(*labels: Any, text: str = "Anna in Rome") -> str:
    return jsonl({"id": 1, "text": "Rome", "label": [[0, 4, "LOC"]]}, {"id": 2, "text": text, "label": list(labels)})


def studio(*results: dict[str, Any], text: str = "Anna in Rome") -> str:
    """Label Studio's export: a good task, and one at line 26 with these results."""
    tasks = [
        {"id": number, "data": {"text": words}, "annotations": [{"was_cancelled": False, "result": found}]}
        for number, (words, found) in enumerate((("Anna in Rome", [mark(0, 4, "Anna")]), (text, list(results))))
    ]
    return json.dumps(tasks, indent=1)


def mark(start: Any, end: Any, text: str, *labels: str) -> dict[str, Any]:
    return {"type": "labels", "value": {"start": start, "end": end, "text": text, "labels": list(labels or ["PER"])}}


WHOLE = {"context": "A cat sat on a mat.", "qas": [question("a", "Where?", ("mat", 15), impossible=False)]}


def squad2(*answers: tuple[str, int | None], text: str = "Who sat?", impossible: bool | None = False) -> str:
    context = "A cat sat on a mat. A cat."
    good = question("a", "Where?", ("mat", 15), impossible=False)
    return squad({"context": context, "qas": [good, question("b", text, *answers, impossible=impossible)]})


def cmrc(*answers: Any, text: str = "谁开发的？", context: str = "《战国无双3》由光荣开发。") -> str:
    asked = [{"query_id": "Q0", "query_text": "何时？", "answers": ["2009年"]}]
    told = [{"query_id": "Q1", "query_text": text, "answers": list(answers)}]
    good = {"context_id": "T0", "context_text": "于2009年发售。", "qas": asked}
    return json.dumps([good, {"context_id": "T1", "context_text": context, "qas": told}], ensure_ascii=False, indent=1)


# name: (task, file name, content, the problem's line and code, rows kept)
DAMAGED: dict[str, tuple[str, str, str, int, str, int]] = {
    "conll: a column is missing": ("ner", "a.conll", conll("German JJ B-MISC"), 4, "columns.count", 2),
    "conll: a column too many": ("ner", "a.conll", conll("German JJ B-NP B-MISC x"), 4, "columns.count", 2),
    "conll: an inside tag that begins": ("ner", "a.conll", conll("call NN B-NP O", "Peter NNP B-NP I-PER"), 5, "tags.illegal", 3),
    "conll: a tag of no scheme": ("ner", "a.conll", conll("Peter NNP B-NP PER"), 4, "tag.unknown", 2),
    "doccano: a span outside": ("ner", "a.jsonl", doccano([8, 30, "LOC"]), 2, "span.outside", 1),
    "doccano: overlapping spans": ("ner", "a.jsonl", doccano([0, 7, "PER"], [5, 12, "LOC"]), 2, "span.overlap", 1),
    "doccano: a span of words": ("ner", "a.jsonl", doccano(["a", "b", "LOC"]), 2, "span.invalid", 1),
    "doccano: a broken line": ("ner", "a.jsonl", doccano([0, 4, "PER"])[:-4] + "\n", 2, "json.invalid", 1),
    "label studio: a mention that stands nowhere": ("ner", "a.json", studio(mark(0, 4, "Oslo")), 26, "span.mismatch", 1),
    "label studio: a mark outside": ("ner", "a.json", studio(mark(8, 40, "Rome")), 26, "span.outside", 1),
    "label studio: overlapping marks": ("ner", "a.json", studio(mark(0, 7, "Anna in"), mark(5, 12, "in Rome")), 26, "span.overlap", 1),
    "label studio: an empty text": ("ner", "a.json", studio(mark(0, 4, "Anna"), text=" "), 26, "text.empty", 1),
    "squad: an answer that is not there": ("qa", "a.json", squad2(("dog", 2)), 23, "answer.not_found", 1),
    "squad: an answer that starts elsewhere": ("qa", "a.json", squad2(("cat", 4)), 23, "answer.start_moved", 2),
    "squad: an empty question": ("qa", "a.json", squad2(("cat", 2), text=" "), 23, "question.empty", 1),
    "squad: cut off": ("qa", "a.json", squad(WHOLE, WHOLE)[:-60], 25, "json.unclosed", 1),
    "cmrc: an answer that is not there": ("qa", "a.json", cmrc("索尼"), 21, "answer.not_found", 1),
    "cmrc: an empty question": ("qa", "a.json", cmrc("光荣", text=" "), 21, "question.empty", 1),
    "cmrc: an empty context": ("qa", "a.json", cmrc("光荣", context=""), 21, "context.empty", 1),
    "cmrc: an answer that is a number": ("qa", "a.json", cmrc(7), 21, "answer.not_found", 1),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGED)
def test_the_problem_has_its_line_and_costs_only_its_row(desk: Desk, name: str) -> None:
    task, file, content, line, code, kept = DAMAGED[name]
    loaded = desk.load(task, file, content)
    assert (loaded.problems, loaded.info.rows) == ([(line, code)], kept)
    problem = loaded.report.problems[0]
    assert problem.message and problem.fix
    assert line <= content.count("\n") + 1


def test_there_are_twenty_of_five_formats() -> None:
    assert len(DAMAGED) == 20
    assert len({name.split(":")[0] for name in DAMAGED}) == 5
