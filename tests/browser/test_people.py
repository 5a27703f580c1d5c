"""People at one demo: two versions side by side, reasons over the text, a correction, and a guest who came by a link."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Visit
from tests.flows.program import PARAMS, Program

pytestmark = pytest.mark.timeout(400)
SLOW_MS = 120_000
TEXT = "the film was good"
PLAIN = "rgba(0, 0, 0, 0)"


def ask(page: Page, words: str = TEXT) -> Locator:
    """Ask by the keyboard; the cards of the answer once they are there."""
    page.get_by_label("Text", exact=True).fill(words)
    page.keyboard.press("Control+Enter")
    cards = page.locator("#answer [data-answer]")
    expect(cards.first.locator(".bar.is-best")).to_be_visible(timeout=SLOW_MS)
    return cards


def best(card: Locator) -> str:
    return card.locator(".bar.is-best .bar-label").inner_text()


@pytest.fixture(scope="module")
def version(program: Program) -> str:
    return str(program.finished("classification")["model_version"])


def test_two_versions_answer_side_by_side_and_below_one_another_on_a_phone(
    visit: Visit, program: Program, version: str
) -> None:
    data = program.finished("classification")["dataset_version"]
    other = program.ended(program.start(data, **{**PARAMS, "epochs": 1}))["model_version"]
    page = visit()
    page.goto(f"/model-versions/{version}/demo/")
    page.get_by_label("Compare with").select_option(other)
    cards = ask(page)
    expect(cards).to_have_count(2)
    words = "Both versions say the same." if best(cards.first) == best(cards.last) else "The versions do not say"
    expect(page.locator("#answer")).to_contain_text(words)
    for card, asked in ((cards.first, version), (cards.last, other)):
        expect(card.get_by_role("heading").get_by_role("link")).to_have_attribute("href", re.compile(asked))
    left, right = (card.bounding_box() or {} for card in cards.all())
    assert right["x"] >= left["x"] + left["width"] and right["y"] == left["y"]
    page.set_viewport_size({"width": 390, "height": 800})
    above, below = (card.bounding_box() or {} for card in cards.all())
    assert below["x"] == above["x"] and below["y"] >= above["y"] + above["height"]
    page.reload()
    expect(page.locator("#answer [data-answer]")).to_have_count(2, timeout=SLOW_MS)
    expect(page.get_by_label("Compare with")).to_have_value(other)


def test_reasons_are_asked_for_by_a_key_and_drawn_over_the_text(visit: Visit, version: str) -> None:
    page = visit()
    page.goto(f"/model-versions/{version}/demo/")
    decided = best(ask(page).first)
    page.keyboard.press("Escape")
    page.keyboard.press("x")
    reasons = page.locator("#reasons")
    expect(reasons.locator(".attributed")).to_have_text(TEXT, timeout=SLOW_MS)
    expect(page.get_by_label("Decision to explain").locator("option:checked")).to_have_text(decided)
    marks = reasons.locator(".attributed .why")
    strongest = reasons.locator(".attributed .for-5, .attributed .against-5")
    colours = marks.evaluate_all("all => all.map(each => getComputedStyle(each).backgroundColor)")
    assert colours and PLAIN not in colours
    expect(reasons).to_contain_text("Integrated gradients")
    reasons.get_by_text("The strongest words").click()
    expect(reasons.locator("li").first).to_contain_text(strongest.first.inner_text())


def test_what_a_viewer_says_is_wrong_lands_in_the_inbox_and_in_the_next_version(
    visit: Visit, viewer: str, version: str
) -> None:
    page, words = visit(viewer), "the film was good and yet we left"
    page.goto(f"/model-versions/{version}/demo/")
    said = best(ask(page, words).first)
    right = {"positive": "negative", "negative": "positive"}[said]
    page.keyboard.press("Escape")
    page.keyboard.press("w")
    wrong = page.locator("#wrong")
    wrong.get_by_label("Right label").select_option(right)
    wrong.get_by_role("button", name="Send the correction").click()
    page.get_by_role("link", name="Open the inbox").click()
    row = page.locator("tbody tr").filter(has_text=words)
    expect(row.locator("td").nth(0)).to_contain_text(right)
    expect(row.locator("td").nth(1)).to_contain_text(said)
    expect(row).to_contain_text("Vera")
    expect(page.get_by_role("button", name="Accept the chosen")).to_have_count(0)

    owner = visit()
    owner.goto(page.url)
    owner.get_by_role("button", name="Accept the chosen").click()
    owner.get_by_role("button", name="New version with 1 correction").click()
    owner.get_by_role("link", name="Open the data set").click(timeout=SLOW_MS)
    owner.goto(f"{owner.url}?q={words.replace(' ', '+')}")
    expect(owner.locator("tbody tr").filter(has_text=words)).to_contain_text(right)


def test_a_link_opens_signed_out_says_who_can_see_it_and_is_dead_once_revoked(
    visit: Visit, program: Program, version: str
) -> None:
    owner, guest = visit(), visit(None)
    owner.goto(f"/models/{program.get(f'model-versions/{version}')['model']}/")
    owner.get_by_label("For whom").fill("Lin")
    owner.get_by_role("button", name="Make a share link").click()
    made = owner.locator("tr").filter(has_text="Lin")
    address = made.locator(".copy code").inner_text()
    guest.goto(address)
    expect(guest.locator("main")).to_contain_text("Whoever has the address of this page can try this model until")
    expect(guest.get_by_text("Model is ready")).to_be_visible(timeout=SLOW_MS)
    assert best(ask(guest).first) in ("positive", "negative")
    expect(guest.get_by_role("link", name="Mistakes")).to_have_count(0)
    assert guest.request.get(f"/model-versions/{version}/demo/").url.startswith(f"{program.studio.address}/accounts/")

    made.get_by_role("button", name="Revoke…").click()
    owner.get_by_role("dialog").get_by_role("button", name="Revoke the link").click()
    expect(owner.locator("main")).not_to_contain_text("Lin")
    guest.get_by_role("button", name="Ask the model").click()
    expect(guest.get_by_role("heading", level=1)).to_have_text("The link has ended")
    assert guest.request.get(address).status == 410
