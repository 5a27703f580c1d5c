"""Every family and head: the written graph gives in onnxruntime what the model gives in transformers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoModelForTokenClassification

from nlpstudio.engine.encoders import PaddedEncoder, choose
from nlpstudio.engine.encoders.families import FAMILIES
from nlpstudio.engine.export import graph, quantize, traced
from nlpstudio.engine.inference.onnx import OnnxForward
from nlpstudio.engine.inference.predictor import TorchForward
from tests.engine.cast import CPU
from tests.engine.encoders.test_equality import HEADS, examples_of, model_of


def written(model: onnx.ModelProto, folder: Path) -> Path:
    path = folder / "model.onnx"
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return path


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_graph_equals_the_model(family: str, head: str, tmp_path: Path) -> None:
    model, examples = model_of(family, head), examples_of(family)
    assert graph.supports(model)
    path = written(graph.build(model), tmp_path)
    expected = TorchForward(model, choose(model), CPU).logits_of(examples)
    got = OnnxForward(path, padding_id=1).logits_of(examples)
    for mine, theirs in zip(got, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=2e-5)


@pytest.mark.parametrize("head", HEADS)
def test_eight_bits_are_a_quarter_of_the_size_and_near(head: str, tmp_path: Path) -> None:
    model, examples = model_of("bert", head), examples_of("bert")
    path = written(graph.build(model), tmp_path)
    small = tmp_path / "int8.onnx"
    quantize.quantize(path, small)
    kinds = {node.op_type for node in onnx.load(str(small)).graph.node}
    assert {"MatMulInteger", "QAttention"} <= kinds
    expected = TorchForward(model, choose(model), CPU).logits_of(examples)
    got = OnnxForward(small, padding_id=1).logits_of(examples)
    spread = np.concatenate([each.ravel() for each in expected]).std()
    errors = np.concatenate([(a - b).ravel() for a, b in zip(got, expected, strict=True)])
    assert 0 < errors.std() < 0.2 * spread


def test_another_architecture_is_traced(tmp_path: Path) -> None:
    torch.manual_seed(0)
    sizes = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 40}
    config = AutoConfig.for_model("albert", vocab_size=50, embedding_size=12, pad_token_id=1, num_labels=3, **sizes)
    for maker in (AutoModelForSequenceClassification, AutoModelForTokenClassification):
        model = maker.from_config(config).eval()
        assert not graph.supports(model)
        path = written(traced.build(model, longest=64), tmp_path)
        examples = examples_of("bert")
        expected = TorchForward(model, choose(model), CPU)
        assert isinstance(expected.encoder, PaddedEncoder)
        got = OnnxForward(path, padding_id=1).logits_of(examples)
        for mine, theirs in zip(got, expected.logits_of(examples), strict=True):
            np.testing.assert_allclose(mine, theirs, atol=1e-5)
