"""The page on which a version's engines are compared and chosen, its use is counted, and it is taken elsewhere."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from nlpstudio.core.errors import StudioError
from nlpstudio.core.htmx import HtmxRequest, go_to, render_page
from nlpstudio.core.policy import Policy, policy
from nlpstudio.core.streaming import attachment
from nlpstudio.engine.export.limits import LIMITS
from nlpstudio.engine.inference import engines as files
from nlpstudio.projects.models import Role
from nlpstudio.registry import archive, engines, pushing, usage
from nlpstudio.registry.access import version_for
from nlpstudio.registry.forms import PushForm
from nlpstudio.registry.models import EngineChoice, ModelVersion
from nlpstudio.registry.views.versions import frame

PUSHES_SHOWN = 5


@policy(Policy.VIEWER)
def page(request: HtmxRequest, version_id: UUID) -> HttpResponse:
    """The comparison; while it is being made the page asks again every two seconds."""
    return _page(request, version_for(request.user, version_id), PushForm())


def _page(request: HtmxRequest, version: ModelVersion, form: PushForm, status: int = 200) -> HttpResponse:
    export = getattr(version, "export", None)
    pushes = list(version.pushes.all()[:PUSHES_SHOWN])
    shown = engines.comparison(version)
    context = {
        **frame(version, "serving"),
        "export": export,
        "engines": shown,
        "report": export.report if export is not None else {},
        "limits": LIMITS[files.INT8],
        "choices": _choices(version, {each.name for each in shown}),
        "may_choose": version.model.project.my_role == Role.OWNER,
        "usage": usage.of(version),
        "days": usage.SHOWN_DAYS,
        "form": form,
        "pushes": pushes,
        "is_pushing": any(each.is_under_way for each in pushes),
    }
    partial = "pushes" if request.GET.get("part") == "pushes" else "engines"
    return render_page(request, "registry/serving.html", context, partial=partial, status=status)


@policy(Policy.OWNER, "POST")
def choose(request: HtmxRequest, version_id: UUID) -> HttpResponse:
    """Say which engine answers."""
    version = version_for(request.user, version_id, Role.OWNER)
    try:
        engines.choose(version=version, engine=request.POST.get("engine", ""), by=request.user)
    except StudioError as error:
        messages.error(request, f"{error.message} {error.hint}".strip())
    else:
        messages.success(request, _("Saved. Demo, API and files are answered so from now on."))
    return go_to(request, "registry:serving", version.pk)


@policy(Policy.EDITOR, "POST")
def prepare(request: HtmxRequest, version_id: UUID) -> HttpResponse:
    """Have the engines made, for a version that is older than they are, or again after a failure."""
    version = version_for(request.user, version_id, Role.EDITOR)
    engines.order(version=version, by=request.user)
    messages.success(request, _("The engines are being made."))
    return go_to(request, "registry:serving", version.pk)


@policy(Policy.VIEWER)
def download(request: HtmxRequest, version_id: UUID) -> HttpResponseBase:
    """The graphs with what they need to run elsewhere, as a zip written while it is sent."""
    version = version_for(request.user, version_id)
    if not (version.artifact / files.FOLDER).is_dir():
        messages.error(request, _("The engines of this version have not been made yet."))
        return go_to(request, "registry:serving", version.pk)
    name = f"{archive.name_of(version)} onnx"
    return attachment(archive.zipped(version.artifact, name, archive.without_weights), f"{name}.zip", "application/zip")


@policy(Policy.EDITOR, "POST")
@sensitive_post_parameters("token")
def push(request: HtmxRequest, version_id: UUID) -> HttpResponse:
    """Upload the version to the Hub with a token that is forgotten afterwards."""
    version = version_for(request.user, version_id, Role.EDITOR)
    form = PushForm(request.POST)
    if not form.is_valid():
        return _page(request, version, form, status=422)
    try:
        pushing.push(version=version, by=request.user, **form.cleaned_data)
    except StudioError as error:
        messages.error(request, f"{error.message} {error.hint}".strip())
    else:
        messages.success(request, _("The upload has begun."))
    return go_to(request, "registry:serving", version.pk)


def _choices(version: ModelVersion, made: set[str]) -> list[tuple[str, str, bool]]:
    """(value, label, is chosen) of what can be chosen now."""
    known = {EngineChoice.AUTOMATIC, EngineChoice.TORCH, *made}
    return [(value, str(label), value == version.engine) for value, label in EngineChoice.choices if value in known]
