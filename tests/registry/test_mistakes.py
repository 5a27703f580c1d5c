"""The rows behind the figures agree with the figures, page by page."""

from __future__ import annotations

import pytest
from django.http import Http404
from django.test import Client
from django.urls import reverse

from nlpstudio.accounts.models import User
from nlpstudio.registry import mistakes, reports
from nlpstudio.registry.mistakes import Filter
from nlpstudio.registry.models import ModelVersion


def test_every_cell_of_the_matrix_has_as_many_rows_as_it_says(version: ModelVersion) -> None:
    for report in reports.of(version):
        assert report.confusion is not None
        for cell in (cell for row in report.confusion.rows for cell in row):
            wanted = Filter(split=report.name, gold=cell.gold, predicted=cell.predicted, correct=None)
            found = mistakes.page(version, wanted)
            assert found.count == cell.count
            assert all((each.gold, each.predicted) == ([cell.gold], [cell.predicted]) for each in found.items)


def test_the_pages_hold_each_row_once_with_the_worst_first(version: ModelVersion) -> None:
    report = reports.of(version)[0]
    everything = Filter(split="test", correct=None)
    pages = [mistakes.page(version, everything, number, per_page=10) for number in range(1, 8)]
    seen = [each for page in pages for each in page.items]
    assert pages[0].pages == 7 and pages[0].count == report.rows == len(seen) == len({each.row_id for each in seen})
    losses = [each.loss for each in seen]
    assert losses == sorted(losses, reverse=True)
    assert all(each.record["row_id"] == each.row_id and each.record["split"] == "test" for each in seen)
    assert mistakes.page(version, everything, 99, per_page=10).number == 7


def test_rows_can_be_chosen_by_confidence_and_by_being_wrong(version: ModelVersion) -> None:
    everything = mistakes.page(version, Filter(split="test", correct=None), per_page=100).items
    middle = sorted(each.confidence for each in everything)[len(everything) // 2]
    sure = mistakes.page(version, Filter(split="test", correct=None, confidence_from=middle), per_page=100)
    unsure = mistakes.page(version, Filter(split="test", correct=None, confidence_below=middle), per_page=100)
    assert sure.count == sum(each.confidence >= middle for each in everything)
    assert unsure.count == sum(each.confidence < middle for each in everything)
    wrong = mistakes.page(version, Filter(split="test"), per_page=100)
    assert wrong.count == sum(not each.correct for each in everything) > 0
    assert all(not each.correct for each in wrong.items)


def test_a_split_without_predictions_is_not_there(version: ModelVersion) -> None:
    with pytest.raises(Http404):
        mistakes.page(version, Filter(split="train"))


def test_the_page_filters_and_refuses_nonsense(client: Client, viewer: User, version: ModelVersion) -> None:
    client.force_login(viewer)
    url = reverse("registry:mistakes", args=[version.pk])
    wrong = mistakes.page(version, Filter(split="test"))
    page = client.get(url).content.decode()
    assert wrong.items[0].record["text"] in page
    assert client.get(url, {"split": "train"}).status_code == 422
    assert client.get(url, {"confidence": "2"}).status_code == 422
    part = client.get(url, {"show": "all"}, HTTP_HX_REQUEST="true").content.decode()
    assert "<html" not in part and 'id="rows"' in part and f"{reports.of(version)[0].rows} rows" in part
