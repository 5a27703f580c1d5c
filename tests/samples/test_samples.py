"""The sample data sets are what their index says, sound, small, and may be passed on."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from nlpstudio.engine import samples
from nlpstudio.engine.catalogue import CATALOGUE
from nlpstudio.engine.conversion.curated import SHELF
from nlpstudio.engine.samples import SAMPLES, Sample
from nlpstudio.engine.spec import TrainParams

FREE_LICENCES = {"CC BY 4.0", "CC BY-SA 4.0", "Apache-2.0"}
TSV = [s for s in SAMPLES.values() if s.file.endswith(".tsv")]
SQUAD = [s for s in SAMPLES.values() if s.file.endswith(".json")]
by_id = pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)


def rows_of(sample: Sample) -> list[list[str]]:
    lines = sample.path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    return [line.split("\t") for line in lines]


@by_id
def test_a_sample_is_small_and_trainable_with_what_it_suggests(sample: Sample) -> None:
    assert sample.path.stat().st_size <= 700_000
    assert sample.task in CATALOGUE
    assert sample.base_model in SHELF
    assert sample.language in SHELF[sample.base_model].languages
    TrainParams.from_json(sample.params)


@by_id
def test_a_sample_may_be_passed_on_and_says_whose_it_is(sample: Sample) -> None:
    notes = (samples.FOLDER / "LICENCES.md").read_text(encoding="utf-8")
    assert sample.licence in FREE_LICENCES
    assert f"`{sample.file}`" in notes
    assert sample.source in notes


@pytest.mark.parametrize("sample", TSV, ids=lambda s: s.id)
def test_every_line_has_the_columns_of_the_header(sample: Sample) -> None:
    header, *rows = rows_of(sample)
    assert len(rows) == sample.rows
    assert all(len(row) == len(header) and all(row) for row in rows)
    assert set(CATALOGUE[sample.task].columns) <= set(header)


@pytest.mark.parametrize("sample", [s for s in TSV if s.task == "ner"], ids=lambda s: s.id)
def test_each_token_has_one_tag_and_inside_follows_begin(sample: Sample) -> None:
    for tokens, tags, _ in rows_of(sample)[1:]:
        assert len(tokens.split(" ")) == len(tags.split(" "))
        for before, tag in zip(["O", *tags.split(" ")], tags.split(" "), strict=False):
            assert tag == "O" or tag[:2] in ("B-", "I-")
            assert "," not in tag
            assert not tag.startswith("I-") or before[2:] == tag[2:]


@pytest.mark.parametrize("sample", TSV, ids=lambda s: s.id)
def test_no_text_stands_in_two_splits(sample: Sample) -> None:
    texts = Counter(row[0] for row in rows_of(sample)[1:])
    if sample.task == "classification" or sample.language == "zh":
        assert max(texts.values()) == 1


@pytest.mark.parametrize("sample", SQUAD, ids=lambda s: s.id)
def test_each_answer_stands_where_it_is_said_to(sample: Sample) -> None:
    questions = 0
    for article in json.loads(sample.path.read_text(encoding="utf-8"))["data"]:
        for paragraph in article["paragraphs"]:
            for question in paragraph["qas"]:
                questions += 1
                assert question["answers"]
                for answer in question["answers"]:
                    start = answer["answer_start"]
                    assert paragraph["context"][start : start + len(answer["text"])] == answer["text"]
    assert questions == sample.rows


def test_an_unknown_sample_is_said_in_words() -> None:
    with pytest.raises(samples.SampleMissing) as caught:
        samples.find("no-such-thing")
    assert "sms-spam" in caught.value.hint


RAW = Path(__file__).parents[3] / "shared" / "data"


@pytest.mark.skipif(not RAW.is_dir(), reason="the raw data sets are not part of the repository")
def test_the_script_rebuilds_the_same_bytes(tmp_path: Path) -> None:
    script = shutil.copytree(Path(__file__).parents[2] / "bench", tmp_path / "bench") / "make_samples.py"
    copy = shutil.copytree(samples.FOLDER, tmp_path / "nlpstudio" / "samples")
    for sample in SAMPLES.values():
        (copy / sample.file).unlink()
    subprocess.run([sys.executable, str(script), str(RAW)], check=True, capture_output=True)
    for path in samples.FOLDER.iterdir():
        assert (copy / path.name).read_bytes() == path.read_bytes()
