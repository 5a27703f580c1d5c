"""The buttons of a run."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.utils.translation import gettext as _

from nlpstudio.core.errors import StudioError
from nlpstudio.core.htmx import HtmxRequest, go_to
from nlpstudio.core.policy import Policy, policy
from nlpstudio.projects.models import Role
from nlpstudio.runs import services
from nlpstudio.runs.access import run_for


@policy(Policy.EDITOR, "POST")
def stop(request: HtmxRequest, run_id: UUID) -> HttpResponse:
    """Stop and keep the best so far."""
    return _do(request, run_id, services.stop)


@policy(Policy.EDITOR, "POST")
def cancel(request: HtmxRequest, run_id: UUID) -> HttpResponse:
    """Cancel and discard."""
    return _do(request, run_id, services.cancel)


@policy(Policy.EDITOR, "POST")
def resume(request: HtmxRequest, run_id: UUID) -> HttpResponse:
    """Go on from the last checkpoint."""
    return _do(request, run_id, services.resume)


@policy(Policy.EDITOR, "POST")
def delete(request: HtmxRequest, run_id: UUID) -> HttpResponse:
    """Hide a run that is over; its model stays."""
    run = run_for(request.user, run_id, Role.EDITOR)
    try:
        services.delete(run=run, by=request.user)
    except StudioError as error:
        messages.error(request, f"{error.message} {error.hint}".strip())
        return go_to(request, "runs:detail", run.pk)
    messages.success(request, _("%(name)s was deleted.") % {"name": run.name})
    return go_to(request, "runs:list", run.project_id)


def _do(request: HtmxRequest, run_id: UUID, deed: Callable[..., None]) -> HttpResponse:
    run = run_for(request.user, run_id, Role.EDITOR)
    try:
        deed(run=run, by=request.user)
    except StudioError as error:
        messages.error(request, f"{error.message} {error.hint}".strip())
    return go_to(request, "runs:detail", run.pk)
