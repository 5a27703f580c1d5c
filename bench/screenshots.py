"""The README's pictures: a studio of its own, real runs, and pages of them in `docs/images`.

    python -m bench.screenshots [--out FOLDER] [--data FOLDER]

Needs Chromium, and the base models on this machine or a package registry to fetch them from. With `--data`, the folder of
the benchmarks' data sets, those of language models are taken too.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Page, ViewportSize, expect, sync_playwright

from bench import language_pictures
from nlpstudio.engine import shelf
from tests.studio import ROOT, Studio, until

BASE_MODEL = "all-minilm-l6-v2"
SAMPLE = "SMS spam"
PARAMS = {"epochs": 2, "learning_rate": 5e-5, "batch_size": 32, "max_length": 64, "early_stopping": 0}
SHORTER = {**PARAMS, "epochs": 1, "learning_rate": 2e-5, "max_length": 32}
"""Another version of the same model, to compare."""
FEW_STEPS = {"epochs": 3, "learning_rate": 3e-4, "batch_size": 8, "max_length": 128, "early_stopping": 0}
TEXT = "Hi, we are at the cinema. Text FREE to 80082 to win two tickets, or just come and bring popcorn?"
PEOPLE = ("Maria Keller", "Chen Wei", "Amina Diallo", "Jonas Berg", "Lucía Ortega", "Ravi Menon")
PLACES = ("Lisbon", "Hamburg", "Kyoto", "Nairobi", "Montreal", "Chengdu")
WORK = ("an architect", "a nurse", "a violinist", "a baker", "a marine biologist")
CONTEXT = (
    "Amina Diallo was born in Nairobi and moved to Lisbon in 2016, to work as a marine biologist. "
    "Jonas Berg was born in Hamburg and stayed there, to work as a baker."
)
QUESTION = "Where did Amina Diallo move?"
MIXED = "Free entry tonight! Ask for Anna at the door, or call me when you are there."
"""Some words of it speak for spam, others against."""
WINDOW: ViewportSize = {"width": 1280, "height": 860}
LATER_MS = 1_500
LARGEST_BYTES = 200_000
PATIENCE_S = 1800


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """A made-up sentence about somebody, and what it says."""

    who: str
    home: str
    goal: str
    year: str
    work: str

    @property
    def text(self) -> str:
        return f"{self.who} was born in {self.home} and moved to {self.goal} in {self.year}, to work as {self.work}."


def lives(count: int = 120) -> list[Life]:
    """Enough to teach a small model in seconds."""
    return [
        Life(
            who=PEOPLE[number % 6],
            home=PLACES[(number // 6) % 6],
            goal=PLACES[(number // 6 + 1 + number % 5) % 6],
            year=str(1990 + number % 30),
            work=WORK[(number * 7) % 5],
        )
        for number in range(count)
    ]


def questions() -> str:
    """Three questions about each life, as a table."""
    lines = ["context\tquestion\tanswer"]
    for life in lives():
        asked = (("Where did {} move?", life.goal), ("When did {} move?", life.year), ("What is {}?", life.work))
        lines += [f"{life.text}\t{question.format(life.who)}\t{answer}" for question, answer in asked]
    return "\n".join(lines) + "\n"


def entities() -> str:
    """The lives with people, places, years and work marked, as doccano exports them."""
    lines = []
    for life in lives():
        marks, text = [], life.text
        for label, words in (
            ("person", life.who),
            ("place", life.home),
            ("place", life.goal),
            ("year", life.year),
            ("work", life.work),
        ):
            start = text.rindex(words) if words == life.goal else text.index(words)
            marks.append([start, start + len(words), label])
        lines.append(json.dumps({"text": text, "label": sorted(marks)}, ensure_ascii=False))
    return "\n".join(lines) + "\n"


class Trained:
    """Runs that are started over the API of a studio, in its first project."""

    def __init__(self, api: httpx.Client) -> None:
        self.api = api
        self.project = api.get("projects").json()["results"][0]["id"]

    def sample(self, name: str) -> str:
        """The version of the sample whose name has these words, once all samples are imported."""

        def found() -> str | None:
            all_sets = self.api.get(f"projects/{self.project}/datasets", params={"limit": 50}).json()["results"]
            mine = next(each["version"] for each in all_sets if name in each["name"])
            return None if mine["state"] == "importing" else str(mine["id"])

        return until(found, PATIENCE_S, "the samples are imported")

    def upload(self, task: str, file: str, content: str, name: str = "Lives") -> str:
        """A data set of made-up lives or of another text, when it is ready."""
        form = {"task": task, "name": name, "options": "{}"}
        address = f"projects/{self.project}/datasets"
        answer = self.api.post(address, files={"file": (file, content)}, data=form).raise_for_status()
        version = answer.json()["version"]["id"]
        state = f"dataset-versions/{version}"
        until(lambda: self.api.get(state).json()["state"] != "importing", PATIENCE_S, f"{name} is imported")
        return str(version)

    def start(self, version: str, params: dict[str, Any], base_model: str = BASE_MODEL) -> str:
        body = {"dataset_version": version, "base_model": base_model, "params": params}
        return str(self.api.post(f"projects/{self.project}/runs", json=body).raise_for_status().json()["id"])

    def model(self, run: str) -> str:
        """The model version of a run, once it is finished."""
        version: str | None = until(
            lambda: self.api.get(f"runs/{run}").json()["model_version"], PATIENCE_S, f"run {run} is finished"
        )
        return str(version)


def pictures(studio: Studio, out: Path, data: Path | None) -> None:
    """Train on the samples and take each page as it becomes worth looking at."""
    with studio.api() as api:
        trained = Trained(api)
        version = trained.sample(SAMPLE)
        run = trained.start(version, PARAMS)
        others = {
            "demo-entities.png": trained.start(trained.upload("ner", "lives.jsonl", entities()), FEW_STEPS),
            "demo-answer.png": trained.start(trained.upload("qa", "lives.tsv", questions()), FEW_STEPS),
        }
        shorter = trained.start(version, SHORTER)
        asked = {"demo-entities.png": [CONTEXT], "demo-answer.png": [CONTEXT, QUESTION]}
        expect.set_options(timeout=PATIENCE_S * 1000)
        with sync_playwright() as playwright:
            chromium = shutil.which("chromium") or shutil.which("google-chrome")
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_page(viewport=WINDOW, color_scheme="light", locale="en-GB")
            page.set_default_timeout(PATIENCE_S * 1000)
            page.goto(studio.sign_in_link())
            page.goto(f"{studio.address}/dataset-versions/{version}/")
            take(page, out / "dataset.png")
            page.goto(f"{studio.address}/runs/{run}/")
            until(lambda: api.get(f"runs/{run}").json()["progress"] > 0.8, PATIENCE_S, "the run is well under way")
            take(page, out / "run.png")
            expect(page.locator("#run-state")).to_contain_text("Finished")
            model = trained.model(run)
            page.goto(f"{studio.address}/model-versions/{model}/")
            take(page, out / "evaluation.png")
            ask(page, f"{studio.address}/model-versions/{model}/demo/", [TEXT])
            take(page, out / "demo.png")
            ask(page, f"{studio.address}/model-versions/{model}/demo/", [MIXED])
            explain(page)
            take(page, out / "demo-reasons.png")
            page.set_viewport_size(WINDOW)
            ask(page, f"{studio.address}/model-versions/{model}/demo/", [TEXT], beside=trained.model(shorter))
            take(page, out / "demo-compare.png")
            for name, other in others.items():
                ask(page, f"{studio.address}/model-versions/{trained.model(other)}/demo/", asked[name])
                take(page, out / name)
            if data:
                of_language(page, studio.address, trained, out, data)
            browser.close()


def of_language(page: Page, address: str, trained: Trained, out: Path, data: Path) -> None:
    """From a text to a language model, and a model that converses."""
    page.set_viewport_size(WINDOW)
    places = language_pictures.begin(page, trained, address, data)
    language_pictures.tokenizer(page, places.tokenizer)
    take(page, out / "tokenizer.png")
    evaluated = f"runs/{places.run}"
    until(lambda: trained.api.get(evaluated).json()["progress"] > 0.8, PATIENCE_S, "the pre-training is well under way")
    language_pictures.pre_training(page, f"{address}/runs/{places.run}/")
    take(page, out / "pretraining.png")
    language_pictures.inside(page, f"{address}/model-versions/{trained.model(places.run)}/inside/")
    take(page, out / "inside.png")
    page.set_viewport_size(WINDOW)
    language_pictures.chat(page, f"{address}/model-versions/{trained.model(places.chat_run)}/chat/")
    take(page, out / "chat.png")


def ask(page: Page, address: str, words: list[str], *, beside: str = "") -> None:
    """Fill the boxes of a demo from above and wait for the answer, also of the version `beside`."""
    page.goto(address)
    for box, text in zip(page.locator("[data-demo] textarea").all(), words, strict=False):
        box.fill(text)
    if beside:
        page.get_by_label("Compare with").select_option(beside)
    page.get_by_role("button", name="Ask the model").click()
    expect(page.locator("#answer .bar").first).to_contain_text(re.compile(r"\d"))


def explain(page: Page) -> None:
    """Ask why, before a window that all of it fits into."""
    page.set_viewport_size({**WINDOW, "height": 960})
    page.keyboard.press("Escape")
    page.keyboard.press("x")
    expect(page.locator("#reasons .attributed")).to_be_visible()
    page.evaluate("scrollTo(0, 0)")


def take(page: Page, path: Path) -> None:
    """What is seen without scrolling, once what moves has come to rest."""
    page.mouse.move(0, 0)
    page.wait_for_timeout(LATER_MS)
    page.screenshot(path=path, animations="disabled")
    size = path.stat().st_size
    print(f"{path.name}: {size / 1000:.0f} kB")
    if size > LARGEST_BYTES:
        raise SystemExit(f"{path} is larger than {LARGEST_BYTES / 1000:.0f} kB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images")
    parser.add_argument("--data", type=Path, help="the folder of the data sets, for the pictures of language models")
    given = parser.parse_args()
    out = given.out
    out.mkdir(parents=True, exist_ok=True)
    base_models = shelf.fetch(BASE_MODEL, progress=print).parent
    if given.data:
        shelf.fetch(language_pictures.CHAT_MODEL, progress=print)
    with tempfile.TemporaryDirectory() as folder:
        studio = Studio(home=Path(folder) / "home", base_models=base_models)
        try:
            studio.start()
            pictures(studio, out, given.data)
        finally:
            studio.kill()


if __name__ == "__main__":
    main()
