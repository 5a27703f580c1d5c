"""Rebuild `nlpstudio/samples/` from the raw public data sets: `python bench/make_samples.py RAW_FOLDER`.

RAW_FOLDER holds one folder for each data set (see the sources in LICENCES.md). The same input
gives the same bytes: every choice is made with a seed, and nothing is written but text.
"""

from __future__ import annotations

import csv
import json
import random
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

SEED = 20
SAMPLES = Path(__file__).parent.parent / "nlpstudio" / "samples"

Row = tuple[str, ...]


def flat(text: str) -> str:
    """The text on one line and without tabs: what a cell of a TSV can hold."""
    return " ".join(text.split())


def unique(rows: Iterable[Row], seen: set[str]) -> list[Row]:
    """The rows whose text (first column) has not been seen, in their order."""
    fresh = []
    for row in rows:
        if row[0] and row[0] not in seen:
            seen.add(row[0])
            fresh.append(row)
    return fresh


def some(rows: Sequence[Row], count: int) -> list[Row]:
    """`count` rows drawn with the seed, in their first order."""
    drawn = random.Random(SEED).sample(range(len(rows)), min(count, len(rows)))
    return [rows[place] for place in sorted(drawn)]


def some_of_each(rows: Sequence[Row], count: int) -> list[Row]:
    """At most `count` rows of each label (last column)."""
    labels = sorted({row[-1] for row in rows})
    kept = {row for label in labels for row in some([row for row in rows if row[-1] == label], count)}
    return [row for row in rows if row in kept]


def write_tsv(name: str, header: Row, rows: Sequence[Row]) -> int:
    """Write the file and return its number of rows."""
    lines = ["\t".join(row) for row in (header, *rows)]
    (SAMPLES / name).write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    return len(rows)


def write_splits(name: str, header: Row, splits: dict[str, list[Row]]) -> int:
    """Write the splits one after the other with a `split` column."""
    rows = [(*row, split) for split, part in splits.items() for row in part]
    return write_tsv(name, (*header, "split"), rows)


def sms_spam(raw: Path) -> int:
    """All messages once (414 of the 5,574 are repetitions), text first, with a header."""
    lines = (raw / "sms_spam" / "sms.tsv").read_text(encoding="utf-8").splitlines()
    rows = [(flat(text), label) for label, text in (line.split("\t", 1) for line in lines)]
    return write_tsv("sms_spam_en.tsv", ("text", "label"), unique(rows, set()))


def book_reviews(raw: Path) -> int:
    """A part of the Douban reviews, labels in words, the published splits kept apart."""
    words, seen, splits = {"0": "negative", "1": "positive"}, set[str](), {}
    for split, (source, count) in {"train": ("train", 3600), "validation": ("dev", 700), "test": ("test", 700)}.items():
        lines = (raw / "book_review_zh" / f"{source}.tsv").read_text(encoding="utf-8").splitlines()[1:]
        rows = [(flat(text), words[label]) for label, text in (line.split("\t", 1) for line in lines)]
        splits[split] = some(unique(rows, seen), count)
    return write_splits("book_reviews_zh.tsv", ("text", "label"), splits)


def banking77(raw: Path) -> int:
    """Up to 50 training, 10 validation and 20 test questions of each of the 77 intents."""

    def read(name: str) -> list[Row]:
        with (raw / "banking77" / name).open(encoding="utf-8", newline="") as file:
            return [(flat(row["text"]), row["category"]) for row in csv.DictReader(file)]

    seen: set[str] = set()
    test = some_of_each(unique(read("test.csv"), seen), 20)
    train = unique(read("train.csv"), seen)
    validation = some_of_each(train, 8)
    rest = [row for row in train if row not in set(validation)]
    splits = {"train": some_of_each(rest, 50), "validation": validation, "test": test}
    return write_splits("banking77_en.tsv", ("text", "label"), splits)


