"""The faster library and the kept gradient of the embedding change nothing but the time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F

from nlpstudio.engine.encoders import PaddedEncoder, choose, products
from tests.engine.encoders.test_equality import examples_of, gradients, model_of

NEEDS_ONEDNN = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this torch has no oneDNN")


@pytest.fixture(params=[products.TORCH, pytest.param(products.ONEDNN, marks=NEEDS_ONEDNN)])
def library(request: pytest.FixtureRequest) -> Iterator[str]:
    before = products.chosen()
    yield products.use(request.param)
    products.use(before)


def test_a_linear_layer_is_the_same_by_either_library(library: str) -> None:
    random = torch.Generator().manual_seed(1)
    x, weight, bias = (torch.randn(*shape, generator=random) for shape in ((33, 20), (12, 20), (12,)))
    leaves = [each.clone().requires_grad_() for each in (x, weight, bias)]
    theirs = [each.clone().requires_grad_() for each in (x, weight, bias)]
    ours, expected = products.linear(*leaves), F.linear(*theirs)
    torch.testing.assert_close(ours, expected, atol=1e-5, rtol=1e-5)
    ours.square().sum().backward()
    expected.square().sum().backward()
    for leaf, their in zip(leaves, theirs, strict=True):
        torch.testing.assert_close(leaf.grad, their.grad, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("head", ["classification", "tokens"])
def test_the_packed_pass_is_hugging_faces_by_either_library(library: str, head: str) -> None:
    model, examples = model_of("bert", head), examples_of("bert")
    theirs, ours = PaddedEncoder(model).logits(examples), choose(model).logits(examples)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)
    expected, found = gradients(model, theirs), gradients(model, ours)
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        assert (found[name] - gradient).abs().max() < 1e-4 * max(float(gradient.abs().max()), 1e-3), name


def test_the_embeddings_kept_gradient_forgets_the_step_before() -> None:
    model = model_of("bert", "classification")
    encoder, words = choose(model), model.base_model.embeddings.word_embeddings
    first, second = examples_of("bert")[:2], examples_of("bert")[2:]
    for examples in (first, second, first):
        model.zero_grad()
        for example in examples:  # micro-batches add up
            encoder.logits([example]).square().sum().backward()
        found = words.weight.grad.clone()
        model.zero_grad()
        sum(PaddedEncoder(model).logits([example]).square().sum() for example in examples).backward()
        torch.testing.assert_close(found, words.weight.grad, atol=1e-4, rtol=1e-4)
