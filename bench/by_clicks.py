"""From a text to a classifier in a browser: `python -m bench.by_clicks --language zh --keep FOLDER` does what a person would.

A studio of its own in `FOLDER`, and Chromium: the texts of `bench.from_zero` are uploaded, a tokenizer is trained on them, and a
BERT of a preset is pre-trained with whatever else the form suggests; then a classifier is fine-tuned from it. Pictures of
each page are left in `FOLDER/pictures`. The model lies where `bench.from_zero --keep FOLDER` looks for it, which goes on with
several seeds beside random weights.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import FloatRect, Page, ViewportSize, expect, sync_playwright

from bench import from_zero, language_pictures
from nlpstudio.runs.states import FINAL, State
from tests.studio import Studio

WINDOW: ViewportSize = {"width": 1280, "height": 1000}
SOON_MS, SETTLED_MS, LOOK_SECONDS = 300_000, 3_000, 10
SEEN: FloatRect = {"x": 0, "y": 0, "width": 1280, "height": 965}
"""Of the live page, for the documentation."""
STATE = "by-clicks.json"
ARTIFACT = "from nlpstudio.registry.models import ModelVersion; print(ModelVersion.objects.get(pk={!r}).artifact)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A page of a studio in which somebody is signed in, and where pictures go."""

    studio: Studio
    page: Page
    api: httpx.Client
    pictures: Path

    def look(self, name: str) -> None:
        """Keep a picture of the whole page."""
        self.page.evaluate("scrollTo(0, 0)")
        self.page.screenshot(path=self.pictures / f"{name}.png", animations="disabled", full_page=True)

    def id_in_address(self) -> str:
        return self.page.url.partition("?")[0].rstrip("/").rpartition("/")[2]


@contextmanager
def desk(home: Path) -> Iterator[Desk]:
    """A studio in `home`, ended when the work is done."""
    (home / "pictures").mkdir(parents=True, exist_ok=True)
    (home / "base-models").mkdir(exist_ok=True)
    more = {"STUDIO_LEASE_SECONDS": "60", "STUDIO_HEARTBEAT_SECONDS": "5"}
    studio = Studio(home=home / "studio", base_models=home / "base-models", more=more)
    try:
        studio.start()
        with studio.api() as api, sync_playwright() as playwright:
            chromium = shutil.which("chromium") or shutil.which("google-chrome")
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_page(viewport=WINDOW, color_scheme="light", locale="en-GB")
            page.set_default_timeout(SOON_MS)
            expect.set_options(timeout=SOON_MS)
            page.goto(studio.sign_in_link())
            yield Desk(studio=studio, page=page, api=api, pictures=home / "pictures")
            browser.close()
        studio.end()
    finally:
        studio.kill()


def upload(at: Desk, project: str, file: Path, kind: str) -> str:
    """Upload and import a file as people do; the data set's version."""
    page = at.page
    page.goto(f"{at.studio.address}/projects/{project}/datasets/new/")
    page.get_by_role("radio", name=kind).check()
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name="Upload").click()
    page.wait_for_url("**/configure/")
    page.get_by_role("button", name="Import", exact=True).click()
    page.get_by_role("link", name="Open the data set").click()
    page.wait_for_url(re.compile(r"/dataset-versions/[0-9a-f-]{36}/"))
    version = re.search(r"[0-9a-f-]{36}", page.url)
    assert version is not None
    page.get_by_role("link", name="Statistics").click()
    at.look(f"{file.stem}-statistics")
    return version.group()


def train_tokenizer(at: Desk, vocabulary: int) -> None:
    at.page.get_by_role("link", name="Train a tokenizer on it").click()
    at.page.get_by_label("Vocabulary").fill(str(vocabulary))
    at.page.get_by_role("button", name="Train the tokenizer").click()
    expect(at.page.get_by_text("Characters a token").first).to_be_visible()
    at.look("tokenizer")


def pre_train(at: Desk, architecture: str, epochs: int | None) -> tuple[str, str]:
    """Start it with what the form suggests; the run, and how long the form said it would take."""
    page = at.page
    page.get_by_role("link", name="Pre-train with it").click()
    page.wait_for_url("**/runs/new/**")
    page.locator("#id_architecture").select_option(architecture)
    expect(page.locator("#run-summary")).to_contain_text("Ready")
    page.wait_for_timeout(SETTLED_MS)  # the suggestions of that architecture have come
    if epochs is not None:
        page.locator("#id_epochs").fill(str(epochs))
        page.locator("#id_epochs").press("Tab")
        page.wait_for_timeout(SETTLED_MS)
    foretold = page.locator("#run-summary dt:has-text('Time here, about') + dd").inner_text()
    at.look("pretraining-form")
    page.get_by_role("button", name="Start training").click()
    page.wait_for_url(re.compile(r"/runs/[0-9a-f-]{36}/$"))
    run = at.id_in_address()
    page.goto("about:blank")
    return run, foretold


