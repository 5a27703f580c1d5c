"""See inside: every step has its formula and this model's numbers, and the keyboard alone leads through it."""

from __future__ import annotations

import re
from collections import defaultdict

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.flows.program import Program

pytestmark = pytest.mark.timeout(300)
SLOW_MS = 120_000
STEPS = ("1. Tokens", "2. Embeddings", "3. Attention: layer 1, head 1", "4. Layers", "5. Logits", "6. What it costs")


@pytest.fixture
def page(visit: Visit, program: Program) -> Page:
    page = visit()
    page.goto(f"/model-versions/{program.finished('classification')['model_version']}/inside/?text=the+film+was+good")
    expect(page.get_by_role("heading", name=STEPS[-1])).to_be_visible(timeout=SLOW_MS)
    return page


def test_each_step_has_its_formula_and_the_numbers_of_the_model(page: Page) -> None:
    for number, name in enumerate(STEPS, 1):
        card = page.locator("section.card, .card").filter(has=page.get_by_role("heading", name=name, exact=True))
        expect(card.locator("[data-formula] math"), f"step {number}").to_be_visible()
        expect(card.locator("[data-formula] merror")).to_have_count(0)
    pieces = page.locator(".pieces .piece > span:first-child").all_inner_texts()
    assert pieces == ["[CLS]", "the", "film", "was", "good", "[SEP]"]
    asked: dict[str, float] = defaultdict(float)
    for title in page.locator("svg.attention:not(.is-small) title").all_text_contents():
        who, weight = re.fullmatch(r"(.+) → .+: (\d\.\d{3})", title).groups()  # type: ignore[union-attr]  # else it fails
        asked[who] += float(weight)
    assert sorted(asked) == sorted(pieces)
    assert all(abs(whole - 1) < 0.01 for whole in asked.values()), asked
    expect(page.locator("svg.attention.is-small")).to_have_count(4)
    shares = [float(each.rstrip("%")) for each in page.locator(".bars .bar-value").all_inner_texts() if "%" in each]
    assert sum(shares[:2]) == pytest.approx(100, abs=0.2)


def test_the_keyboard_changes_layer_head_and_text(page: Page) -> None:
    before = page.locator("svg.attention:not(.is-small)").inner_html()
    page.locator("#inside-layer").focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("heading", name="3. Attention: layer 2, head 1")).to_be_visible()
    expect(page.locator("#inside-layer")).to_be_focused()
    assert page.locator("svg.attention:not(.is-small)").inner_html() != before
    page.keyboard.press("Tab")
    expect(page.locator("#inside-head")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("heading", name="3. Attention: layer 2, head 2")).to_be_visible()
    page.get_by_label("Sentence").focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("bad book")
    page.keyboard.press("Enter")
    expect(page.locator(".pieces .piece")).to_have_count(4)
    expect(page.locator("[data-formula] math")).to_have_count(6)
    expect(page).to_have_url(re.compile(r"text=bad(\+|%20)book"))
    region = page.get_by_role("region", name="2. Embeddings")
    region.focus()
    expect(region).to_be_focused()
