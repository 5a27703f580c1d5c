"""The door of runs."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404

from nlpstudio.accounts.models import User
from nlpstudio.projects.access import require
from nlpstudio.projects.models import Role
from nlpstudio.runs.models import Run, RunQuerySet


def run_for(user: User, run_id: UUID, role: Role = Role.VIEWER) -> Run:
    """The run, when the user has at least `role` in its project."""
    run = with_relations(Run.objects.visible_to(user)).filter(pk=run_id).first()
    if run is None:
        raise Http404
    run.project.my_role = require(user, run.project_id, role)
    return run


def with_relations(runs: RunQuerySet) -> RunQuerySet:
    """With all that the page of a run names, in the same query."""
    return runs.select_related("project", "created_by", "dataset_version__dataset", "model_version__model")
