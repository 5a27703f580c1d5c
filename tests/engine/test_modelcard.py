"""The model card says where a model comes from, and no name can break out of it."""

from __future__ import annotations

from typing import Any

import yaml

from nlpstudio.engine.modelcard import model_card

FACTS: dict[str, Any] = {
    "name": "Reviews\n---\n| <script>",
    "task": "classification",
    "pipeline_tag": "text-classification",
    "labels": ["bad", "g|ood"],
    "dataset": {"fingerprint": "ab" * 32, "splits": {"train": 80, "test": 20}},
    "spec": {"params": {"epochs": 3, "objective": "mlm_nsp"}},
    "seed": 42,
    "metrics": {"test": {"accuracy": 0.9, "macro_f1": 0.89}},
    "versions": {"torch": "2"},
    "base_model": {"id": "tiny", "licence": "Apache-2.0", "languages": ["en", "no"]},
}


def test_its_head_is_yaml_as_the_hub_reads_it() -> None:
    _, head, _ = model_card(FACTS).split("---\n", 2)
    metadata = yaml.safe_load(head)
    assert metadata["license"] == "apache-2.0"
    assert metadata["language"] == ["en", "no"]
    assert metadata["base_model"] == "tiny"
    assert metadata["model-index"][0]["name"] == FACTS["name"]
    assert metadata["model-index"][0]["results"][0]["metrics"][0] == {"type": "accuracy", "value": 0.9}


def test_its_body_shows_scores_and_escapes_names() -> None:
    body = model_card(FACTS).split("---\n", 2)[2]
    assert "| Accuracy | 0.9000 |" in body
    assert "<script>" not in body
    assert r"g\|ood" in body


def test_it_lists_only_the_settings_of_its_task() -> None:
    body = model_card(FACTS)
    assert "| epochs | 3 |" in body
    assert "objective" not in body


def test_it_is_honest_when_nothing_was_held_out() -> None:
    assert "No split was held out" in model_card({**FACTS, "metrics": {}, "base_model": {"id": "folder"}})
