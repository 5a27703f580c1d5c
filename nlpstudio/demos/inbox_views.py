"""Corrections: sent from a demo page, judged in the data set's inbox, made into its next version."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from nlpstudio.core.errors import StudioError
from nlpstudio.core.htmx import HtmxRequest, go_to, render_page
from nlpstudio.core.navigation import Link
from nlpstudio.core.paging import page_of
from nlpstudio.core.policy import Policy, policy
from nlpstudio.datasets.access import dataset_for
from nlpstudio.datasets.showing import ShownRow, shown
from nlpstudio.demos import asking, correcting, inbox
from nlpstudio.demos.kept import Correction, CorrectionState
from nlpstudio.demos.views import form_of, in_words
from nlpstudio.engine.errors import UnsuitableInput
from nlpstudio.projects.models import Role
from nlpstudio.registry.access import version_for


@policy(Policy.VIEWER, "POST")
def correct(request: HtmxRequest, version_id: UUID) -> HttpResponse:
    """Take what is right instead: the words of thanks for htmx, the inbox for a plain form."""
    version = version_for(request.user, version_id)
    if not correcting.can_be_corrected(version):
        raise Http404
    asked = form_of(version, request.POST)
    if not asked.is_valid():
        return _sent(request, version_id, {"reason": _("The input is missing.")}, status=422)
    inputs = asked.inputs()
    said = None
    try:
        answer = asking.ask(version, asked, must=False)
        said = correcting.said_by(version, inputs, answer.prediction) if answer.result else None
    except UnsuitableInput as error:
        return _sent(request, version_id, {"reason": in_words(error)}, status=422)
    form = correcting.FORMS[version.model.task](request.POST, version=version, inputs=inputs, said=said)
    given = {name: value for name, value in asked.cleaned_data.items() if value}
    if not form.is_valid():
        context = {"correction": form, "given": given, "version": version}
        return render_page(request, "demos/wrong.html", _frame(context, version), partial="wrong", status=422)
    inbox.send(version=version, right=form.row, said=said, note=form.cleaned_data["note"], by=request.user)
    return _sent(request, version_id, {"dataset": version.dataset_version.dataset})


def _frame(context: dict[str, Any], version: Any) -> dict[str, Any]:
    return {**context, "project": version.model.project, "section": "models"}


def _sent(request: HtmxRequest, version_id: UUID, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    if request.htmx:
        return render_page(request, "demos/_sent.html", context, status=status)
    if "reason" in context:
        messages.error(request, context["reason"])
    else:
        messages.success(request, _("Thank you. The correction is in the data set's inbox."))
    return go_to(request, "demos:demo", version_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A correction with the two rows as pages show them; `said` is None when the model was not asked again."""

    correction: Correction
    right: ShownRow
    said: ShownRow | None


@policy(Policy.VIEWER)
def corrections(request: HtmxRequest, dataset_id: UUID) -> HttpResponse:
    """The inbox, by state; the waiting ones first."""
    dataset = dataset_for(request.user, dataset_id)
    state = request.GET.get("state", "")
    state = state if state in CorrectionState.values else CorrectionState.WAITING
    page = page_of(dataset.corrections.filter(state=state).for_list(), request.GET.get("page"))
    labels = dataset.versions.ready().values_list("labels", flat=True).first() or []
    url = reverse("demos:corrections", args=[dataset.pk])
    counts = {each: dataset.corrections.filter(state=each).count() for each in CorrectionState.values}
    context = {
        "project": dataset.project,
        "section": "datasets",
        "dataset": dataset,
        "state": state,
        "page": page,
        "rows": [_shown(each, dataset.task, labels) for each in page],
        "ready": dataset.corrections.ready_to_use().count(),
        "tabs": [
            Link(label=str(label), url=f"{url}?state={value}", active=value == state, count=counts[value])
            for value, label in CorrectionState.choices
        ],
    }
    return render_page(request, "demos/corrections.html", context)


def _shown(correction: Correction, task: str, labels: list[str]) -> Shown:
    said = shown(correction.said, task, labels) if correction.said else None
    return Shown(correction=correction, right=shown(correction.record, task, labels), said=said)


@policy(Policy.EDITOR, "POST")
def decide(request: HtmxRequest, dataset_id: UUID) -> HttpResponse:
    """Accept, dismiss or reopen the chosen corrections."""
    dataset = dataset_for(request.user, dataset_id, Role.EDITOR)
    wanted = request.POST.get("state", "")
    if wanted not in CorrectionState.values:
        messages.error(request, _("Say what is to become of them."))
        return go_to(request, "demos:corrections", dataset.pk)
    chosen = [each for each in request.POST.getlist("chosen") if _is_id(each)]
    moved = inbox.decide(dataset=dataset, chosen=chosen, state=CorrectionState(wanted), by=request.user)
    words = {
        CorrectionState.ACCEPTED: ngettext("%(count)s accepted.", "%(count)s accepted.", moved),
        CorrectionState.DISMISSED: ngettext("%(count)s dismissed.", "%(count)s dismissed.", moved),
        CorrectionState.WAITING: ngettext("%(count)s put back.", "%(count)s put back.", moved),
    }
    messages.success(request, words[CorrectionState(wanted)] % {"count": moved})
    return go_to(request, "demos:corrections", dataset.pk)


@policy(Policy.EDITOR, "POST")
def make_version(request: HtmxRequest, dataset_id: UUID) -> HttpResponse:
    """A new version of the data set with the accepted corrections in it."""
    dataset = dataset_for(request.user, dataset_id, Role.EDITOR)
    try:
        version = inbox.make_version(dataset=dataset, by=request.user)
    except StudioError as error:
        messages.error(request, f"{error.message} {error.hint}".strip())
        return go_to(request, "demos:corrections", dataset.pk)
    return go_to(request, "datasets:importing", version.pk)


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
