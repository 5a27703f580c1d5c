"""The README's pictures: a studio of its own, a real run on a sample, and four pages of it in `docs/images`.

    python -m bench.screenshots [--out FOLDER]

Needs Chromium, and the base model on this machine or a package registry to fetch it from.
"""

from __future__ import annotations

import argparse
import re
import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from nlpstudio.engine import shelf
from tests.studio import ROOT, Studio, until

BASE_MODEL = "all-minilm-l6-v2"
SAMPLE = "SMS spam"
PARAMS = {"epochs": 2, "learning_rate": 5e-5, "batch_size": 32, "max_length": 64, "early_stopping": 0}
TEXT = "Hi, we are at the cinema. Text FREE to 80082 to win two tickets, or just come and bring popcorn?"
LATER_MS = 1_500
LARGEST_BYTES = 200_000
PATIENCE_S = 1800


def pictures(studio: Studio, out: Path) -> None:
    """Train on the sample and take each page as it becomes worth looking at."""
    with studio.api() as api:
        project = api.get("projects").json()["results"][0]["id"]

        def data() -> str | None:
            found = api.get(f"projects/{project}/datasets").json()["results"]
            mine = next(each["version"] for each in found if SAMPLE in each["name"])
            busy = any(each["version"]["state"] == "importing" for each in found)
            return None if busy else str(mine["id"])

        version = until(data, PATIENCE_S, "the samples are imported")
        body = {"dataset_version": version, "base_model": BASE_MODEL, "params": PARAMS}
        run = api.post(f"projects/{project}/runs", json=body).raise_for_status().json()["id"]
        expect.set_options(timeout=PATIENCE_S * 1000)
        with sync_playwright() as playwright:
            chromium = shutil.which("chromium") or shutil.which("google-chrome")
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_page(viewport={"width": 1280, "height": 860}, color_scheme="light", locale="en-GB")
            page.set_default_timeout(PATIENCE_S * 1000)
            page.goto(studio.sign_in_link())
            page.goto(f"{studio.address}/dataset-versions/{version}/")
            take(page, out / "dataset.png")
            page.goto(f"{studio.address}/runs/{run}/")
            until(lambda: api.get(f"runs/{run}").json()["progress"] > 0.8, PATIENCE_S, "the run is well under way")
            take(page, out / "run.png")
            expect(page.locator("#run-state")).to_contain_text("Finished")
            model = api.get(f"runs/{run}").json()["model_version"]
            page.goto(f"{studio.address}/model-versions/{model}/")
            take(page, out / "evaluation.png")
            page.goto(f"{studio.address}/model-versions/{model}/demo/")
            page.get_by_label("Text", exact=True).fill(TEXT)
            page.get_by_role("button", name="Ask the model").click()
            expect(page.locator("#answer .bars")).to_contain_text(re.compile(r"\d"))
            take(page, out / "demo.png")
            browser.close()


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
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    base_models = shelf.fetch(BASE_MODEL, progress=print).parent
    with tempfile.TemporaryDirectory() as folder:
        studio = Studio(home=Path(folder) / "home", base_models=base_models)
        try:
            studio.start()
            pictures(studio, out)
        finally:
            studio.kill()


if __name__ == "__main__":
    main()
