"""A conversation with a model that was tuned on prompts and answers: it is seen to write, can be stopped, and remembers."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Page, Request, expect

from tests.browser.conftest import Visit

pytestmark = pytest.mark.timeout(300)
SLOW_MS = 120_000
WATCH = """() => {
  const turns = document.querySelector("[data-chat-turns]");
  window.lengths = [];
  new MutationObserver(() => window.lengths.push(turns.innerText.length)).observe(turns, {childList: true, subtree: true});
}"""


@pytest.fixture
def page(visit: Visit, chat: str) -> Page:
    page = visit()
    page.goto(chat)
    expect(page.get_by_text("Model is ready")).to_be_visible(timeout=SLOW_MS)
    page.get_by_label("Temperature").fill("0")
    return page


def say(page: Page, words: str) -> Request:
    """Send a message with Enter; the request that went out."""
    page.get_by_label("Message").fill(words)
    with page.expect_request("**/demo/stream/") as sent:
        page.keyboard.press("Enter")
    return sent.value


def test_an_answer_arrives_bit_by_bit_and_the_second_turn_keeps_the_first(page: Page) -> None:
    page.get_by_label("Most tokens").fill("300")  # long enough that a starved browser sees more than its end
    page.evaluate(WATCH)
    say(page, "the film 3")
    expect(page.locator(".turn.is-user")).to_have_text(re.compile("the film 3"))
    answer = page.locator(".turn.is-model .turn-text")
    expect(answer).to_contain_text("good good")
    expect(page.get_by_role("button", name="Answer again")).to_be_enabled()
    lengths: list[int] = page.evaluate("window.lengths")
    assert lengths == sorted(lengths) and len(set(lengths)) > 4, lengths
    expect(page.locator("[data-chat-pace]")).to_contain_text("token/s")
    first = answer.inner_text()

    sent = json.loads(say(page, "and the book?").post_data or "")
    told = [(each["role"], each["content"]) for each in sent["inputs"]["messages"]]
    assert told == [("user", "the film 3"), ("assistant", first), ("user", "and the book?")]
    expect(page.locator(".turn")).to_have_count(4)
    expect(page.get_by_role("button", name="Answer again")).to_be_enabled()
    page.reload()
    expect(page.locator(".turn")).to_have_count(4)
    assert page.locator(".turn.is-model .turn-text").first.inner_text() == first
    page.get_by_role("button", name="New conversation").click()
    expect(page.locator(".turn")).to_have_count(0)
    expect(page.get_by_text("Nothing has been said yet")).to_be_visible()


def test_the_newest_words_stay_in_sight(page: Page) -> None:
    page.get_by_label("Most tokens").fill("600")  # more than the page is high
    say(page, "the film 4")
    expect(page.get_by_role("button", name="Answer again")).to_be_enabled()
    end, form = (page.locator(each).last.bounding_box() for each in (".turn-text", "[data-chat-form]"))
    assert end and form and end["height"] > form["y"], "the answer is longer than the page"
    assert end["y"] + end["height"] <= form["y"]


def test_stop_ends_the_writing_and_keeps_what_was_written(page: Page) -> None:
    page.get_by_label("Most tokens").fill("1500")
    say(page, "the film 5")
    answer = page.locator(".turn.is-model .turn-text")
    expect(answer).to_contain_text("good good")
    expect(page.get_by_role("button", name="Send")).to_be_disabled()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="Stop")).to_be_hidden()
    kept = answer.inner_text()
    assert 1 < len(kept.split()) < 1400
    page.wait_for_timeout(300)
    assert answer.inner_text() == kept
    expect(page.get_by_role("alert")).to_be_hidden()
    sent = json.loads(say(page, "go on").post_data or "")
    assert [each["role"] for each in sent["inputs"]["messages"]] == ["user", "assistant", "user"]
    page.get_by_role("button", name="Stop").click()
