"""The demo page of a model version: a form, an answer, and the same question as code."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpResponse, QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _

from nlpstudio.core.errors import StudioError
from nlpstudio.core.htmx import HtmxRequest, render_page
from nlpstudio.core.policy import Policy, policy
from nlpstudio.demos import abstaining, results, services, snippets
from nlpstudio.demos.forms import DEMOS, DemoForm
from nlpstudio.engine.errors import UnsuitableInput
from nlpstudio.registry.access import version_for
from nlpstudio.registry.models import ModelVersion
from nlpstudio.registry.words import SENTENCES

LINK_LONGEST = 4000
"""Characters of an address that every browser and proxy still takes."""


@policy(Policy.VIEWER)
def demo(request: HtmxRequest, version_id: UUID) -> HttpResponse:
    """The page; an address with an input in it has the answer already."""
    version = version_for(request.user, version_id)
    asked = any(name in request.GET for name in DEMOS[version.model.task].form.base_fields)
    return _answer(request, version, _form(version, request.GET)) if asked else _page(request, version, _form(version))


@policy(Policy.VIEWER, "POST")
def predict(request: HtmxRequest, version_id: UUID) -> HttpResponse:
    """The answer alone for htmx, the whole page for a plain form."""
    version = version_for(request.user, version_id)
    return _answer(request, version, _form(version, request.POST))


@policy(Policy.VIEWER)
def state(request: HtmxRequest, version_id: UUID) -> HttpResponse:
    """Whether the model is loaded; asking has it loaded."""
    version = version_for(request.user, version_id)
    try:
        context: dict[str, Any] = {"state": services.warm(version)}
    except StudioError as error:
        context = {"state": "away", "error": error}
    return render_page(request, "demos/_state.html", {**context, "version": version})


def _form(version: ModelVersion, data: QueryDict | None = None) -> DemoForm:
    """The form of the task, without the second box for a model that never saw two texts."""
    form = DEMOS[version.model.task].form(data)
    if not version.takes_pairs:
        form.fields.pop("text_pair", None)
    return form


def _answer(request: HtmxRequest, version: ModelVersion, form: DemoForm) -> HttpResponse:
    """Ask the model and show what it says; what cannot be asked or answered is said in words."""
    if not form.is_valid():
        return _page(request, version, form, status=422)
    inputs, parameters = form.inputs(), {**form.parameters, **abstaining.parameters_of(version)}
    try:
        answered = services.predict(version, inputs, parameters)
    except UnsuitableInput as error:
        form.add_error(None, " ".join(filter(None, map(SENTENCES.translated, (error.message, error.hint)))))
        return _page(request, version, form, status=422)
    except StudioError as error:
        # htmx leaves answers of 400 and more out of the page; these words belong into it.
        return _page(request, version, form, {"error": error}, status=200 if request.htmx else error.status)
    url = request.build_absolute_uri(f"/api/v1/model-versions/{version.pk}/predict")
    return _page(
        request,
        version,
        form,
        {
            "result": results.lay_out(version, inputs, answered.prediction),
            "milliseconds": round(1000 * answered.seconds),
            "json": json.dumps(answered.prediction, ensure_ascii=False, indent=2),
            "curl": snippets.curl(url, inputs, parameters),
            "python": snippets.python(url, version.model.task, inputs, parameters),
            "link": _link(request, version, form),
        },
    )


def _link(request: HtmxRequest, version: ModelVersion, form: DemoForm) -> str:
    """The address of this page with this input in it; empty when it would be too long."""
    given = {name: value for name, value in form.cleaned_data.items() if value}
    address = f"{reverse('demos:demo', args=[version.pk])}?{urlencode(given)}"
    return address if len(address) <= LINK_LONGEST else ""


def _page(
    request: HtmxRequest,
    version: ModelVersion,
    form: DemoForm,
    context: dict[str, Any] | None = None,
    *,
    status: int = 200,
) -> HttpResponse:
    frame = {
        "project": version.model.project,
        "section": "models",
        "version": version,
        "form": form,
        "result_template": DEMOS[version.model.task].result,
        "examples": [_example(version, fields) for fields in version.examples],
    }
    return render_page(request, "demos/demo.html", {**frame, **(context or {})}, partial="answer", status=status)


def _example(version: ModelVersion, fields: dict[str, str]) -> dict[str, Any]:
    """An example as a link that asks it at once, with the words to show for it."""
    words = fields.get("question") or fields.get("text") or next(iter(fields.values()), _("Example"))
    address = f"{reverse('demos:demo', args=[version.pk])}?{urlencode(fields)}"
    return {"words": words, "fields": fields, "address": address}
