"""Every example once an epoch, the plain recipe's number of steps, and the same order under the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from nlpstudio.engine.training import batches

LENGTHS = np.random.default_rng(0).integers(3, 90, 1003)


@pytest.mark.parametrize("batch_size", [1, 16, 2000])
def test_an_epoch_has_every_example_once_in_the_plain_number_of_batches(batch_size: int) -> None:
    found = batches.epoch(1003, batch_size=batch_size, seed=1, number=0)
    assert sorted(np.concatenate(found)) == list(range(1003))
    assert len(found) == batches.steps_per_epoch(1003, batch_size)
    assert max(len(batch) for batch in found) <= batch_size


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    def order(seed: int, number: int) -> list[int]:
        found = batches.epoch(1003, batch_size=8, seed=seed, number=number)
        return [int(i) for i in np.concatenate(found)]

    assert order(1, 2) == order(1, 2)
    assert len({tuple(order(*key)) for key in [(1, 0), (1, 1), (2, 0)]}) == 3


def test_pieces_of_a_random_batch_are_not_mostly_padding() -> None:
    found = batches.epoch(1003, batch_size=256, seed=1, number=0)
    pieces = [
        piece for batch in found for piece in batches.micro_batches(batch, LENGTHS, most_tokens=4096, padded=True)
    ]
    computed = sum(len(piece) * LENGTHS[piece].max() for piece in pieces)
    whole = sum(len(batch) * LENGTHS[batch].max() for batch in found)
    assert computed / LENGTHS.sum() < 1.25 < whole / LENGTHS.sum()


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
