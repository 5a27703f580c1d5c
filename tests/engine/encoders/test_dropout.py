"""The fast dropout drops the promised share, keeps the mean, and goes on exactly from a saved state."""

from __future__ import annotations

import json

import torch

from nlpstudio.engine.encoders.dropout import ByteDropout


def test_it_drops_the_promised_share_and_keeps_the_mean() -> None:
    dropped = ByteDropout(0)(torch.ones(200_000), 0.1)
    assert abs((dropped == 0).float().mean().item() - 26 / 256) < 0.003
    assert abs(dropped.mean().item() - 1) < 0.005


def test_the_gradient_passes_where_the_value_did() -> None:
    x = torch.ones(1000, requires_grad=True)
    dropped = ByteDropout(0)(x, 0.5)
    dropped.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, dropped.detach())


def test_a_rate_of_zero_changes_nothing() -> None:
    x = torch.randn(10)
    assert ByteDropout(0)(x, 0.0) is x


def test_it_goes_on_exactly_from_a_state_saved_as_json() -> None:
    one, other = ByteDropout(3), ByteDropout(4)
    one(torch.ones(77), 0.1)
    other.set_state(json.loads(json.dumps(one.state())))
    assert torch.equal(one(torch.ones(5, 13), 0.3), other(torch.ones(5, 13), 0.3))
