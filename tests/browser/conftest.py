"""Real people at a real Chromium in front of the real studio; whatever the console complains of fails the test.

Playwright's sync API keeps an event loop running in its thread, so it is there only while tests of this folder run.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from tests.corpora import write_corpus
from tests.flows.program import Program
from tests.studio import ADMIN, PASSWORD, Studio

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
PATIENCE_MS = 40_000
VIEWER = "vera@example.org"
ANSWERS = [("prompt", "response"), *((f"the film {number}", "good " * 40) for number in range(64))]
"""So long that a small model, which always takes the likeliest word, hardly finds an end."""
SMALL = {"architecture": "custom", "hidden_size": 32, "heads": 2, "layers": 2, "epochs": 1, "early_stopping": 0}

Visit = Callable[..., Page]
"""`visit(email)` opens a page in a browser of that person's own; without an e-mail, of somebody not signed in."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine (apt-get install chromium)")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def viewer(program: Program) -> str:
    """Somebody who may look at the program's project and change nothing."""
    program.studio.manage(
        "shell",
        "-c",
        "from nlpstudio.accounts.services import create_user\n"
        "from nlpstudio.projects.models import Membership\n"
        f"user = create_user(email={VIEWER!r}, name='Vera', password={PASSWORD!r})\n"
        f"Membership.objects.create(project_id={program.project!r}, user=user, role='viewer')",
    )
    return VIEWER


@pytest.fixture(scope="session")
def chat(program: Program) -> str:
    """The chat page of a small generator, trained for a moment."""
    if "chat" not in program.runs:
        version = program.upload("generation", ANSWERS)["id"]
        program.runs["chat"] = program.start(version, "tiny-writer", epochs=3, batch_size=8, learning_rate=5e-3)
    return f"/model-versions/{program.finished('chat')['model_version']}/chat/"


@pytest.fixture(scope="session")
def pretrained(program: Program, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The run of a language model on a tokenizer of its own: the one that `test_language` made, or else a smaller one."""
    if "pretraining" not in program.runs:
        body = write_corpus(tmp_path_factory.mktemp("text") / "corpus.txt", 100).read_text(encoding="utf-8")
        version = program.upload("pretraining", [(line,) for line in body.split("\n")])["id"]
        tokenizer = program.tokenizer(version, vocabulary=400, least_count=1)
        program.runs["pretraining"] = program.start(version, tokenizer, **SMALL)
    return program.finished("pretraining")


@pytest.fixture
def visit(browser: Browser, studio: Studio) -> Iterator[Visit]:
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_page(email: str | None = ADMIN, **options: object) -> Page:
        context = browser.new_context(base_url=studio.address, locale="en-GB", **options)  # type: ignore[arg-type]  # as given
        context.set_default_timeout(PATIENCE_MS)
        context.set_default_navigation_timeout(PATIENCE_MS)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if is_complaint(said) else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        if email:
            sign_in(page, email)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not complaints


def is_complaint(said: ConsoleMessage) -> bool:
    """htmx also reports a request that a newer one replaced, or that ended because the page was left, and Chromium a link
    that has ended as it should: no faults.
    """
    is_of_htmx = said.text.startswith(("htmx:sendAbort, ", "htmx:afterRequest, "))
    return said.type in ("error", "warning") and not is_of_htmx and "status of 410" not in said.text


def sign_in(page: Page, email: str) -> None:
    page.goto("/accounts/login/")
    page.get_by_label("E-mail").or_(page.get_by_label("Email")).fill(email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/")
