"""Text that would run in a careless page: over three hundred payloads, put into everything people fill in, and a hunt for effects.

`populate` runs inside a studio (by `manage.py shell`), `hunt` looks at its pages with a real Chromium. An effect is a dialog,
a request to another host, an element of the payload in the document, or a report of the content security policy.
"""

from __future__ import annotations

import itertools
import json
import time
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

CODE = "alert(1)"
CANARY = "http://canary.invalid/"
_TAGS = ("img src=x", "svg", "body", "video src=x", "audio src=x", "details open", "input autofocus", "select autofocus",
         "textarea autofocus", "iframe", "object data=x", "marquee", "style", "link rel=stylesheet href=x", "xss tabindex=1",
         "math", "embed src=x", "a href=#", "button autofocus", "form")  # fmt: skip
_EVENTS = ("onerror", "onload", "onfocus", "ontoggle", "onpageshow", "onanimationend")
_BREAKS = ("", '">', "'>", "</title>", "</textarea>", "</script>", "-->", "]]>", "</style>", "</select>", "</noscript>")
_WHOLE = (
    "<script data-xss>{c}</script>", "<ScRiPt data-xss>{c}</sCrIpT>", "<script data-xss src={u}></script>",
    "<script data-xss type=module>{c}</script>", "<iframe data-xss srcdoc='<script>{c}</script>'></iframe>",
    "<iframe data-xss src=javascript:{c}>", "<a data-xss href=javascript:{c}>x</a>", "<form data-xss action=javascript:{c}><button>",
    "<svg data-xss><script>{c}</script></svg>", "<svg data-xss><animate onbegin={c} attributeName=x dur=1s>",
    "<math data-xss><a xlink:href=javascript:{c}>x</a></math>", "<object data-xss data=javascript:{c}>",
    "<base data-xss href={u}>", "<meta data-xss http-equiv=refresh content='0;url={u}'>", "<img data-xss src={u}>",
    "<link data-xss rel=stylesheet href={u}>", "<style data-xss>@import '{u}';</style>", "<div data-xss hx-get={u} hx-trigger=load>",
    "<div data-xss hx-on:load={c}>", "<div data-xss hx-on::load={c}>", "<div data-xss ws-connect={u}>", "<template data-xss><script>{c}</script>",
    "<b data-xss hx-trigger='load[{c}]' hx-get=/>", "<div data-xss data-hx-get={u} data-hx-trigger=load>", "<p data-xss hx-vals='js:{c}'>",
)  # fmt: skip
_BARE = (
    "javascript:{c}", "java\tscript:{c}", "data:text/html,<script>{c}</script>", "{{{{ {c} }}}}", "{{% debug %}}", "${{{c}}}", "`{c}`",
    "';{c};//", '";{c};//', "\\';{c};//", "</script><script data-xss>{c}</script>", "\" onfocus={c} autofocus data-xss x=\"",
    "' onfocus={c} autofocus data-xss x='", "x onmouseover={c} data-xss", "&lt;script data-xss&gt;{c}&lt;/script&gt;",
    "%3Cscript%20data-xss%3E{c}%3C/script%3E", "\\u003cscript data-xss\\u003e{c}\\u003c/script\\u003e", "＜script data-xss＞{c}＜/script＞",
    "<<script data-xss>{c}//<</script>", "<script/data-xss>{c}</script>", "<img/data-xss/src=x/onerror={c}>", "<svg/data-xss/onload={c}>",
    "<!--><img data-xss src=x onerror={c}>", "<![CDATA[><img data-xss src=x onerror={c}>]]>", "\u202e<img data-xss src=x onerror={c}>",
)  # fmt: skip


def payloads() -> list[str]:
    """All of them, each once, none longer than a name may be."""
    made = [shape.format(c=CODE, u=CANARY) for shape in (*_WHOLE, *_BARE)]
    made += [
        f"{before}<{tag} data-xss {event}={CODE}>"
        for tag, event in itertools.product(_TAGS, _EVENTS)
        for before in ("", '">')
    ]
    made += [f"{before}{shape.format(c=CODE, u=CANARY)}" for before in _BREAKS[2:] for shape in _WHOLE[:4]]
    return [text for text in dict.fromkeys(made) if len(text) <= 110]


