"""Every format that people have is read as it is."""

from __future__ import annotations

import gzip
import io
import json
import zipfile

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nlpstudio.engine.data.sniffing import sniff
from tests.engine.data.makers import Desk, entities, jsonl, question, squad

ROWS = [("good room", "pos"), ("bad food", "neg"), ("酒店很好", "pos"), ('an "odd" quote', "neg")]
TSV = "".join(f"{text}\t{label}\n" for text, label in ROWS)
PAIRS = [(text, (label,)) for text, label in ROWS]


def texts_and_labels(rows: list) -> list:
    return [(row.text, row.labels) for row in rows]


def test_a_tsv_without_a_header(desk: Desk) -> None:
    loaded = desk.load("classification", "a.tsv", TSV)
    assert texts_and_labels(loaded.rows) == PAIRS
    assert loaded.info.labels == ["neg", "pos"]
    assert [row.line for row in loaded.rows] == [1, 2, 3, 4]
    assert loaded.info.options["header"] is False


@pytest.mark.parametrize(
    "header",
    ["text\tlabel", "\ufeffText \t LABEL", "sentence\tcategory", "文本\t标签", "review\tpolarity", "zqx\tlabel"],
)
def test_a_header_is_known_by_its_names(desk: Desk, header: str) -> None:
    loaded = desk.load("classification", "a.tsv", f"{header}\n{TSV}")
    assert texts_and_labels(loaded.rows) == PAIRS
    assert loaded.rows[0].line == 2


def test_the_label_may_come_first(desk: Desk) -> None:
    swapped = "".join(f"{label}\t{text}\n" for text, label in ROWS)
    assert texts_and_labels(desk.load("classification", "a.tsv", "label\ttext_a\n" + swapped).rows) == PAIRS
    assert texts_and_labels(desk.load("classification", "b.tsv", swapped * 3).rows) == PAIRS * 3


def test_pairs_of_texts(desk: Desk) -> None:
    loaded = desk.load("classification", "a.tsv", "你好吗\t您好吗\t1\n天气\t足球\t0\n")
    assert [(row.text, row.text_pair, row.labels) for row in loaded.rows] == [
        ("你好吗", "您好吗", ("1",)),
        ("天气", "足球", ("0",)),
    ]


def test_several_labels_a_row(desk: Desk) -> None:
    loaded = desk.load("classification", "a.tsv", "text\tlabel\nx y\ta| b|a\nz\tb\nw\t\n", multilabel=True)
    assert [row.labels for row in loaded.rows] == [("a", "b"), ("b",), ()]
    assert loaded.info.labels == ["a", "b"]


def test_a_csv_with_quotes_commas_and_line_ends_in_cells(desk: Desk) -> None:
    content = 'text,label\r\n"a, ""b""\r\nc",x\r\nplain,y\r\n'
    loaded = desk.load("classification", "a.csv", content)
    assert texts_and_labels(loaded.rows) == [('a, "b"\nc', ("x",)), ("plain", ("y",))]
    assert [row.line for row in loaded.rows] == [2, 4]


def test_a_csv_with_semicolons(desk: Desk) -> None:
    loaded = desk.load("classification", "a.csv", "text;label\na;x\nb;y\n")
    assert texts_and_labels(loaded.rows) == [("a", ("x",)), ("b", ("y",))]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "gb18030"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends(desk: Desk, encoding: str, end: str) -> None:
    rows = [("这家酒店的房间很干净，服务态度也好", "好"), ("早餐一般，隔音效果差，下次不会再来", "差")] * 20
    content = end.join(f"{text}\t{label}" for text, label in rows) + end
    loaded = desk.load("classification", "a.tsv", content.encode(encoding))
    assert texts_and_labels(loaded.rows) == [(text, (label,)) for text, label in rows]


