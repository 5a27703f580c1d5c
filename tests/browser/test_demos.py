"""A demo for each task: an example from the data is asked with a click, and the answer is drawn as its task needs."""

from __future__ import annotations

import re
from urllib.parse import unquote_plus

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Visit
from tests.flows.program import Program
from tests.studio import until

pytestmark = pytest.mark.timeout(400)
SLOW_MS = 120_000
PERCENT = re.compile(r"^\d+(\.\d+)?\s?%$")


def demo(visit: Visit, program: Program, task: str) -> Page:
    """The demo of the task's tiny model, warmed up."""
    page = visit()
    page.goto(f"/model-versions/{program.finished(task)['model_version']}/demo/")
    expect(page.get_by_text("Model is ready")).to_be_visible(timeout=SLOW_MS)
    return page


def ask(page: Page, **boxes: str) -> Locator:
    """Fill the boxes and press Ctrl-Enter; the answer to just that, once it is there."""
    for label, words in boxes.items():
        page.get_by_label(label, exact=True).fill(words)
    page.keyboard.press("Control+Enter")
    until(lambda: words in unquote_plus(page.locator("#answer").get_attribute("data-link") or ""), 120, "the answer")
    expect(page.locator("#answer [data-answer] .bar").first).to_be_visible()
    return page.locator("#answer [data-answer]")


def shares(answer: Locator) -> list[float]:
    """The percentages of the bars, from 0 to 100."""
    words = answer.locator(".bar-value").all_inner_texts()
    assert all(PERCENT.match(each) for each in words), words
    return [float(each.rstrip("%").strip()) for each in words]


def test_an_example_is_classified_with_a_click_and_stays_in_the_list(visit: Visit, program: Program) -> None:
    page = demo(visit, program, "classification")
    example = page.locator("[data-example]").first
    words = example.inner_text()
    example.click()
    answer = page.locator("#answer [data-answer]")
    expect(answer.locator(".bar")).to_have_count(2, timeout=SLOW_MS)
    expect(page.get_by_label("Text", exact=True)).to_have_value(words)
    assert sum(shares(answer)) == pytest.approx(100, abs=0.2)
    expect(answer.locator(".bar.is-best")).to_have_count(1)
    expect(page.locator("#history li").first).to_contain_text(words)
    second = ask(page, Text="the film was bad")
    best = second.locator(".bar.is-best .bar-label").inner_text()
    assert shares(second)[0] == max(shares(second)) and best in ("positive", "negative")
    expect(page.locator("#history li").first).to_contain_text("the film was bad")
    expect(page.locator("#history li").first).to_contain_text(best)


def test_entities_are_marked_in_the_text_with_a_legend_and_scores(visit: Visit, program: Program) -> None:
    page = demo(visit, program, "ner")
    answer = ask(page, Text="anna lake lives in paris 🙂")
    marks = answer.locator("mark.span")
    expect(marks.first).to_contain_text(re.compile("anna|lake|paris"))
    types = answer.locator("mark.span .span-type").all_inner_texts()
    assert types and set(types) <= {"PER", "LOC"}
    expect(answer.locator(".swatch")).to_have_count(len(set(types)))
    colours = marks.evaluate_all("all => all.map(each => getComputedStyle(each).backgroundColor)")
    assert len(set(colours)) == len(set(types)), colours
    assert len(shares(answer)) == len(types)
    expect(answer.locator(".reading")).to_contain_text("🙂")
    page.reload()
    expect(page.locator("#answer [data-answer] mark.span")).to_have_count(len(types), timeout=SLOW_MS)
    expect(page.get_by_label("Text", exact=True)).to_have_value("anna lake lives in paris 🙂")


def test_an_answer_is_marked_in_its_text_beside_its_alternatives(visit: Visit, program: Program) -> None:
    page = demo(visit, program, "qa")
    context = "anna 7 🙂 lives in paris and works at a lake."
    answer = ask(page, **{"Text to look in": context, "Question": "where is anna 7"})
    expect(answer.locator(".bar")).to_have_count(3)
    found = shares(answer)
    assert found == sorted(found, reverse=True) and sum(found) <= 100.2
    best = answer.locator(".bar.is-best .bar-label").inner_text()
    if best == "no answer":
        expect(answer.locator("p.strong")).to_have_text("No answer: the text does not say.")
    else:
        expect(answer.locator("p.strong")).to_have_text(best)
        expect(answer.locator("mark.span").first).to_contain_text(best)
    expect(answer.locator(".reading")).to_contain_text("🙂 lives in")
    page.locator("[data-example]").first.click()
    expect(page.get_by_label("Question", exact=True)).not_to_have_value("where is anna 7")
    expect(answer.locator(".bar").first).to_be_visible(timeout=SLOW_MS)
