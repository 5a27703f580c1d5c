"""Vectors of texts are the library's mean-pooled ones, and the nearest rows are found while their vectors are still being made."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from nlpstudio.engine.data.importing import import_file
from nlpstudio.engine.data.options import ImportOptions
from nlpstudio.engine.data.store import DatasetFolder
from nlpstudio.engine.errors import BaseModelRefused, UnsuitableInput
from nlpstudio.engine.inference import nearest
from nlpstudio.engine.inference.embedding import Embedder
from tests.tiny import write_sentiment_tsv
from tests.tiny_writers import tiny_decoder

TEXTS = ["the film was good", "服务很好", "a very long book about the lake and the river and it is dull " * 20, "bad"]


@pytest.fixture(scope="module")
def embedder(base_model: Path) -> Embedder:
    return Embedder.load(base_model)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> DatasetFolder:
    folder = tmp_path_factory.mktemp("data")
    import_file(write_sentiment_tsv(folder / "r.tsv", 150), folder / "dataset", ImportOptions(task="classification"))
    return DatasetFolder.open(folder / "dataset")


def test_vectors_are_the_librarys_hidden_states_averaged(base_model: Path, embedder: Embedder) -> None:
    model, tokenizer = AutoModel.from_pretrained(base_model).eval(), AutoTokenizer.from_pretrained(base_model)
    inputs = tokenizer(TEXTS, padding=True, truncation=True, max_length=128, return_tensors="pt")
    with torch.no_grad():
        hidden = model(**inputs).last_hidden_state
    mask = inputs["attention_mask"][..., None]
    means = (hidden * mask).sum(dim=1) / mask.sum(dim=1)
    wanted = torch.nn.functional.normalize(means, dim=-1).numpy()
    np.testing.assert_allclose(embedder.vectors(TEXTS), wanted, atol=1e-5)
    embedder._packed, kept = None, embedder._packed  # as of a family that is not in the table
    try:
        np.testing.assert_allclose(embedder.vectors(TEXTS), wanted, atol=1e-5)
    finally:
        embedder._packed = kept
    found = embedder.predict([TEXTS[0], TEXTS[0], TEXTS[1]], {})
    assert found == pytest.approx([1.0, float(wanted[0] @ wanted[1])], abs=1e-5)


def test_the_nearest_rows_are_those_of_the_whole_matrix(
    embedder: Embedder, dataset: DatasetFolder, tmp_path: Path
) -> None:
    texts = [row.text for row in dataset.rows()]  # type: ignore[attr-defined]  # all are classified texts
    vector = embedder.vectors([texts[77]])[0]
    looks = []
    while not looks or looks[-1]["done"] < looks[-1]["rows"]:
        looks.append(nearest.look(dataset, vector, tmp_path / "vectors.f16", embedder.vectors, seconds=0))
    assert [look["done"] for look in looks] == [64, 128, 150]
    scores = embedder.vectors(texts) @ vector
    best = looks[-1]["nearest"]
    assert len(best) == nearest.SHOWN and texts[best[0]["row_id"]] == texts[77]
    assert [each["score"] for each in best] == pytest.approx(sorted(scores, reverse=True)[: nearest.SHOWN], abs=2e-3)
    before = (tmp_path / "vectors.f16").stat().st_size
    again = nearest.look(dataset, vector, tmp_path / "vectors.f16", lambda _texts: pytest.fail("made twice"))
    assert again == looks[-1] and (tmp_path / "vectors.f16").stat().st_size == before == 150 * 2 * len(vector)


def test_what_a_killed_process_left_half_written_is_made_anew(
    embedder: Embedder, dataset: DatasetFolder, tmp_path: Path
) -> None:
    cache, vector = tmp_path / "vectors.f16", embedder.vectors(["good"])[0]
    whole = nearest.look(dataset, vector, cache, embedder.vectors)
    os.truncate(cache, 100 * 2 * len(vector) + 7)
    assert nearest.look(dataset, vector, cache, embedder.vectors) == whole


def test_while_another_process_adds_to_the_file_what_is_there_is_searched(
    embedder: Embedder, dataset: DatasetFolder, tmp_path: Path
) -> None:
    cache, vector = tmp_path / "vectors.f16", embedder.vectors(["good"])[0]
    nearest.look(dataset, vector, cache, embedder.vectors, seconds=0)
    with cache.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert nearest.look(dataset, vector, cache, embedder.vectors)["done"] == 64


def test_what_was_not_used_for_longest_goes_when_there_is_too_much(
    embedder: Embedder, dataset: DatasetFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vector = embedder.vectors(["good"])[0]
    monkeypatch.setattr(nearest, "MOST_BYTES", 150 * 2 * len(vector) * 2)
    for number, name in enumerate("abc"):
        nearest.look(dataset, vector, tmp_path / name, embedder.vectors)
        os.utime(tmp_path / name, (number, number))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b", "c"]


@pytest.mark.parametrize("inputs", [[], ["a", ""], ["a", 3], "a", ["a"] * 300])
def test_odd_requests_are_refused_in_words(embedder: Embedder, inputs: object) -> None:
    with pytest.raises(UnsuitableInput):
        embedder.predict(inputs, {})


def test_a_decoder_is_no_encoder(tmp_path: Path) -> None:
    with pytest.raises(BaseModelRefused, match="no encoder"):
        Embedder.load(tiny_decoder(tmp_path / "decoder"))
