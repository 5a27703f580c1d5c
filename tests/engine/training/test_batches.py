"""Every example once an epoch, the plain recipe's number of steps, and the same order under the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from nlpstudio.engine.training import batches

LENGTHS = np.random.default_rng(0).integers(3, 90, 1003)


@pytest.mark.parametrize("bucketed", [True, False])
@pytest.mark.parametrize("batch_size", [1, 16, 2000])
def test_an_epoch_has_every_example_once_in_the_plain_number_of_batches(batch_size: int, bucketed: bool) -> None:
    found = batches.epoch(LENGTHS, batch_size=batch_size, seed=1, number=0, bucketed=bucketed)
    assert sorted(np.concatenate(found)) == list(range(1003))
    assert len(found) == batches.steps_per_epoch(1003, batch_size)
    assert max(len(batch) for batch in found) <= batch_size


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    def order(seed: int, number: int) -> list[int]:
        found = batches.epoch(LENGTHS, batch_size=8, seed=seed, number=number, bucketed=True)
        return [int(i) for i in np.concatenate(found)]

    assert order(1, 2) == order(1, 2)
    assert len({tuple(order(*key)) for key in [(1, 0), (1, 1), (2, 0)]}) == 3


def test_bucketing_leaves_little_to_pad() -> None:
    found = batches.epoch(LENGTHS, batch_size=16, seed=1, number=0, bucketed=True)
    computed = sum(len(batch) * LENGTHS[batch].max() for batch in found)
    assert computed / LENGTHS.sum() < 1.1


@pytest.mark.parametrize("padded", [True, False])
def test_micro_batches_keep_the_budget_and_sort_by_length(padded: bool) -> None:
    pieces = batches.micro_batches(range(1003), LENGTHS, most_tokens=256, padded=padded)
    assert sorted(i for piece in pieces for i in piece) == list(range(1003))
    for piece in pieces:
        lengths = LENGTHS[piece]
        assert (np.diff(lengths) >= 0).all()
        assert (len(piece) * lengths.max() if padded else lengths.sum()) <= 256


def test_a_row_limit_holds_and_an_example_over_budget_stands_alone() -> None:
    lengths = np.array([5, 500, 5, 5, 500])
    assert batches.micro_batches(range(5), lengths, most_tokens=64, most_rows=2, padded=False) == [
        [0, 2],
        [3],
        [1],
        [4],
    ]
