"""The page on which an editor says how sure a model must be to decide by itself."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.utils.translation import gettext as _

from nlpstudio.core.htmx import HtmxRequest, go_to, render_page
from nlpstudio.core.policy import Policy, policy
from nlpstudio.projects.models import Role
from nlpstudio.registry import confidence, services
from nlpstudio.registry.access import version_for
from nlpstudio.registry.forms import PrecisionForm
from nlpstudio.registry.models import ModelVersion
from nlpstudio.registry.views.versions import frame

USUAL = 95.0


@policy(Policy.VIEWER)
def page(request: HtmxRequest, version_id: UUID) -> HttpResponse:
    """What a wanted precision (`?precision=98`) means in rows, and what is saved."""
    version = version_for(request.user, version_id)
    if version.model.task != "classification":
        raise Http404
    saved = 100 * version.wanted_precision if version.wanted_precision is not None else USUAL
    form = PrecisionForm({"precision": request.GET.get("precision", saved)})
    status = 200 if form.is_valid() else 422
    wanted = form.cleaned_data["precision"] / 100 if form.is_valid() else saved / 100
    context = {**frame(version, "confidence"), "form": form, "wanted": wanted, **_shown(version, wanted)}
    return render_page(request, "registry/confidence.html", context, partial="choice", status=status)


@policy(Policy.EDITOR, "POST")
def save(request: HtmxRequest, version_id: UUID) -> HttpResponse:
    """Keep the threshold that the wanted precision needs."""
    version = version_for(request.user, version_id, Role.EDITOR)
    form = PrecisionForm(request.POST)
    judged = confidence.judged(version, confidence.FITTED_ON)
    chosen = judged.choose(form.cleaned_data["precision"] / 100) if form.is_valid() and judged else None
    if chosen is None:
        messages.error(request, _("No threshold reaches that precision, so nothing was saved."))
    else:
        precision = form.cleaned_data["precision"] / 100
        services.decide_above(version=version, precision=precision, threshold=chosen.threshold, by=request.user)
        messages.success(request, _("Saved. Demo, API and files obey it from now on."))
    return go_to(request, "registry:confidence", version.pk)


@policy(Policy.EDITOR, "POST")
def clear(request: HtmxRequest, version_id: UUID) -> HttpResponse:
    """Let the model decide everything again."""
    version = version_for(request.user, version_id, Role.EDITOR)
    services.decide_all(version=version, by=request.user)
    messages.success(request, _("The model decides every row again."))
    return go_to(request, "registry:confidence", version.pk)


def _shown(version: ModelVersion, wanted: float) -> dict[str, Any]:
    """The choice on validation, the same threshold on the test split, and the curve."""
    judged = confidence.judged(version, confidence.FITTED_ON)
    if judged is None:
        return {"judged": None}
    chosen = judged.choose(wanted)
    test = confidence.judged(version, "test")
    return {
        "judged": judged,
        "chosen": chosen,
        "proof": test.at(chosen.threshold) if test and chosen else None,
        "line": confidence.line_of(judged, chosen),
        "temperature": confidence.temperature_of(version),
    }