def test_json_lines_and_arrays_and_streams(desk: Desk) -> None:
    records = [{"content": text, "category": label, "other": 1} for text, label in ROWS]
    stream = "\n".join(json.dumps(record, indent=2) for record in records)
    for name, content in (
        ("a.jsonl", jsonl(*records)),
        ("a.txt", jsonl(*records)),
        ("a.json", json.dumps(records)),
        ("b.json", json.dumps(records, indent=4, ensure_ascii=False)),
        ("c.json", stream),
    ):
        assert texts_and_labels(desk.load("classification", name, content).rows) == PAIRS, name
    lines = [row.line for row in desk.load("classification", "d.json", stream).rows]
    assert lines == [1, 6, 11, 16]


def test_numbers_as_labels_stay_the_same_text_in_every_format(desk: Desk) -> None:
    book = openpyxl.Workbook()
    for row in (["text", "label"], ["a", 1], ["b", 0.0], ["c", "2"]):
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    table = pa.table({"text": ["a", "b", "c"], "label": [1.0, 0.0, 2.0]})
    pq.write_table(table, desk.folder / "a.parquet")
    expected = [("a", ("1",)), ("b", ("0",)), ("c", ("2",))]
    assert texts_and_labels(desk.load("classification", "a.xlsx", out.getvalue()).rows) == expected
    assert texts_and_labels(desk.load_path("classification", desk.folder / "a.parquet").rows) == expected
    records = jsonl({"text": "a", "label": 1}, {"text": "b", "label": 0.0}, {"text": "c", "label": "2"})
    assert texts_and_labels(desk.load("classification", "a.jsonl", records).rows) == expected
    assert texts_and_labels(desk.load("classification", "a.tsv", "a\t1\nb\t0\nc\t2\n").rows) == expected


def test_class_names_of_a_parquet_file_replace_its_numbers(desk: Desk) -> None:
    features = {
        "label": {"names": ["neg", "pos"], "_type": "ClassLabel"},
        "text": {"dtype": "string", "_type": "Value"},
    }
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    table = pa.table({"text": ["a", "b"], "label": [1, 0]}).replace_schema_metadata(metadata)
    pq.write_table(table, desk.folder / "a.parquet")
    assert [row.labels for row in desk.load_path("classification", desk.folder / "a.parquet").rows] == [
        ("pos",),
        ("neg",),
    ]


def test_gzip_and_zip_of_a_file(desk: Desk) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("folder/data.tsv", TSV)
        archive.writestr("README.md", "about")
        archive.writestr("__MACOSX/._data.tsv", "junk")
    for name, content in (
        ("a.tsv.gz", gzip.compress(TSV.encode())),
        ("a.zip", packed.getvalue()),
        ("b.tsv", packed.getvalue()),
    ):
        assert texts_and_labels(desk.load("classification", name, content).rows) == PAIRS


def test_a_zip_of_splits_and_further_files_keep_their_splits(desk: Desk) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("train.tsv", TSV)
        archive.writestr("dev.tsv", "c\tpos\n")
        archive.writestr("test.tsv", "d\tneg\ne\tpos\n")
    assert desk.load("classification", "a.zip", packed.getvalue()).info.splits == {
        "train": 4,
        "validation": 1,
        "test": 2,
    }
    extra = {"test": desk.put("x.tsv", "d\tneg\ne\tpos\n"), "validation": desk.put("y.tsv", "c\tpos\n")}
    loaded = desk.load_path("classification", desk.put("a.tsv", TSV), extra=extra)
    assert loaded.info.splits == {"train": 4, "validation": 1, "test": 2}


def test_conll_with_four_columns(desk: Desk) -> None:
    content = (
        "-DOCSTART- -X- -X- O\n\n"
        "EU NNP I-NP I-ORG\nrejects VBZ I-VP O\nGerman JJ I-NP I-MISC\ncall NN I-NP O\n\n"
        "Peter NNP I-NP I-PER\nBlackburn NNP I-NP I-PER\n\n\n"
    )
    loaded = desk.load("ner", "eng.train", content)
    assert [row.text for row in loaded.rows] == ["EU rejects German call", "Peter Blackburn"]
    assert [entities(row) for row in loaded.rows] == [[("EU", "ORG"), ("German", "MISC")], [("Peter Blackburn", "PER")]]
    assert loaded.problems == []  # IOB1 is a scheme, not a mistake
    assert [row.line for row in loaded.rows] == [3, 8]
    pos = desk.load("ner", "b.conll", content, columns={"tokens": "0", "tags": "1"})
    assert pos.rows[0].tags == ("NNP", "VBZ", "JJ", "NN")


