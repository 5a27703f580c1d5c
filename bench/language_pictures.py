"""Pictures of the way from a text to a language model, and of a model that converses: what `bench.screenshots` takes of them.

The texts are real: Wikipedia (WikiText-2) to pre-train on, questions with short answers (XQuAD) to tune a chat model on.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import Page, ViewportSize, expect

if TYPE_CHECKING:
    from bench.screenshots import Trained

CHAT_MODEL = "smollm2-135m-instruct"
CORPUS, QUESTIONS = "wikitext2_valid_test/valid.txt", "xquad/xquad.en.json"
SMALL = {
    "architecture": "tiny", "epochs": 2, "learning_rate": 2e-3, "batch_size": 32, "max_length": 64, "eval_steps": 150,
    "early_stopping": 0,
}  # fmt: skip
LIGHT = {"epochs": 1, "batch_size": 8, "max_length": 32, "learning_rate": 1e-5, "lora_rank": 4}
VOCABULARY, QUESTIONS_A_TEXT = 8000, 4
SENTENCE = "The first season of the series was released in the United States ; nobody had anticipated its reception ."
ASKED = ("What is the capital of France?", "Which river flows through it?")
SEEN = "The film was released in the United States ."
BELOW_THE_BAR = "element => scrollBy(0, element.getBoundingClientRect().top - 72)"
TALL: ViewportSize = {"width": 1280, "height": 1180}


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The tokenizer's address, and the ids of both runs."""

    tokenizer: str
    run: str
    chat_run: str


def begin(page: Page, trained: Trained, address: str, data: Path) -> Places:
    """Import both texts, train the tokenizer, and start both runs."""
    corpus = trained.upload("pretraining", "wikitext.txt", (data / CORPUS).read_text(encoding="utf-8"), name="WikiText")
    page.goto(f"{address}/projects/{trained.project}/tokenizers/new/?dataset_version={corpus}")
    page.get_by_label("Vocabulary").fill(str(VOCABULARY))
    page.get_by_role("button", name="Train the tokenizer").click()
    expect(page.get_by_text("Characters a token").first).to_be_visible()
    tokenizer = page.url
    pairs = trained.upload("generation", "answers.tsv", answers(data), name="Short answers")
    own = f"project-tokenizer/{tokenizer.rstrip('/').rpartition('/')[2]}"
    run = trained.start(corpus, SMALL, own)
    chat_run = trained.start(pairs, LIGHT, CHAT_MODEL)
    return Places(tokenizer=tokenizer, run=run, chat_run=chat_run)


def answers(data: Path) -> str:
    """A few questions about each text with their answers, as a table."""
    texts = json.loads((data / QUESTIONS).read_text(encoding="utf-8"))["data"]
    lines = ["prompt\tresponse"]
    for text in texts:
        for asked in text["paragraphs"][0]["qas"][:QUESTIONS_A_TEXT]:
            lines.append(f"{_plain(asked['question'])}\t{_plain(asked['answers'][0]['text'])}.")
    return "\n".join(lines) + "\n"


def _plain(words: str) -> str:
    return " ".join(words.split())


def tokenizer(page: Page, address: str) -> None:
    """A text cut into pieces, beside the tokenizers of the shelf."""
    page.goto(address)
    page.locator("#tokenizer-text").fill(SENTENCE)
    expect(page.locator("#tokenizer-tried .piece").first).to_be_visible()


def pre_training(page: Page, address: str) -> None:
    """What the model says of fixed texts, under the curves."""
    page.set_viewport_size(TALL)
    page.goto(address)
    expect(page.locator("#run-samples")).to_contain_text("What it says of fixed texts")
    page.locator("figure:has([data-panel=perplexity])").evaluate(BELOW_THE_BAR)


def chat(page: Page, address: str) -> None:
    """Two turns."""
    page.goto(address)
    page.get_by_label("Temperature").fill("0")
    page.get_by_label("Most tokens").fill("60")
    for words in ASKED:
        page.get_by_label("Message").fill(words)
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Answer again")).to_be_enabled()
    page.evaluate("scrollTo(0, 0)")


def inside(page: Page, address: str) -> None:
    """The attention of a head."""
    page.set_viewport_size(TALL)
    page.goto(f"{address}?text={SEEN}&layer=2&head=1")
    heading = page.get_by_role("heading", name=re.compile("3. Attention"))
    expect(page.locator("[data-formula] math").first).to_be_visible()
    heading.evaluate(BELOW_THE_BAR)