def wnut17(raw: Path) -> int:
    """A part of each published split, a sentence a line; without those that have several tags on a word or begin inside a name."""
    splits = {}
    for split, (source, count) in {"train": ("train", 2400), "validation": ("dev", 500), "test": ("test", 700)}.items():
        sentences, tokens, tags = [], [], []
        for line in [*(raw / "wnut17" / f"{source}.conll").read_text(encoding="utf-8").split("\n"), ""]:
            if line.strip():
                token, tag = line.split("\t")[:2]
                tokens.append("".join(token.split()) or "?")
                tags.append(tag.strip())
            elif tokens:
                sentences.append((" ".join(tokens), " ".join(tags)))
                tokens, tags = [], []
        splits[split] = some([row for row in sentences if is_iob2(row[1].split())], count)
    return write_splits("wnut17_en.tsv", ("tokens", "tags"), splits)


def is_iob2(tags: list[str]) -> bool:
    """Whether each word has one tag and each `I-` continues a name of its type."""
    pairs = zip(["O", *tags], tags, strict=False)
    return all("," not in tag and (tag[0] != "I" or before[2:] == tag[2:]) for before, tag in pairs)


def msra(raw: Path) -> int:
    """News sentences by character; the published train file is not at hand, so its dev file trains."""

    def read(name: str) -> list[Row]:
        lines = (raw / "msra_ner_uer" / name).read_text(encoding="utf-8").splitlines()[1:]
        rows = [tuple(flat(cell) for cell in line.split("\t")) for line in lines]
        return [row for row in rows if len(row[0].split()) == len(row[1].split())]

    seen: set[str] = set()
    test = unique(read("test.tsv"), seen)
    train = unique(read("dev.tsv"), seen)
    drawn = some(test, 700)
    splits = {"train": some(train, 1500), "validation": drawn[:250], "test": drawn[250:]}
    return write_splits("msra_ner_zh.tsv", ("tokens", "tags"), splits)


def squad(source: Path, name: str) -> int:
    """The questions in SQuAD's own format without its blanks; repeated answers once."""
    data: list[dict[str, Any]] = json.loads(source.read_text(encoding="utf-8"))["data"]
    articles, count = [], 0
    for article in data:
        paragraphs = []
        for paragraph in article["paragraphs"]:
            context = paragraph["context"]
            questions = [
                {"id": each["id"], "question": each["question"], "answers": answers_in(context, each["answers"])}
                for each in paragraph["qas"]
            ]
            questions = [question for question in questions if question["answers"]]
            count += len(questions)
            paragraphs.append({"context": context, "qas": questions})
        articles.append({"title": article.get("title", ""), "paragraphs": paragraphs})
    content = json.dumps({"version": "1.1", "data": articles}, ensure_ascii=False, separators=(",", ":"))
    (SAMPLES / name).write_text(content + "\n", encoding="utf-8")
    return count


def answers_in(context: str, answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The different answers at their true place: a wrong start is mended where the answer stands once, else it goes."""
    found = {}
    for answer in answers:
        text, start = answer["text"], answer["answer_start"]
        if not context.startswith(text, start):
            start = context.find(text) if context.count(text) == 1 else -1
        if start >= 0:
            found[start, text] = {"text": text, "answer_start": start}
    return list(found.values())


def main(raw: Path) -> None:
    """Write every file and the row counts into the index."""
    rows = {
        "sms-spam": sms_spam(raw),
        "book-reviews-zh": book_reviews(raw),
        "banking77": banking77(raw),
        "wnut17": wnut17(raw),
        "msra-ner-zh": msra(raw),
        "cmrc2018": squad(raw / "cmrc2018" / "trial.json", "cmrc2018_zh.json"),
        "xquad-en": squad(raw / "xquad" / "xquad.en.json", "xquad_en.json"),
    }
    index = json.loads((SAMPLES / "samples.json").read_text(encoding="utf-8"))
    for entry in index:
        entry["rows"] = rows[entry["id"]]
        print(f"{entry['id']:18} {entry['rows']:6} rows {(SAMPLES / entry['file']).stat().st_size:8} bytes")
    text = json.dumps(index, ensure_ascii=False, indent=2)
    (SAMPLES / "samples.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
