"""Figures read as people read them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from nlpstudio.core import numbers


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.91372, "0.914"), (1, "1.00"), (0.9, "0.900"), (12.345, "12.3"), (1234.5, "1,234"), (2e-05, "2e-05"),
     (0, "0.00"), (-0.0123, "-0.0123"), (999.7, "1,000"), (None, "–"), (float("nan"), "–"), ("x", "–")],
)  # fmt: skip
def test_a_metric_has_three_significant_digits(value, words):
    assert numbers.metric(value) == words


@pytest.mark.parametrize(
    ("value", "words"), [(0, "0"), (999, "999"), (1000, "1k"), (12_345, "12.3k"), (999_999, "1M"), (4_500_000, "4.5M")]
)
def test_counts_are_short(value, words):
    assert numbers.compact(value) == words


@pytest.mark.parametrize(
    ("value", "words"), [(812, "812 B"), (1_400_000, "1.4 MB"), (104_857_600, "105 MB"), (3 * 10**15, "3000 TB")]
)
def test_sizes_have_units(value, words):
    assert numbers.size(value) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.82, "0.8 s"),
        (9.96, "10 s"),
        (59.6, "1 min 0 s"),
        (192, "3 min 12 s"),
        (7500, "2 h 5 min"),
        (97_200, "1 d 3 h"),
    ],
)
def test_durations_have_two_units_at_most(seconds, words):
    assert numbers.duration(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "just now"),
        (-60, "1 minute ago"),
        (-7200, "2 hours ago"),
        (-3 * 86_400, "3 days ago"),
        (2 * 86_400, "in 2 days"),
    ],
)
def test_moments_are_seen_from_now(seconds, words):
    assert numbers.ago(timezone.now() + timedelta(seconds=seconds)) == words


def test_a_moment_long_ago_is_a_date():
    assert numbers.ago(timezone.now().replace(year=2020, month=2, day=3, hour=12)) == "2020-02-03"


@pytest.mark.parametrize(
    ("milliseconds", "words"), [(4.26, "4.26 ms"), (73, "73 ms"), (999, "999 ms"), (9855, "9.9 s"), (None, "–")]
)
def test_an_answer_that_took_seconds_is_told_in_seconds(milliseconds, words):
    assert numbers.latency(milliseconds) == words