def populate(email: str, project_id: str, texts: Path) -> None:
    """Put each payload into every kind of thing in the project, and into teams and projects of their own."""
    from django.utils import timezone

    from nlpstudio.accounts.audit import record
    from nlpstudio.accounts.models import User
    from nlpstudio.accounts.services import create_token
    from nlpstudio.datasets.models import Dataset, DatasetVersion
    from nlpstudio.demos.models import Batch
    from nlpstudio.engine.spec import TrainSpec
    from nlpstudio.projects import services, teams
    from nlpstudio.projects.models import Membership, Project, Role
    from nlpstudio.registry.models import Model, ModelVersion
    from nlpstudio.runs.models import Run

    all_texts: list[str] = json.loads(texts.read_text(encoding="utf-8"))
    me, project = User.objects.get(email=email), Project.objects.get(pk=project_id)
    ready = DatasetVersion.objects.filter(dataset__project=project, state="ready").order_by("created_at")[0]
    spec = TrainSpec(task="classification", base_model="tiny").to_json()
    now = timezone.now()
    for number, text in enumerate(all_texts):
        team = teams.create(name=text, description=text, by=me)
        services.create(name=text, description=text, by=me, team=team)
        person = User.objects.create_user(f"hostile{number}@example.org", name=text)
        Membership.objects.create(project=project, user=person, role=Role.VIEWER)
        create_token(me, text[:80])
        data = Dataset.objects.create(project=project, name=text, task="classification", created_by=person)
        problem = {"line": 1, "column": text, "code": "x", "message": text, "value": text, "hint": text}
        DatasetVersion.objects.create(
            dataset=data, number=1, state="failed", source_name=text, error_code="x", error_message=text, error_hint=text,
            first_problems=[problem], problem_count=1, created_by=person,
        )  # fmt: skip
        model = Model.objects.create(project=project, name=text, task="classification", created_by=person)
        version = ModelVersion.objects.create(
            model=model, number=1, dataset_version=ready, base_model=text, spec=spec, labels=[text, f"{text}2"],
            examples=[{"text": text}], weights_sha256="0" * 64, created_by=person,
        )  # fmt: skip
        Run.objects.create(
            project=project, name=text, dataset_version=ready, base_model=text, spec=spec, state="failed", error_code="x",
            error_message=text, error_hint=text, queued_at=now, started_at=now, ended_at=now, created_by=person, best_split=text[:12],
        )  # fmt: skip
        Batch.objects.create(
            version=version, source_name=text, state="failed", error_code="x", error_message=text, error_hint=text
        )
        record(person, text[:60], data, project_id=project.pk)
    Run.objects.create(
        project=project, name="live", dataset_version=ready, base_model="tiny", spec=spec, state="running", queued_at=now,
        started_at=now, lease_owner="nobody", lease_until=now + timedelta(hours=6), created_by=me,
    )  # fmt: skip


def speak(project_id: str, texts: Path, pause_s: float) -> None:
    """Let the live run warn with each payload, twenty at a time: as many as its page shows."""
    from django.utils import timezone

    from nlpstudio.core.live import announce
    from nlpstudio.runs.models import Run, RunEvent

    all_texts: list[str] = json.loads(texts.read_text(encoding="utf-8"))
    run = Run.objects.get(project_id=project_id, name="live", state="running")
    for at in range(0, len(all_texts), 20):
        for number, text in enumerate(all_texts[at : at + 20], at + 1):
            payload = {"kind": "warning", "code": "x", "message": f"{text} said {number}"}
            RunEvent.objects.create(run=run, seq=number, at=timezone.now(), kind="warning", payload=payload)
        announce("run", run.pk)
        time.sleep(pause_s)


@dataclass
class Hunt:
    """What a browser saw: pages looked at, texts of payloads that were really on them, and effects."""

    pages: int = 0
    seen: int = 0
    effects: list[str] = field(default_factory=list)

    def watch(self, context: BrowserContext) -> Page:
        """A page that reports effects."""
        context.add_init_script(
            "window.alert = window.confirm = window.prompt = () => console.error('RAN');"
            "document.addEventListener('securitypolicyviolation', e => console.error('CSP ' + e.violatedDirective));"
        )
        page = context.new_page()
        page.on("console", lambda said: self.note(page, said.text) if said.text.startswith(("RAN", "CSP ")) else None)
        page.on("dialog", lambda dialog: (self.note(page, "dialog"), dialog.dismiss()))
        page.on(
            "request",
            lambda request: self.note(page, request.url) if "canary" in request.url.partition("?")[0] else None,
        )
        return page

    def note(self, page: Page, what: str) -> None:
        self.effects.append(f"{page.url}: {what}")

    def look(self, page: Page, address: str) -> None:
        """Open the page and search it."""
        answer = page.goto(address, wait_until="domcontentloaded")
        assert answer is not None and answer.status == 200, (address, answer and answer.status)
        page.wait_for_timeout(60)  # for what a payload would do
        self.search(page)
        self.pages += 1

    def search(self, page: Page) -> None:
        found: dict[str, Any] = page.evaluate(
            "() => ({elements: document.querySelectorAll('[data-xss], xss, [hx-on\\\\:load]').length,"
            " texts: (document.body.innerText.match(/data-xss|alert\\(1\\)/g) || []).length})"
        )
        self.seen += found["texts"]
        if found["elements"]:
            self.note(page, f"{found['elements']} elements of payloads")
