"""Tags survive word pieces, windows and hard characters, and answers stand where they say they do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModelForTokenClassification, AutoTokenizer, pipeline

from nlpstudio.engine.data.rows import TaggedRow
from nlpstudio.engine.data.tokens import join_tokens
from nlpstudio.engine.errors import UnsuitableInput, UnusableData
from nlpstudio.engine.inference.predictor import Predictor
from nlpstudio.engine.spec import TrainParams
from nlpstudio.engine.tasks.base import Setup
from nlpstudio.engine.tasks.token_classification import IGNORED, TASK, TaggingExample
from nlpstudio.engine.training import loop
from tests.engine.cast import tagged_rows, training
from tests.engine.tasks.conftest import TOKENIZERS
from tests.engine.tasks.test_tag_decoding import is_legal
from tests.engine.tasks.texts import texts, tokens

LABELS = ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
names = st.sampled_from(sorted(TOKENIZERS))


def setup(max_length: int = 64, overlap: int = 4, labels: tuple[str, ...] = LABELS) -> Setup:
    return Setup(labels=labels, max_length=max_length, params=TrainParams(doc_stride=overlap))


def row(words: list[str], tags: list[str]) -> TaggedRow:
    text, places = join_tokens(words)
    return TaggedRow(row_id=3, line=9, text=text, tokens=places, tags=tuple(tags))


def told(example: TaggingExample, count: int) -> Any:
    """The logits [tokens, tags] of a model that knows the targets of this window and nothing else."""
    logits = np.zeros((len(example), count), dtype=np.float32)
    known = np.flatnonzero(example.targets != IGNORED)
    logits[known, example.targets[known]] = 9
    return logits


@st.composite
def tagged(draw: st.DrawFn) -> TaggedRow:
    words: list[str] = draw(tokens)
    tags: list[str] = []
    for _ in words:
        inside = [f"I-{tags[-1][2:]}"] if tags and tags[-1] != "O" else []
        tags.append(draw(st.sampled_from(["O", "B-LOC", "B-PER", *inside])))
    return row(words, tags)


@settings(max_examples=300, deadline=None)
@given(row=tagged(), name=names, max_length=st.integers(8, 24), overlap=st.integers(1, 20))
def test_what_the_model_says_comes_back_for_every_token_of_a_windowed_text(
    row: TaggedRow, name: str, max_length: int, overlap: int
) -> None:
    wanted = setup(max_length, overlap)
    encoded = TASK.encode([row], TOKENIZERS[name], wanted)
    assert encoded.truncated == 0
    assert all(len(example) <= max_length for example in encoded.examples)
    own = encoded.examples[0].alignment.first >= 0
    assert sum(int((example.targets != IGNORED).sum()) for example in encoded.examples) == own.sum()
    (found,) = TASK.decode([row], encoded.examples, [told(each, len(LABELS)) for each in encoded.examples], wanted)
    assert len(found.tags) == len(row.tokens)
    assert is_legal(found.tags)
    if own.all():
        assert found.tags == list(row.tags)
    report = TASK.score([row], [found], wanted)
    assert report["metrics"]["token_accuracy"] == np.mean([a == b for a, b in zip(row.tags, found.tags, strict=True)])


@settings(max_examples=300, deadline=None)
@given(text=texts.filter(str.strip), name=names, seed=st.integers(0, 1000))
def test_whatever_a_model_says_its_entities_stand_where_they_say(text: str, name: str, seed: int) -> None:
    wanted, random = setup(16), np.random.default_rng(seed)
    rows = TASK.parse(text)
    encoded = TASK.encode(rows, TOKENIZERS[name], wanted)
    logits = [random.normal(size=(len(each), len(LABELS))).astype(np.float32) for each in encoded.examples]
    predictions = TASK.decode(rows, encoded.examples, logits, wanted)
    for strategy in ("simple", "first", "average", "max", "none"):
        at = 0
        answer: Any = TASK.respond(text, rows, predictions, {"aggregation_strategy": strategy}, wanted)
        for each in answer:
            assert each["word"] == text[each["start"] : each["end"]] == each["word"].strip() != ""
            assert 0 < each["score"] <= 1
            assert strategy == "none" or each["start"] >= at
            at = each["end"]


def test_a_character_that_the_tokenizer_drops_stays_in_its_entity() -> None:
    given_row = row(["anna", "\u200b", "london", "is", "\u200b", "nice"], ["B-PER", "I-PER", "I-PER", "O", "O", "O"])
    examples = TASK.encode([given_row], TOKENIZERS["wordpiece"], setup()).examples
    assert examples[0].alignment.first.tolist()[1] == -1
    (found,) = TASK.decode([given_row], examples, [told(examples[0], 5)], setup())
    assert found.tags == list(given_row.tags)
    (record,) = TASK.records([given_row], [found], setup())
    text = given_row.text
    assert [(text[s["start"] : s["end"]], s["label"]) for s in record["predicted_spans"]] == [
        ("anna \u200b london", "PER")
    ]
    assert record["correct"]


def test_joined_chinese_characters_share_their_pieces_tag() -> None:
    given_row = row(list("中国人民在北京"), ["B-PER", *["I-PER"] * 3, "O", "B-LOC", "I-LOC"])
    examples = TASK.encode([given_row], TOKENIZERS["unigram"], setup()).examples
    (found,) = TASK.decode([given_row], examples, [told(examples[0], 5)], setup())
    assert found.tags == list(given_row.tags)
    assert sorted(found.alignment.shared) == [1, 2, 3, 6]


def test_plain_tags_are_scored_as_tokens() -> None:
    labels = ("NOUN", "VERB")
    rows = [row(["anna", "works"], ["NOUN", "VERB"]), row(["film"], ["NOUN"])]
    examples = TASK.encode(rows, TOKENIZERS["wordpiece"], setup(labels=labels)).examples
    wrong = [told(each, 2)[:, ::-1] if at else told(each, 2) for at, each in enumerate(examples)]
    predictions = TASK.decode(rows, examples, wrong, setup(labels=labels))
    report = TASK.score(rows, predictions, setup(labels=labels))
    assert report["metrics"]["token_accuracy"] == report["metrics"]["f1"] == pytest.approx(2 / 3)
    assert {each["label"] for each in report["per_label"]} == set(labels)


def test_the_loss_counts_each_token_once_and_weighs_tags() -> None:
    rows = [row(["anna", "works", "in", "the", "lake"] * 6, ["B-PER", "O", "O", "B-LOC", "I-LOC"] * 6)]
    wanted = setup(12)
    examples = TASK.encode(rows, TOKENIZERS["wordpiece"], wanted).examples
    assert len(examples) > 2
    assert TASK.weight(examples, wanted) == 30
    weights = TASK.balance(examples, wanted)
    assert weights == pytest.approx((0.5, 1.0, 1.0, 1.0, 1.0))
    logits = torch.zeros(sum(map(len, examples)), len(LABELS))
    assert TASK.loss(logits, examples, wanted).item() == pytest.approx(30 * np.log(5), rel=1e-5)


def test_an_unknown_tag_is_refused_with_its_line() -> None:
    with pytest.raises(UnusableData, match=r"line 9.*B-ORG"):
        TASK.encode([row(["x"], ["B-ORG"])], TOKENIZERS["wordpiece"], setup())
    with pytest.raises(UnusableData, match="at least two"):
        TASK.outputs(["O"])


@pytest.mark.parametrize("inputs", [None, 3, [], "  ", ["a", 1], {"text": "a", "context": "b"}])
def test_what_is_no_text_is_refused(inputs: Any) -> None:
    with pytest.raises(UnsuitableInput):
        TASK.parse(inputs)


@pytest.mark.parametrize(
    "parameters",
    [{"aggregation_strategy": "best"}, {"ignore_labels": "O"}, {"stride": -1}, {"stride": True}, {"top_k": 1}],
)
def test_parameters_it_does_not_know_are_refused(parameters: dict[str, Any]) -> None:
    with pytest.raises(UnsuitableInput):
        TASK.adapt(setup(), parameters)


@pytest.fixture(scope="module")
def folder(base_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tagger that knows its sixteen sentences, as plain transformers saves it."""
    work = tmp_path_factory.mktemp("tagger")
    run = training("ner", base_model, work, epochs=30, learning_rate=3e-3, early_stopping=0)
    list(loop.train(run))
    run.model.save_pretrained(work / "model")
    AutoTokenizer.from_pretrained(base_model).save_pretrained(work / "model")
    return work / "model"


def test_the_served_model_marks_what_it_learnt(folder: Path) -> None:
    predictor = Predictor.load(folder)
    known: Any = tagged_rows()
    (one, *_), answers = known, predictor.predict([each.text for each in known])
    assert predictor.predict(one.text) == answers[0]
    right = sum(
        [each["entity_group"] for each in answer] == [tag[2:] for tag in given.tags if tag.startswith("B-")]
        for given, answer in zip(known, answers, strict=True)
    )
    assert right >= 15


def test_plain_transformers_sees_the_same(folder: Path) -> None:
    model = AutoModelForTokenClassification.from_pretrained(folder)
    assert model.config.id2label[0] == "O"
    theirs = pipeline("token-classification", model=model, tokenizer=AutoTokenizer.from_pretrained(folder))
    ours = Predictor.load(folder)
    for text in ("anna lives in paris .", "who is anna london ?", "the lake is nice and anna works at the paris river"):
        expected = [(e["entity_group"], e["start"], e["end"]) for e in theirs(text, aggregation_strategy="first")]
        found: Any = ours.predict(text)
        assert [(e["entity_group"], e["start"], e["end"]) for e in found] == expected
