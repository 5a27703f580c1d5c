"""Every main page as it is seen: by axe in light and dark, on a phone, in Chinese, by a viewer, and without JavaScript."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, ViewportSize, expect

from tests.browser.conftest import Visit
from tests.flows.program import Program

pytestmark = pytest.mark.timeout(400)
CHINESE = re.compile(r"[\u4e00-\u9fff]")
GRAVE = ("serious", "critical")
PHONE: ViewportSize = {"width": 375, "height": 800}
DESK: ViewportSize = {"width": 1280, "height": 720}


@pytest.fixture(scope="session")
def pages(program: Program, pretrained: dict[str, Any], chat: str) -> dict[str, str]:
    """The main pages, by name; there is something on each."""
    run = program.finished("classification")
    data, version, project = run["dataset_version"], run["model_version"], f"/projects/{program.project}"
    model = program.get(f"model-versions/{version}")["model"]
    dataset = program.get(f"dataset-versions/{data}")["dataset"]
    return {
        "home": "/",
        "project": f"{project}/",
        "members": f"{project}/members/",
        "activity": f"{project}/activity/",
        "data sets": f"{project}/datasets/",
        "rows": f"/dataset-versions/{data}/",
        "statistics": f"/dataset-versions/{data}/statistics/",
        "problems": f"/dataset-versions/{data}/problems/",
        "versions": f"/dataset-versions/{data}/versions/",
        "used by": f"/dataset-versions/{data}/used-by/",
        "corrections": f"/datasets/{dataset}/corrections/",
        "runs": f"{project}/runs/",
        "run": f"/runs/{run['id']}/",
        "log": f"/runs/{run['id']}/log/",
        "settings of the run": f"/runs/{run['id']}/settings/",
        "models": f"{project}/models/",
        "model": f"/models/{model}/",
        "version": f"/model-versions/{version}/",
        "confidence": f"/model-versions/{version}/confidence/",
        "mistakes": f"/model-versions/{version}/mistakes/",
        "serving": f"/model-versions/{version}/serving/",
        "files": f"/model-versions/{version}/files/",
        "demo": f"/model-versions/{version}/demo/?text=the+film+was+good",
        "demo of entities": f"/model-versions/{program.finished('ner')['model_version']}/demo/?text=anna+lives+in+paris",
        "chat": chat,
        **of_language(project, pretrained),
        "notices": "/notices/",
        "e-mails": "/notices/letters/",
        "storage": f"{project}/storage/",
        "queue": "/queue/",
        "teams": "/teams/",
        "base models": "/base-models/",
        "profile": "/accounts/profile/",
        "tokens": "/accounts/tokens/",
        # only who may write has these:
        "new project": "/projects/new/",
        "new data set": f"{project}/datasets/new/",
        "new version": f"/datasets/{dataset}/new-version/",
        "new run": f"{project}/runs/new/",
        "new tokenizer": f"{project}/tokenizers/new/?dataset_version={pretrained['dataset_version']}",
        "new pre-training": f"{project}/runs/new/?dataset_version={pretrained['dataset_version']}",
        "settings of the project": f"{project}/settings/",
        "webhooks": f"{project}/webhooks/",
        "trash": f"{project}/trash/",
        "audit log": "/audit/",
        "storage of all": "/storage/",
    }


def of_language(project: str, run: dict[str, Any]) -> dict[str, str]:
    """The pages of a language model, from its text to its inside."""
    version = f"/model-versions/{run['model_version']}"
    return {
        "corpus": f"/dataset-versions/{run['dataset_version']}/",
        "statistics of the corpus": f"/dataset-versions/{run['dataset_version']}/statistics/",
        "tokenizers": f"{project}/tokenizers/",
        "tokenizer": f"/tokenizers/{run['base_model'].rpartition('/')[2]}/?text=We+love+the+film",
        "pre-training": f"/runs/{run['id']}/",
        "language model": f"{version}/",
        "gaps": f"{version}/demo/?text=We+love+the+[MASK]",
        "inside": f"{version}/inside/?text=We+love+the+film",
        "similar texts": f"{project}/similar/",
    }


STICKING_OUT = """() => [...document.querySelectorAll("body *")]
  .filter(each => each.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .slice(0, 4).map(each => each.outerHTML.slice(0, 120))"""
FOR_WRITERS = (
    "new data set", "new version", "new run", "new tokenizer", "new pre-training", "settings of the project", "webhooks", "trash", "audit log", "storage of all",
)  # fmt: skip


def opened(page: Page, pages: dict[str, str], *, without: tuple[str, ...] = ()) -> Iterator[str]:
    """Open one page after another."""
    for name, address in pages.items():
        if name not in without:
            answer = page.goto(address)
            assert answer is not None and answer.status == 200, f"{name}: {answer and answer.status}"
            expect(page.locator("main")).to_be_visible()
            yield name


def grave(page: Page) -> Iterator[str]:
    """What axe finds serious or critical: all of it in light; in dark the contrast, which is all that the theme changes."""
    asked: dict[str, dict[str, Any]] = {"light": {}, "dark": {"runOnly": ["color-contrast"]}}
    for theme, options in asked.items():
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]  # the keys are themes
        found = Axe().run(page, options={"resultTypes": ["violations"], **options}).response["violations"]
        for each in found:
            if each["impact"] in GRAVE:
                yield f"{theme}: {each['id']}: {each['nodes'][0]['target']} {each['nodes'][0]['html'][:160]}"


def misshapen(page: Page) -> Iterator[str]:
    """A page has one main heading and is no wider than the screen."""
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
        yield f"too wide: {page.evaluate(STICKING_OUT)}"


def test_axe_finds_nothing_grave_in_light_or_dark_and_every_page_fits_a_phone(
    visit: Visit, pages: dict[str, str]
) -> None:
    page = visit()
    found: list[str] = []
    for name in opened(page, pages):
        found += [f"{name}, {each}" for each in grave(page)]
        page.set_viewport_size(PHONE)
        found += [f"{name}, {each}" for each in misshapen(page)]
        page.set_viewport_size(DESK)
    stranger = visit(None)
    stranger.goto("/accounts/login/")
    found += [f"signing in, {each}" for each in grave(stranger)]
    assert not found, "\n".join(found)


def test_the_language_switch_shows_every_page_in_chinese_on_a_phone_too(visit: Visit, pages: dict[str, str]) -> None:
    page = visit()
    page.goto("/")
    page.get_by_label("Language").click()
    page.get_by_role("button", name="简体中文").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-hans")
    page.set_viewport_size(PHONE)
    found: list[str] = []
    for name in opened(page, pages):
        words = page.locator("main").inner_text()
        if not CHINESE.search(page.title()) and not CHINESE.search(words):
            found.append(f"{name}, not in Chinese")
        found += [f"{name}, {each}" for each in misshapen(page)]
    page.set_viewport_size(DESK)
    page.get_by_label("语言", exact=True).click()
    page.get_by_role("button", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    assert not found, "\n".join(found)


def test_a_viewer_meets_no_door_that_is_shut(visit: Visit, viewer: str, pages: dict[str, str]) -> None:
    """No form that writes into the project, and no link that would be refused."""
    page = visit(viewer)
    forms: set[str] = set()
    links: set[str] = set()
    for name in opened(page, pages, without=FOR_WRITERS):
        if name in ("profile", "tokens", "e-mails", "new project", "base models"):
            continue
        forms |= set(page.locator("main form[method=post]").evaluate_all("all => all.map(form => form.action)"))
        links |= set(page.locator("main a[href], .side a[href]").evaluate_all("all => all.map(link => link.href)"))
    asking = r"/demo/(predict|stream|explain|correct|forget)/$|/members/leave/$|/preferences/$"
    writing = {each for each in forms if not re.search(asking, each)}
    assert not writing
    ours = {each.split("#")[0] for each in links if each.startswith("http://localhost") and "download" not in each}
    refused = [each for each in sorted(ours) if page.request.get(each).status >= 400]
    assert not refused
    for name in FOR_WRITERS:
        assert page.request.get(pages[name]).status == 403, name


def test_without_javascript_one_can_sign_in_train_and_ask(
    visit: Visit, program: Program, pages: dict[str, str]
) -> None:
    page = visit(java_script_enabled=False)
    page.goto(f"{pages['new run']}?dataset_version={program.finished('classification')['dataset_version']}")
    page.locator("input[name=base_model][value=tiny]").check()
    page.get_by_role("spinbutton", name="Epochs").fill("1")
    page.get_by_role("button", name="Start training").click()
    page.wait_for_url(re.compile(r"/runs/[0-9a-f-]{36}/$"))
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    run = page.url.rstrip("/").rpartition("/")[2]
    assert program.ended(run)["state"] == "finished"
    page.reload()
    expect(page.locator("#run-state")).to_contain_text("Finished")
    page.get_by_role("link", name="Try it").click()
    page.get_by_label("Text", exact=True).fill("the film was good")
    page.get_by_role("button", name="Ask the model").click()
    expect(page.locator("#answer .bars")).to_contain_text("positive")
