"""The loop as people go through it: a file, a run that two watch, a demo that answers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Visit
from tests.flows.program import Program
from tests.studio import Studio, until
from tests.tiny import write_sentiment_tsv

pytestmark = pytest.mark.timeout(400)
SLOW_MS = 120_000


def test_the_one_time_link_signs_in_once(visit: Visit, studio: Studio) -> None:
    page = visit(None)
    page.goto(studio.sign_in_link())
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_role("link", name="Getting started").first).to_be_visible()
    again = page.context.browser.new_page()  # type: ignore[union-attr]  # a context that a browser made has one
    answer = again.goto(studio.sign_in_link())
    assert answer is not None and answer.status == 410
    again.close()


def test_a_run_is_watched_by_two_and_its_model_answers(
    visit: Visit, viewer: str, program: Program, tmp_path: Path
) -> None:
    page = visit()
    page.goto(f"/projects/{program.project}/datasets/new/")
    page.get_by_label("Text classification").or_(page.get_by_label("Classification")).first.check()
    page.locator("input[type=file]").set_input_files(write_sentiment_tsv(tmp_path / "reviews.tsv", 2000))
    page.get_by_role("button", name="Upload").click()
    page.wait_for_url("**/configure/")
    expect(page.get_by_text("the film was good").first).to_be_visible()
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_role("link", name="Open the data set")).to_be_visible(timeout=SLOW_MS)

    page.get_by_role("link", name="Train", exact=True).click()
    page.wait_for_url("**/runs/new/**")
    page.locator("input[name=base_model][value=tiny]").check()
    page.get_by_role("spinbutton", name="Epochs").fill("4")
    page.get_by_label("Early stopping").fill("0")
    page.get_by_label("Early stopping").press("Tab")
    expect(page.locator("#run-summary")).to_contain_text("Ready")
    page.get_by_role("button", name="Start training").click()
    page.wait_for_url(re.compile(r"/runs/[0-9a-f-]{36}/$"))

    second = visit(viewer)
    second.goto(page.url)
    mark(second)
    expect(second.locator("#run-state")).to_contain_text("Running", timeout=SLOW_MS)
    first_seen = step(second)
    until_step_is_over(second, first_seen)
    first_point = curve(second)[0]
    assert is_marked(second), "the page was loaded again"
    until(lambda: second.locator("[data-panel=scores] .u-series").count() > 1, 120, "the first scores are drawn")
    second.wait_for_timeout(500)
    heights = second.locator("[data-panel] canvas").evaluate_all("all => all.map(each => each.offsetHeight)")
    assert len(heights) == 5 and min(heights) > 80, heights
    expect(second.get_by_role("button", name="Stop and keep best")).to_have_count(0)
    expect(page.get_by_role("button", name="Stop and keep best")).to_be_visible()

    second.reload()
    expect(second.locator("#run-progress")).to_contain_text("Step")
    points = curve(second)
    assert points[0] == first_point and len(points) > 1

    expect(page.locator("#run-state")).to_contain_text("Finished", timeout=SLOW_MS)
    expect(second.locator("#run-state")).to_contain_text("Finished")
    page.locator("#run-outcome").get_by_role("link", name=re.compile("Try|Demo")).first.click()
    page.wait_for_url("**/demo/")
    page.get_by_label("Text", exact=True).fill("the film was good")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#answer")).to_contain_text("positive", timeout=SLOW_MS)
    expect(page).to_have_url(re.compile(r"text=the"))
    page.reload()
    expect(page.locator("#answer")).to_contain_text("positive")
    expect(page.get_by_label("Text", exact=True)).to_have_value("the film was good")


def mark(page: Page) -> None:
    page.evaluate("document.documentElement.dataset.seen = 'yes'")


def is_marked(page: Page) -> bool:
    return page.locator("html[data-seen=yes]").count() == 1


def step(page: Page) -> int:
    words = page.locator("#run-progress").inner_text()
    found = re.search(r"Step ([\d\s,.]+) of", words)
    return int(re.sub(r"\D", "", found.group(1))) if found else 0


def until_step_is_over(page: Page, least: int) -> None:
    until(lambda: step(page) > least or page.wait_for_timeout(100), 120, f"the page shows a step over {least}")


def curve(page: Page) -> list[str]:
    """The points of the curves, from their table."""
    table: Locator = page.locator("[data-run-table]")
    table.locator("summary").click()
    expect(table.locator("tbody tr").first).to_be_visible()
    return table.locator("tbody tr").all_text_contents()