def follow(at: Desk, run: str, name: str) -> dict[str, Any]:
    """Take a picture of the live page at each evaluation and at the end of the run."""
    pictures = last = 0
    while True:
        found: dict[str, Any] = at.api.get(f"runs/{run}").raise_for_status().json()
        new = events(at, run, after=last)
        last = new[-1]["seq"] if new else last
        is_over = found["state"] in FINAL
        if is_over or any(each["kind"] == "evaluated" for each in new):
            pictures += 1
            at.page.goto(f"{at.studio.address}/runs/{run}/")
            at.page.wait_for_timeout(SETTLED_MS)
            at.look(f"{name}-{pictures}")
            at.page.goto("about:blank")
        if is_over:
            assert found["state"] == State.FINISHED, found
            return found
        time.sleep(LOOK_SECONDS)


def events(at: Desk, run: str, *, after: int = 0) -> list[dict[str, Any]]:
    """The events of a run after that one."""
    found: list[dict[str, Any]] = []
    address: str | None = f"runs/{run}/events?limit=1000&after={after}"
    while address:
        answer = at.api.get(address).raise_for_status().json()
        found += answer["results"]
        address = answer["next"]
    return found


def hand_over(at: Desk, run: dict[str, Any], foretold: str, home: Path) -> dict[str, Any]:
    """Put the model and its curve where `bench.from_zero` looks for them."""
    artifact = at.studio.manage("shell", "-v", "0", "-c", ARTIFACT.format(run["model_version"])).splitlines()[-1]
    shutil.copytree(artifact, home / "pretrained" / "model", dirs_exist_ok=True)
    begun, ended = (datetime.fromisoformat(run[key]).timestamp() for key in ("started_at", "ended_at"))
    curve = [
        {"step": each["step"], "seconds": round(each["at"] - begun, 1), **each["metrics"]}
        for each in events(at, run["id"])
        if each["kind"] == "evaluated"
    ]
    spent = {"seconds": round(ended - begun, 1), "foretold": foretold, "curve": curve}
    (home / from_zero.CURVE).write_text(json.dumps(spent), encoding="utf-8")
    return spent


def fine_tune(at: Desk, dataset_version: str, model_version: str) -> dict[str, Any]:
    """A classifier from the model of the project's shelf, with what the form suggests."""
    page = at.page
    page.goto(f"{at.studio.address}/dataset-versions/{dataset_version}/")
    page.get_by_role("link", name=re.compile("Train")).first.click()
    page.wait_for_url("**/runs/new/**")
    page.locator(f"label:has(input[name=base_model][value='project-model/{model_version}'])").click()
    expect(page.locator("#run-summary")).to_contain_text("Ready")
    page.wait_for_timeout(SETTLED_MS)
    at.look("classifier-form")
    page.get_by_role("button", name="Start training").click()
    page.wait_for_url(re.compile(r"/runs/[0-9a-f-]{36}/$"))
    run = follow(at, at.id_in_address(), "classifier")
    page.goto(f"{at.studio.address}/model-versions/{run['model_version']}/")
    at.look("classifier-evaluation")
    return run


def main(arguments: Sequence[str]) -> int:
    args = _arguments(arguments)
    told = args.keep / STATE
    done: dict[str, Any] = json.loads(told.read_text(encoding="utf-8")) if told.exists() else {}
    with desk(args.keep) as at:
        project = at.api.get("projects").json()["results"][0]["id"]
        for name, stage in (("pretraining", _pretraining), ("classifier", _classifier)):
            if name not in done:
                done[name] = stage(at, project, args, done)
                told.write_text(json.dumps(done, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(told.read_text(encoding="utf-8"))
    return 0


def _pretraining(at: Desk, project: str, args: argparse.Namespace, done: dict[str, Any]) -> dict[str, Any]:
    corpus = args.keep / "corpus.txt"
    from_zero.write_corpus(from_zero.LANGUAGES[args.language], args.data, corpus)
    upload(at, project, corpus, "Corpus for pre-training")
    train_tokenizer(at, args.vocabulary)
    run, foretold = pre_train(at, args.architecture, args.epochs)
    found = follow(at, run, "pretraining")
    language_pictures.pre_training(at.page, f"{at.studio.address}/runs/{run}/")
    at.page.screenshot(path=at.pictures / "pretraining-seen.png", animations="disabled", clip=SEEN)
    spent = hand_over(at, found, foretold, args.keep)
    return {"model_version": found["model_version"], "params": found["params"], **spent}


def _classifier(at: Desk, project: str, args: argparse.Namespace, done: dict[str, Any]) -> dict[str, Any]:
    rows = args.keep / f"{args.labelled}.tsv"
    from_zero.write_rows(from_zero.LANGUAGES[args.language].labelled[args.labelled], args.data, rows, args.rows)
    labelled = upload(at, project, rows, "Text classification")
    found = fine_tune(at, labelled, done["pretraining"]["model_version"])
    return {"params": found["params"], "validation": found["best"], "test": found["metrics"]}


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.by_clicks", description=__doc__)
    parser.add_argument("--data", type=Path, default=from_zero.DATA, help="the folder of the data sets")
    parser.add_argument("--language", choices=list(from_zero.LANGUAGES), default="zh")
    parser.add_argument("--architecture", default="small")
    parser.add_argument("--vocabulary", type=int, default=8000)
    parser.add_argument("--epochs", type=int, help="instead of those that the form suggests")
    parser.add_argument("--labelled", default="csl_discipline", help="the labelled set to fine-tune on")
    parser.add_argument("--rows", type=int, default=500)
    parser.add_argument(
        "--keep",
        type=Path,
        required=True,
        help="a folder to work in and to keep; a part that is done there is not done again",
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
