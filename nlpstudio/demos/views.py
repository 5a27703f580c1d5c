"""The demo page of a model version: a question, its answer and why, beside another version's, and as code."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import Http404, HttpResponse, QueryDict
from django.utils.translation import gettext as _

from nlpstudio.core.errors import StudioError
from nlpstudio.core.htmx import HtmxRequest, go_to, render_page
from nlpstudio.core.policy import Policy, policy
from nlpstudio.demos import asking, correcting, history, reasons, services, snippets
from nlpstudio.demos.asking import Answer
from nlpstudio.demos.forms import DEMOS, DemoForm
from nlpstudio.demos.seats import Seat
from nlpstudio.demos.words import SENTENCES
from nlpstudio.engine.errors import UnsuitableInput
from nlpstudio.registry.access import version_to_try
from nlpstudio.registry.models import ModelVersion

LINK_LONGEST = 4000
"""Characters of an address that every browser and proxy still takes."""
TARGET_LONGEST = 1000
BESIDE = "with"
"""The field that names the version to compare with."""


@policy(Policy.VIEWER)
def demo(request: HtmxRequest, version_id: UUID) -> HttpResponse:
    """The page; an address with an input in it has the answer already."""
    return first_page(request, seat_of(request, version_id))


@policy(Policy.VIEWER, "POST")
def predict(request: HtmxRequest, version_id: UUID) -> HttpResponse:
    """The answer alone for htmx, the whole page for a plain form."""
    seat = seat_of(request, version_id)
    return answer_page(request, seat, form_of(seat.version, request.POST))


@policy(Policy.VIEWER)
def state(request: HtmxRequest, version_id: UUID) -> HttpResponse:
    """Whether the model is loaded; asking has it loaded."""
    return state_of(request, seat_of(request, version_id))


@policy(Policy.VIEWER, "POST")
def explain(request: HtmxRequest, version_id: UUID) -> HttpResponse:
    """What speaks for one decision of the answer: over the text for htmx, on the whole page for a plain form."""
    return explain_page(request, seat_of(request, version_id))


@policy(Policy.VIEWER, "POST")
def forget(request: HtmxRequest, version_id: UUID) -> HttpResponse:
    """Delete the asker's history of this version, or one `entry` of it."""
    seat = seat_of(request, version_id)
    history.forget(user=request.user, version=seat.version, entry=request.POST.get("entry", ""))
    if request.htmx:
        return _page(request, seat, form_of(seat.version), partial="history")
    return go_to(request, "demos:demo", version_id)


def seat_of(request: HtmxRequest, version_id: UUID) -> Seat:
    return Seat(version=version_to_try(request.user, version_id), user=request.user)


def form_of(version: ModelVersion, data: QueryDict | None = None) -> DemoForm:
    """The form of the task, without the second box for a model that never saw two texts."""
    form = DEMOS[version.model.task].form(data)
    if not version.takes_pairs:
        form.fields.pop("text_pair", None)
    return form


def first_page(request: HtmxRequest, seat: Seat) -> HttpResponse:
    """The empty form, or the answer to what the address asks."""
    if asks(request, seat):
        return answer_page(request, seat, form_of(seat.version, request.GET))
    return _page(request, seat, form_of(seat.version))


def asks(request: HtmxRequest, seat: Seat) -> bool:
    """Whether the address holds an input. Messengers and mails add fields of their own, which ask nothing."""
    return any(name in request.GET for name in DEMOS[seat.version.model.task].form.base_fields)


def state_of(request: HtmxRequest, seat: Seat) -> HttpResponse:
    try:
        context: dict[str, Any] = {"state": services.warm(seat.version)}
    except StudioError as error:
        context = {"state": "away", "error": error}
    return render_page(request, "demos/_state.html", {**context, "seat": seat})


def answer_page(request: HtmxRequest, seat: Seat, form: DemoForm, extra: dict[str, Any] | None = None) -> HttpResponse:
    """Ask the model and show what it says; what cannot be asked or answered is said in words."""
    if not form.is_valid():
        return _page(request, seat, form, status=422)
    try:
        answer = asking.ask(seat.version, form)
    except UnsuitableInput as error:
        form.add_error(None, in_words(error))
        return _page(request, seat, form, status=422)
    except StudioError as error:
        return trouble_page(request, seat, form, error)
    beside = seat.other((request.POST or request.GET).get(BESIDE, ""))
    other = asking.ask(beside, form, must=False) if beside else None
    if seat.user is not None and request.method == "POST":
        given = {name: value for name, value in form.cleaned_data.items() if value}
        history.remember(user=seat.user, version=seat.version, fields=given, said=asking.in_short(answer))
    shown = _shown(request, seat, form, answer, other)
    return _page(request, seat, form, {**shown, **(extra or {})})


