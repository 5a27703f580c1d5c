"""The cells that `make bench` measures: models, lengths and tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bench.training.setting import Setting

ALL = ("ours", "ours-fp32", "trainer", "trainer-grouped", "trainer-grouped-bf16", "tutorial")

SUITE: Mapping[str, Setting] = {
    "minilm-128": Setting(data="chnsenticorp", model="minilm", max_length=128, batch_size=32, steps=20),
    "minilm-256": Setting(data="chnsenticorp", model="minilm", max_length=256, batch_size=16, steps=20),
    "minilm-short": Setting(data="sst2", model="minilm", max_length=128, batch_size=32, steps=40),
    "bert-base-128": Setting(data="chnsenticorp", model="bert-base", max_length=128, batch_size=16, steps=8),
    "bert-base-256": Setting(data="chnsenticorp", model="bert-base", max_length=256, batch_size=16, steps=6),
    "ner": Setting(data="wnut17", model="minilm", max_length=128, batch_size=32, steps=40),
    "ner-zh": Setting(data="msra_ner", model="minilm", max_length=128, batch_size=32, steps=20),
    "qa": Setting(data="xquad", model="minilm", max_length=256, batch_size=16, steps=20),
    "qa-zh": Setting(data="cmrc2018", model="minilm", max_length=384, batch_size=8, steps=20),
}


def quick(setting: Setting) -> Setting:
    """The same cell in about a quarter of the time: for a look, not for a claim."""
    return replace(setting, steps=max(3, setting.steps // 4), pool=1000, validation=50)