def test_conll_with_tabs_in_its_empty_lines_and_hash_tokens(desk: Desk) -> None:
    loaded = desk.load("ner", "a.conll", "#love\tO\nParis\tB-LOC\n\t\nNew\tB-LOC\nYork\tI-LOC\n\t")
    assert [entities(row) for row in loaded.rows] == [[("Paris", "LOC")], [("New York", "LOC")]]
    assert loaded.rows[0].text == "#love Paris"


def test_conllu_skips_surface_forms_and_comments(desk: Desk) -> None:
    def word(key: str, form: str, tag: str) -> str:
        return "\t".join([key, form, "_", tag, *["_"] * 6]) + "\n"

    content = "# sent_id = 1\n# text = Don't go\n" + word("1-2", "Don't", "_") + word("1", "Do", "AUX")
    content += word("2", "n't", "PART") + word("2.1", "x", "_") + word("3", "go", "VERB") + "\n"
    loaded = desk.load("ner", "a.conllu", content)
    assert (loaded.rows[0].text, loaded.rows[0].tags) == ("Do n't go", ("AUX", "PART", "VERB"))


def test_one_sentence_a_line_with_characters_as_tokens(desk: Desk) -> None:
    loaded = desk.load(
        "ner", "a.tsv", "text_a\tlabel\n我 爱 北 京 N B A 2 0 2 4\tO O B-LOC I-LOC B-ORG I-ORG I-ORG O O O O\n"
    )
    row = loaded.rows[0]
    assert row.text == "我爱北京NBA2024"
    assert entities(row) == [("北京", "LOC"), ("NBA", "ORG")]


def test_doccano_json_lines(desk: Desk) -> None:
    old = {"id": 1, "text": "Barack Obama in Paris", "label": [[0, 12, "PER"], [16, 21, "LOC"]]}
    new = {
        "id": 2,
        "text": "😀 在北京",
        "entities": [{"id": 1, "label": "LOC", "start_offset": 3, "end_offset": 5}],
        "relations": [],
    }
    loaded = desk.load("ner", "all.jsonl", jsonl(old))
    assert entities(loaded.rows[0]) == [("Barack Obama", "PER"), ("Paris", "LOC")]
    assert entities(desk.load("ner", "new.jsonl", jsonl(new)).rows[0]) == [("北京", "LOC")]


def test_label_studio_exports_with_its_utf_16_offsets(desk: Desk) -> None:
    def mark(start: int, end: int, text: str, label: str) -> dict:
        value = {"start": start, "end": end, "text": text, "labels": [label]}
        return {"id": "x", "from_name": "label", "to_name": "text", "type": "labels", "value": value}

    task = {
        "id": 7,
        "data": {"text": "😀😀 Anna lives in Rome"},
        "annotations": [
            {"was_cancelled": True, "result": []},
            {"was_cancelled": False, "result": [mark(5, 9, "Anna", "PER"), mark(19, 23, "Rome", "LOC")]},
        ],
        "predictions": [],
    }
    loaded = desk.load("ner", "project-1.json", json.dumps([task], indent=2))
    assert entities(loaded.rows[0]) == [("Anna", "PER"), ("Rome", "LOC")]
    chosen = {"type": "choices", "value": {"choices": ["pos"]}}
    choices = [{"data": {"text": t}, "annotations": [{"result": [chosen]}]} for t in "ab"]
    choices[1]["annotations"][0]["result"] = [{"type": "choices", "value": {"choices": ["neg"]}}]
    loaded = desk.load("classification", "p.json", json.dumps(choices))
    assert texts_and_labels(loaded.rows) == [("a", ("pos",)), ("b", ("neg",))]


