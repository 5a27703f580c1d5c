"""The runs of a project, newest first, kept fresh while any is under way."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse

from nlpstudio.core import workers
from nlpstudio.core.htmx import HtmxRequest, render_page
from nlpstudio.core.paging import page_of
from nlpstudio.core.policy import Policy, policy
from nlpstudio.projects.access import project_for
from nlpstudio.runs.models import Run
from nlpstudio.runs.states import State


@policy(Policy.VIEWER)
def index(request: HtmxRequest, project_id: UUID) -> HttpResponse:
    """The table, filtered by state and name. Asks again by itself while a run of the project is not over."""
    project = project_for(request.user, project_id)
    query, state = request.GET.get("q", "").strip(), request.GET.get("state", "")
    mine = Run.objects.visible_to(request.user).filter(project=project)
    page = page_of(mine.in_state(state).named_like(query).for_list(), request.GET.get("page"))
    is_busy = mine.active().exists()
    context = {
        "project": project,
        "page": page,
        "query": query,
        "state": state,
        "states": State.choices,
        "is_filtered": bool(query or state),
        "is_busy": is_busy,
        "is_unattended": is_busy and not workers.is_alive("train"),
    }
    return render_page(request, "runs/list.html", context, partial="table")
