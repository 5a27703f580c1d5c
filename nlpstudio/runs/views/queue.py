"""The queue of the whole installation, and the quotas that its administrator sets."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.forms.models import model_to_dict
from django.http import Http404, HttpResponse
from django.utils.translation import gettext as _

from nlpstudio.core.errors import StudioError
from nlpstudio.core.htmx import HtmxRequest, go_to, render_page
from nlpstudio.core.policy import Policy, policy
from nlpstudio.projects.models import Role
from nlpstudio.quotas import groups
from nlpstudio.quotas import services as limits
from nlpstudio.quotas.models import Quota
from nlpstudio.runs import services, showing_queue
from nlpstudio.runs.access import run_for

PLACES = ("first", "up", "down")


def _limit(name: str, **options: Any) -> dict[str, Any]:
    """A field's words from the model's."""
    column: Any = Quota._meta.get_field(name)
    return {"label": column.verbose_name, "help_text": column.help_text, "required": False, "min_value": 0, **options}


class QuotaForm(forms.Form):
    """The limits of one group; empty is without."""

    running_at_once = forms.IntegerField(**_limit("running_at_once", max_value=10_000))
    hours_a_month = forms.FloatField(**_limit("hours_a_month"))
    storage_gb = forms.FloatField(**_limit("storage_gb"))


@policy(Policy.SIGNED_IN)
def index(request: HtmxRequest) -> HttpResponse:
    """What runs, what waits, why and until when; the page asks again by itself."""
    shown = showing_queue.of(request.user)
    return render_page(request, "runs/queue.html", {"queue": shown}, partial="tables")


@policy(Policy.EDITOR, "POST")
def move(request: HtmxRequest, run_id: UUID) -> HttpResponse:
    """Reorder one's own waiting runs."""
    run = run_for(request.user, run_id, Role.EDITOR)
    to = request.POST.get("to", "up")
    try:
        services.reorder(run=run, to=to if to in PLACES else "up", by=request.user)
    except StudioError as error:
        messages.error(request, f"{error.message} {error.hint}".strip())
    return go_to(request, "runs:queue")


@policy(Policy.ADMIN)
def quotas(request: HtmxRequest) -> HttpResponse:
    """Every team with its limits."""
    return render_page(request, "runs/quotas.html", {"rows": showing_queue.quotas()})


@policy(Policy.ADMIN, "GET", "POST")
def quota(request: HtmxRequest, group_id: UUID) -> HttpResponse:
    """The limits of one team."""
    name = groups.names_of([group_id]).get(group_id)
    if name is None:
        raise Http404
    current = Quota.objects.filter(pk=group_id).first()
    form = QuotaForm(request.POST or None, initial=model_to_dict(current) if current else {})
    if request.method == "POST" and form.is_valid():
        limits.change(group=group_id, by=request.user, **form.cleaned_data)
        messages.success(request, _("Saved."))
        return go_to(request, "runs:quotas")
    context = {"form": form, "group": group_id, "name": name, "use": showing_queue.use_of(group_id)}
    return render_page(request, "runs/quota.html", context, status=422 if form.errors else 200)
