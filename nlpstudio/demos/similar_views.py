"""Similar texts: two texts beside each other, or a text and the rows of a data set that are nearest to it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse

from nlpstudio.core.errors import StudioError
from nlpstudio.core.htmx import HtmxRequest, render_page
from nlpstudio.core.policy import Policy, policy
from nlpstudio.datasets.models import DatasetVersion
from nlpstudio.demos import similar
from nlpstudio.demos.forms import SimilarForm
from nlpstudio.engine.errors import UnsuitableInput
from nlpstudio.projects.access import project_for
from nlpstudio.projects.models import Project
from nlpstudio.registry.words import SENTENCES

VERSIONS_MOST = 200


@policy(Policy.VIEWER)
def index(request: HtmxRequest, project_id: UUID) -> HttpResponse:
    """The page; it asks again by itself until every row of the data set has been looked at."""
    project = project_for(request.user, project_id)
    encoders, versions = similar.encoders(project), _versions(project)
    asked = request.GET if "text" in request.GET else None
    form = SimilarForm(asked, initial=request.GET.dict(), encoders=encoders, versions=versions)
    context: dict[str, Any] = {"project": project, "section": "models", "form": form, "encoders": encoders}
    status = 200
    if asked is not None:
        try:
            context |= _found(form)
        except UnsuitableInput as error:
            form.add_error(None, SENTENCES.translated(error.message))
        except StudioError as error:
            context["error"] = error
            status = 200 if request.htmx else error.status
        status = 422 if form.errors else status
    return render_page(request, "demos/similar.html", context, partial="answer", status=status)


def _versions(project: Project) -> list[DatasetVersion]:
    ready = DatasetVersion.objects.ready().filter(dataset__project=project, dataset__deleted_at__isnull=True)
    return list(ready.select_related("dataset").order_by("-created_at")[:VERSIONS_MOST])


def _found(form: SimilarForm) -> dict[str, Any]:
    if not form.is_valid():
        return {}
    found: dict[str, Any] = {"asked": True}
    text, other, version = form.cleaned_data["text"], form.cleaned_data["other"], form.version
    if other:
        found["cosine"] = similar.cosines(form.encoder, text, [other])[0]
    if version is not None:
        found |= {"version": version, "neighbours": similar.neighbours(form.encoder, text, version)}
    return found