def trouble_page(request: HtmxRequest, seat: Seat, form: DemoForm, error: StudioError) -> HttpResponse:
    """An error in the answer's place. htmx leaves answers of 400 and more out of the page; these words belong into it."""
    response = _page(request, seat, form, {"error": error}, status=200 if request.htmx else error.status)
    if wait := getattr(error, "retry_after", 0):
        response["Retry-After"] = str(wait)
    return response


def explain_page(request: HtmxRequest, seat: Seat) -> HttpResponse:
    """Raises `Http404` for a task that no reasons can be given for."""
    if not seat.may_explain:
        raise Http404
    form = form_of(seat.version, request.POST)
    if not form.is_valid():
        return _page(request, seat, form, status=422)
    said: dict[str, Any]
    try:
        explained = services.explain(seat.version, form.inputs(), _target(request.POST.get("target", "")))
        said = {"reasons": reasons.lay_out(explained, form.inputs()), "target": request.POST.get("target", "")}
    except UnsuitableInput as error:
        said = {"reasons_error": in_words(error)}
    except StudioError as error:
        said = {"reasons_error": f"{error.message} {error.hint}".strip()}
    if request.htmx:
        return render_page(request, "demos/_reasons.html", {**said, "seat": seat})
    return answer_page(request, seat, form, said)


def unexplained_page(request: HtmxRequest, seat: Seat, error: StudioError) -> HttpResponse:
    """Why nothing is explained now, where the reasons would stand."""
    if request.htmx:
        said = {"reasons_error": f"{error.message} {error.hint}".strip(), "seat": seat}
        return render_page(request, "demos/_reasons.html", said)
    return trouble_page(request, seat, form_of(seat.version, request.POST), error)


def in_words(error: UnsuitableInput) -> str:
    return " ".join(filter(None, map(SENTENCES.translated, (error.message, error.hint))))


def _target(text: str) -> dict[str, Any]:
    """The decision to explain as it stands in the form. Raises `UnsuitableInput`."""
    try:
        target = json.loads(text[:TARGET_LONGEST] or "{}")
    except ValueError:
        target = None
    if not isinstance(target, dict):
        raise UnsuitableInput("target must be an object with label, start and end")
    return target


def _shown(request: HtmxRequest, seat: Seat, form: DemoForm, answer: Answer, other: Answer | None) -> dict[str, Any]:
    """What the page says of one answer, or of two."""
    version, inputs = seat.version, form.inputs()
    url = request.build_absolute_uri(f"/api/v1/model-versions/{version.pk}/predict")
    given = {name: value for name, value in form.cleaned_data.items() if value}
    shown: dict[str, Any] = {
        "answer": answer,
        "other": other,
        "agree": asking.agree(answer, other) if other else None,
        "given": given,
        "choices": asking.choices(answer),
        "link": _link(seat, given, other),
        "result": answer.result,
    }
    if seat.link is None:
        shown |= {
            "curl": snippets.curl(url, inputs, answer.parameters),
            "python": snippets.python(url, version.model.task, inputs, answer.parameters),
            "javascript": snippets.javascript(url, inputs, answer.parameters),
        }
    if seat.may_correct:
        said = correcting.said_by(version, inputs, answer.prediction)
        shown["correction"] = correcting.FORMS[version.model.task](version=version, inputs=inputs, said=said)
    return shown


def _link(seat: Seat, given: dict[str, str], other: Answer | None) -> str:
    """The address of this page with this input in it; empty when it would be too long."""
    beside = {BESIDE: str(other.version.pk)} if other else {}
    address = f"{seat.demo_url}?{urlencode({**given, **beside})}"
    return address if len(address) <= LINK_LONGEST else ""


def _page(
    request: HtmxRequest,
    seat: Seat,
    form: DemoForm,
    context: dict[str, Any] | None = None,
    *,
    status: int = 200,
    partial: str = "answer",
) -> HttpResponse:
    version = seat.version
    frame: dict[str, Any] = {
        "shell": "base_project.html" if seat.is_member else "base.html",
        "section": "models",
        "seat": seat,
        "version": version,
        "form": form,
        "beside": (request.POST or request.GET).get(BESIDE, ""),
        "others": seat.others(),
        "streams": DEMOS[version.model.task].streams and seat.link is None and seat.is_member,
        "examples": [_example(seat, fields) for fields in version.examples] if seat.is_member else [],
        "past": history.of(seat.user, version) if seat.user else [],
    }
    if seat.is_member:
        frame["project"] = version.model.project
    return render_page(request, "demos/demo.html", {**frame, **(context or {})}, partial=partial, status=status)


def _example(seat: Seat, fields: dict[str, str]) -> dict[str, Any]:
    """An example as a link that asks it at once, with the words to show for it."""
    words = fields.get("question") or fields.get("text") or next(iter(fields.values()), _("Example"))
    return {"words": words, "fields": fields, "address": f"{seat.demo_url}?{urlencode(fields)}"}
