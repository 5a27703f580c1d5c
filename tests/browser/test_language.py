"""From a text to a language model in the browser: corpus, tokenizer, pre-training watched live, gaps filled, its inside."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.corpora import write_corpus
from tests.flows.program import Program

pytestmark = pytest.mark.timeout(500)
SLOW_MS = 150_000


def picture(page: Page, folder: Path, name: str) -> None:
    """A screenshot that has something on it, kept where `STUDIO_SCREENSHOTS` says."""
    path = Path(os.environ.get("STUDIO_SCREENSHOTS") or folder) / f"{name}.png"
    page.screenshot(path=path, animations="disabled", full_page=True)
    assert path.stat().st_size > 20_000


def test_a_language_model_is_made_from_a_text(visit: Visit, program: Program, tmp_path: Path) -> None:
    page = visit()
    page.goto(f"/projects/{program.project}/datasets/new/")
    page.get_by_role("radio", name="Corpus for pre-training").check()
    page.locator("input[type=file]").set_input_files(write_corpus(tmp_path / "corpus.txt", 400))
    page.get_by_role("button", name="Upload").click()
    page.wait_for_url("**/configure/")
    expect(page.get_by_text("We love the film").first).to_be_visible()
    page.get_by_role("button", name="Import", exact=True).click()
    page.get_by_role("link", name="Open the data set").click(timeout=SLOW_MS)
    page.get_by_role("link", name="Statistics").click()
    expect(page.get_by_text("Taken out on import")).to_be_visible()
    picture(page, tmp_path, "corpus")

    page.get_by_role("link", name="Train a tokenizer on it").click()
    page.get_by_label("Vocabulary").fill("500")
    page.get_by_role("button", name="Train the tokenizer").click()
    page.wait_for_url(re.compile(r"/tokenizers/[0-9a-f-]{36}/$"))
    expect(page.get_by_text("Characters a token").first).to_be_visible(timeout=SLOW_MS)
    page.locator("#tokenizer-text").fill("We love the film 电影")
    expect(page.locator("#tokenizer-tried .piece").first).to_be_visible()
    page.locator("[data-search]").fill("film")
    expect(page.locator("#tokenizer-vocabulary .piece")).to_have_count(1)
    picture(page, tmp_path, "tokenizer")

    page.get_by_role("link", name="Pre-train with it").click()
    page.wait_for_url("**/runs/new/**")
    page.locator("#id_architecture").select_option("custom")
    expect(page.locator("#id_hidden_size")).to_be_visible()
    page.locator("#id_hidden_size").fill("32")
    page.locator("#id_heads").fill("2")
    page.locator("#id_layers").fill("2")
    page.locator("#id_epochs").fill("3")
    page.locator("#id_max_length").fill("48")
    page.locator("#id_max_length").press("Tab")
    expect(page.locator("#run-summary")).to_contain_text("Ready")
    expect(page.locator("#run-summary")).to_contain_text("Time here, about")
    picture(page, tmp_path, "pretraining-form")
    page.get_by_role("button", name="Start training").click()
    page.wait_for_url(re.compile(r"/runs/[0-9a-f-]{36}/$"))
    expect(page.locator("#run-samples")).to_contain_text("What it says of fixed texts", timeout=SLOW_MS)
    expect(page.locator("#run-state")).to_contain_text("Finished", timeout=SLOW_MS)
    expect(page.locator("#run-figures")).to_contain_text("Perplexity")
    program.runs["pretraining"] = page.url.rstrip("/").rpartition("/")[2]
    picture(page, tmp_path, "pretraining-run")

    page.locator("#run-outcome").get_by_role("link", name=re.compile("Try|Demo")).first.click()
    page.get_by_label("Text", exact=True).fill("We love the [MASK] number 3.")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#answer .bar").first).to_be_visible(timeout=SLOW_MS)
    picture(page, tmp_path, "gaps")

    page.goto(page.url.partition("/demo/")[0] + "/inside/?text=We+love+the+film")
    expect(page.get_by_text("2. Embeddings")).to_be_visible(timeout=SLOW_MS)
    expect(page.locator("[data-formula] math").first).to_be_visible()
    page.locator("#inside-head").select_option("2")
    expect(page.get_by_text("3. Attention: layer 1, head 2")).to_be_visible()
    picture(page, tmp_path, "inside")
