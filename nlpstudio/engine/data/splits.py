"""Which row goes to train, validation or test: seeded, stratified, and never one group in two splits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlpstudio.engine.data.facts import Facts, column, row_of_each_label
from nlpstudio.engine.data.options import SPLITS, SplitOptions

TRAIN, VALIDATION, TEST = range(3)
Codes = NDArray[np.int8]
Ints = NDArray[np.int32]


def assign(facts: Facts, options: SplitOptions) -> Codes:
    """A code of `SPLITS` for each row.

    Rows that name their split keep it. Where some do, the others are train, and a validation set is
    drawn from train if the file has a test set and no validation set. Where none does, all are drawn.
    """
    given = column(facts.given).astype(np.int8)
    if len(given) and (given >= 0).any():
        codes = np.where(given < 0, np.int8(TRAIN), given).astype(np.int8)
        present = set(np.unique(codes).tolist())
        if TEST in present and VALIDATION not in present and options.validation > 0:
            share = options.validation / (options.train + options.validation)
            _draw_validation(facts, codes, share, options)
        return codes
    units = _Units(facts, np.arange(len(facts), dtype=np.int32), options.stratify)
    return units.spread(options.validation, options.test, options.seed)


def _draw_validation(facts: Facts, codes: Codes, share: float, options: SplitOptions) -> None:
    rows = np.flatnonzero(codes == TRAIN).astype(np.int32)
    codes[rows] = _Units(facts, rows, options.stratify).spread(share, 0.0, options.seed)


class _Units:
    """The groups of some rows as the units that are drawn, each with a stratum.

    The stratum is the rarest label of the group's first row, so that a rare label is spread even
    where rows carry several.
    """

    def __init__(self, facts: Facts, rows: Ints, stratify: bool) -> None:
        firsts, self._unit_of_row = _numbered(column(facts.groups)[rows])
        self._strata: Ints = rarest_labels(facts)[rows[firsts]] if stratify else np.zeros(len(firsts), dtype=np.int32)

    def spread(self, validation: float, test: float, seed: int) -> Codes:
        """Draw the splits and give each row its group's."""
        codes = _systematic(self._strata, validation, test, np.random.default_rng(seed))
        return codes[self._unit_of_row]


def _numbered(groups: NDArray[np.int64]) -> tuple[Ints, Ints]:
    """(first place of each different value, each value's number), numbered as they appear.

    Not in the order of the values: they are hashes that differ between processes, the draw must not.
    `numpy.unique` would do, in three times the memory.
    """
    order = np.argsort(groups, kind="stable").astype(np.int32)
    fresh = np.ones(len(groups), dtype=bool)
    fresh[1:] = np.diff(groups[order]) != 0
    firsts = order[fresh]
    number = np.empty(len(firsts), dtype=np.int32)
    number[np.argsort(firsts)] = np.arange(len(firsts), dtype=np.int32)
    numbered = np.empty(len(groups), dtype=np.int32)
    numbered[order] = number[np.cumsum(fresh, dtype=np.int32) - 1]
    return np.sort(firsts), numbered


def _systematic(strata: Ints, validation: float, test: float, rng: np.random.Generator) -> Codes:
    """Systematic sampling over the units, shuffled and ordered by stratum.

    Every stratum gets its share to within one unit, and so does the whole. Units that are alone in
    their stratum go to train: a label that is only tested cannot be learnt.
    """
    size = len(strata)
    codes = np.full(size, TRAIN, dtype=np.int8)
    held_share = validation + test
    if held_share == 0 or size < 2:
        return codes
    places = strata + 1  # -1 is the stratum without a label
    counts = np.bincount(places)
    order = np.lexsort((rng.random(size, dtype=np.float32), places)).astype(np.int32)
    order = order[counts[places[order]] > 1] if (counts > 1).any() else order
    held = order[_every(len(order), held_share, rng.random())]
    tested = _every(len(held), test / held_share, rng.random())
    codes[held] = VALIDATION
    codes[held[tested]] = TEST
    _keep_some_to_train(codes, places, counts)
    _fill_empty(codes, order, validation, test)
    return codes


def _every(size: int, share: float, offset: float) -> NDArray[np.bool_]:
    """Mark a share of `size` places, evenly spaced."""
    steps = np.floor(np.arange(size + 1) * share + offset)
    return np.asarray(np.diff(steps) > 0)


def _keep_some_to_train(codes: Codes, stratum: NDArray[Any], counts: NDArray[Any]) -> None:
    """Give a stratum that was held out whole one unit back."""
    trained = np.bincount(stratum[codes == TRAIN], minlength=len(counts))
    for empty in np.flatnonzero((trained == 0) & (counts > 0)):
        codes[np.flatnonzero(stratum == empty)[0]] = TRAIN


def _fill_empty(codes: Codes, order: NDArray[Any], validation: float, test: float) -> None:
    """In a tiny file, give a wanted split one unit at least while train keeps more than one."""
    for code, share in ((VALIDATION, validation), (TEST, test)):
        spare = order[codes[order] == TRAIN]
        if share > 0 and not (codes == code).any() and (codes == TRAIN).sum() > 1 and len(spare):
            codes[spare[-1]] = code


def rarest_labels(facts: Facts) -> Ints:
    """For each row the code of its rarest label, -1 without any."""
    labels = column(facts.labels)
    rarest = np.full(len(facts), -1, dtype=np.int32)
    if len(labels):
        if len(labels) == len(facts) and (column(facts.label_counts) == 1).all():
            return labels.astype(np.int32)
        frequency = np.bincount(labels)
        rows = row_of_each_label(facts)
        commonest_first = np.argsort(-frequency[labels], kind="stable")
        rarest[rows[commonest_first]] = labels[commonest_first]
    return rarest


def count_splits(codes: Codes) -> dict[str, int]:
    """Rows of each split that has any."""
    counts = np.bincount(codes, minlength=len(SPLITS))
    return {name: int(count) for name, count in zip(SPLITS, counts, strict=True) if count}