def test_a_stream_of_objects_with_inclusive_ends(desk: Desk) -> None:
    records = [
        {"text": "浙商银行的叶老桂", "label": {"company": {"浙商银行": [[0, 3]]}, "name": {"叶老桂": [[5, 7]]}}},
        {"text": "CSOL好玩", "label": {"game": {"CSOL": [[0, 3]]}}},
    ]
    content = "\n".join(json.dumps(record, indent=2, ensure_ascii=False) for record in records)
    loaded = desk.load("ner", "a.json", content)
    assert [message["code"] for message in sniff(desk.folder / "a.json", "ner").messages] == ["spans.inclusive"]
    assert [entities(row) for row in loaded.rows] == [[("浙商银行", "company"), ("叶老桂", "name")], [("CSOL", "game")]]


def test_squad_2_with_several_answers_and_none(desk: Desk) -> None:
    context = "Warsaw is the capital of Poland. Warsaw is old."
    paragraph = {
        "context": context,
        "qas": [
            question("q1", "What is the capital?", ("Warsaw", 0), ("Warsaw", 33), impossible=False),
            {**question("q2", "Who?", impossible=True), "plausible_answers": [{"text": "old", "answer_start": 43}]},
        ],
    }
    loaded = desk.load("qa", "dev.json", squad(paragraph))
    assert [(row.key, row.answers) for row in loaded.rows] == [("q1", (("Warsaw", 0), ("Warsaw", 33))), ("q2", ())]
    assert loaded.info.statistics["unanswerable"] == {"rows": 1, "share": 0.5}
    one_line = desk.load("qa", "one.json", squad(paragraph, indent=None))
    assert one_line.rows[0].answers == loaded.rows[0].answers
    assert one_line.info.fingerprint == loaded.info.fingerprint


def test_cmrc_in_its_own_shape_and_in_squads(desk: Desk) -> None:
    context = "《战国无双3》由光荣开发，于2009年发售。"
    own = [
        {
            "context_id": "T1",
            "context_text": context,
            "qas": [{"query_id": "Q1", "query_text": "谁开发的？", "answers": ["光荣", "光荣", "光荣"]}],
        }
    ]
    as_squad = squad({"id": "T1", "context": context, "qas": [question("Q1", "谁开发的？", *[("光荣", 8)] * 3)]})
    expected = [("Q1", (("光荣", 8),) * 3)]
    assert [
        (row.key, row.answers) for row in desk.load("qa", "a.json", json.dumps(own, ensure_ascii=False, indent=1)).rows
    ] == expected
    assert [(row.key, row.answers) for row in desk.load("qa", "b.json", as_squad).rows] == expected


def test_questions_as_a_table_and_as_flat_records(desk: Desk) -> None:
    table = "context\tquestion\tanswer\tanswer_start\nA cat sat.\tWho?\tcat\t2\nA cat sat.\tWhere?\t\t\nA dog.\tWho?\tdog\t\n"
    loaded = desk.load("qa", "a.tsv", table)
    assert [row.answers for row in loaded.rows] == [(("cat", 2),), (), (("dog", 2),)]
    flat = {"id": "1", "context": "A cat sat.", "question": "Who?", "answers": {"text": ["cat"], "answer_start": [2]}}
    assert desk.load("qa", "a.jsonl", jsonl(flat)).rows[0].answers == (("cat", 2),)


def test_columns_can_be_chosen_by_name_and_by_index(desk: Desk) -> None:
    content = "id\tnote\tverdict\n1\tgood\tx\n2\tbad\ty\n"
    by_name = desk.load("classification", "a.tsv", content, columns={"text": "Note ", "label": "verdict"})
    by_index = desk.load("classification", "b.tsv", content, columns={"text": "1", "label": "2"}, header=True)
    assert texts_and_labels(by_name.rows) == texts_and_labels(by_index.rows) == [("good", ("x",)), ("bad", ("y",))]
