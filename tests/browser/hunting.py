"""The hunt for effects of hostile text, over every page of a real studio."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Browser, Page

from tests.browser.hostile import Hunt
from tests.studio import ADMIN, PASSWORD, ROOT, Studio, until
from tests.tiny import sentiment_lines

PAUSE_S = 4.0
PATIENCE_MS = 60_000
LISTED = """
from nlpstudio.datasets.models import *; from nlpstudio.runs.models import Run; from nlpstudio.registry.models import *
from nlpstudio.demos.models import Batch; from nlpstudio.projects.models import *; import json
of = lambda rows: [str(each) for each in rows.values_list('pk', flat=True)]
print(json.dumps({{
    'live': of(Run.objects.filter(project_id='{project}', name='live')),
    'runs': of(Run.objects.filter(project_id='{project}').exclude(name='live')),
    'projects': of(Project.objects.exclude(pk='{project}').filter(team__description__contains='(1)')),
    'teams': of(Team.objects.filter(description__contains='(1)')),
    'models': of(Model.objects.filter(project_id='{project}')),
    'versions': of(ModelVersion.objects.filter(model__project_id='{project}')),
    'batches': of(Batch.objects.filter(version__model__project_id='{project}')),
    'failed': of(DatasetVersion.objects.filter(dataset__project_id='{project}', state='failed')),
    'ready': of(DatasetVersion.objects.filter(dataset__project_id='{project}', state='ready')),
}}))
"""


def hunt_all(studio: Studio, browser: Browser, texts: list[str], *, details: int) -> Hunt:
    """Every list page with all `texts`, and of each kind of thing the own pages of `details` of them."""
    project = _uploaded(studio, texts)
    path = studio.home.parent / f"hostile-{len(texts)}.json"
    path.write_text(json.dumps(texts), encoding="utf-8")
    studio.manage(
        "shell",
        "-c",
        f"from pathlib import Path; from tests.browser.hostile import *; populate({ADMIN!r}, {project!r}, Path({str(path)!r}))",
    )
    ids: dict[str, list[str]] = json.loads(
        studio.manage("shell", "--no-imports", "-c", LISTED.format(project=project)).splitlines()[-1]
    )
    found = Hunt()
    context = browser.new_context(base_url=studio.address, locale="en-GB")
    context.set_default_timeout(PATIENCE_MS)
    page = found.watch(context)
    _sign_in(page)
    base = f"/projects/{project}"
    for address in (
        "/",
        "/teams/",
        "/accounts/tokens/",
        "/projects/new/",
        f"{base}/",
        f"{base}/members/",
        f"{base}/runs/new/",
    ):
        found.look(page, address)
    for address in (f"{base}/activity/", f"{base}/datasets/", f"{base}/runs/", f"{base}/models/"):
        _every_page(found, page, address)
    for version in ids["ready"]:
        for part in ("", "statistics/", "problems/", "versions/", "used-by/"):
            _every_page(found, page, f"/dataset-versions/{version}/{part}")
    own = {"runs": "/runs/{}/", "projects": "/projects/{}/", "teams": "/teams/{}/", "models": "/models/{}/", "failed": "/dataset-versions/{}/import/", "batches": "/batches/{}/"}  # fmt: skip
    for kind, pattern in own.items():
        for each in ids[kind][:details]:
            found.look(page, pattern.format(each))
    _live(studio, found, page, ids["live"][0], project, path, texts)
    context.close()
    return found


def _uploaded(studio: Studio, texts: list[str]) -> str:
    """A project whose imported rows and labels are hostile too."""
    rows = "".join(f"{text}\t{text}\n" for text in texts for _time in range(3))
    plain = "".join("\t".join(line) + "\n" for line in sentiment_lines(8))
    with studio.api() as api:
        project = api.post("projects", json={"name": "Hostile", "description": "x"}).raise_for_status().json()["id"]
        file = {"file": ("<img data-xss src=x onerror=alert(1)>.tsv", f"text\tlabel\n{rows}{plain}".encode())}
        made = api.post(f"projects/{project}/datasets", data={"name": "Rows", "task": "classification"}, files=file)
        version = made.raise_for_status().json()["version"]["id"]
        until(
            lambda: api.get(f"dataset-versions/{version}").json()["state"] == "ready",
            180,
            "the hostile rows are imported",
        )
    return str(project)


def _every_page(found: Hunt, page: Page, address: str) -> None:
    found.look(page, address)
    while (following := page.locator("a[rel=next]")).count():
        href = following.first.get_attribute("href") or ""
        found.look(page, f"{address}{href}" if href.startswith("?") else href)


def _live(studio: Studio, found: Hunt, page: Page, run: str, project: str, path: Path, texts: list[str]) -> None:
    """Warnings arrive over the websocket while the page is open."""
    found.look(page, f"/runs/{run}/")
    code = f"from pathlib import Path; from tests.browser.hostile import *; speak({project!r}, Path({str(path)!r}), {PAUSE_S})"
    command = [sys.executable, "manage.py", "shell", "-c", code]
    speaking = subprocess.Popen(command, cwd=ROOT, env=studio.environment, stdout=subprocess.DEVNULL)
    page.get_by_text(f"said {len(texts)}", exact=False).first.wait_for(
        timeout=PATIENCE_MS + 1000 * PAUSE_S * len(texts)
    )
    speaking.wait(120)
    found.search(page)


def _sign_in(page: Page) -> None:
    page.goto("/accounts/login/")
    page.get_by_label("E-mail").or_(page.get_by_label("Email")).fill(ADMIN)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/")
