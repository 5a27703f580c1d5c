"""What learns how fast: schedules, decay groups, frozen layers, layer-wise rates."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from transformers import AutoModelForSequenceClassification, BertConfig, PreTrainedModel

from nlpstudio.engine.errors import InvalidSpec
from nlpstudio.engine.spec import TrainParams
from nlpstudio.engine.tasks import TASKS, building
from nlpstudio.engine.tasks.base import Setup
from nlpstudio.engine.training import optim

PARAMS = TrainParams(learning_rate=1.0, warmup_ratio=0.1)


@pytest.fixture
def model() -> PreTrainedModel:
    config = BertConfig(vocab_size=9, hidden_size=8, num_hidden_layers=3, num_attention_heads=2, intermediate_size=8)
    made: PreTrainedModel = AutoModelForSequenceClassification.from_config(config)
    return made


def trained(model: PreTrainedModel, params: TrainParams) -> set[int]:
    depth_of = optim.depths(model, "bert")
    optim.freeze(model, depth_of, params)
    return {depth_of[name] for name, parameter in model.named_parameters() if parameter.requires_grad}


def test_the_rate_warms_up_and_falls_to_zero() -> None:
    rates = [optim.learning_rate(step, 100, PARAMS) for step in range(100)]
    assert rates[:10] == pytest.approx([(i + 1) / 10 for i in range(10)])
    assert rates[10] == pytest.approx(1.0)
    assert rates[99] == pytest.approx(1 / 90)
    assert optim.learning_rate(55, 100, replace(PARAMS, schedule="cosine")) == pytest.approx(0.5)
    assert optim.learning_rate(99, 100, replace(PARAMS, schedule="constant")) == 1.0


def test_only_matrices_decay(model: PreTrainedModel) -> None:
    optimizer = optim.adamw(model, optim.depths(model, "bert"), TrainParams(weight_decay=0.1))
    for group in optimizer.param_groups:
        assert {p.dim() >= 2 for p in group["params"]} == {group["weight_decay"] > 0}


def test_freezing_goes_from_the_embeddings_up(model: PreTrainedModel) -> None:
    assert trained(model, TrainParams()) == {0, 1, 2, 3, 4}
    assert trained(model, TrainParams(freeze_embeddings=True)) == {1, 2, 3, 4}
    assert trained(model, TrainParams(freeze_layers=2)) == {3, 4}
    with pytest.raises(InvalidSpec, match="3 layers"):
        trained(model, TrainParams(freeze_layers=4))


def test_layer_decay_slows_lower_layers(model: PreTrainedModel) -> None:
    optimizer = optim.adamw(model, optim.depths(model, "bert"), TrainParams(layer_decay=0.5))
    optim.set_learning_rate(optimizer, 1.0)
    assert {group["lr"] for group in optimizer.param_groups} == {1.0, 0.5, 0.25, 0.125, 0.0625}


def test_a_new_head_learns_faster_and_one_that_is_there_does_not(base_model: Path, tmp_path: Path) -> None:
    made = building.build(TASKS["ner"], base_model, Setup(labels=("O", "B-PER", "I-PER"), max_length=32))
    fresh = building.fresh_head(made, base_model)
    assert fresh == {"classifier.weight", "classifier.bias"}

    def scales(**params: float) -> dict[str, float]:
        optimizer = optim.adamw(made, optim.depths(made, "bert"), TrainParams(**params), fresh=fresh)
        scale_of = {id(p): group["scale"] for group in optimizer.param_groups for p in group["params"]}
        return {name: scale_of[id(p)] for name, p in made.named_parameters()}

    by_name = scales(learning_rate=5e-5, head_learning_rate=1e-3)
    assert {name for name, scale in by_name.items() if scale == pytest.approx(20)} == fresh
    assert set(scales(learning_rate=5e-5, head_learning_rate=0.0).values()) == {1.0}
    assert set(scales(learning_rate=2e-3, head_learning_rate=1e-3).values()) == {1.0}
    made.save_pretrained(tmp_path)
    assert building.fresh_head(made, tmp_path) == frozenset()
