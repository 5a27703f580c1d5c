"""A project's webhooks: all of them, and one with its last deliveries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import OuterRef, Subquery
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables

from nlpstudio.core import workers
from nlpstudio.core.errors import StudioError
from nlpstudio.core.htmx import HtmxRequest, go_to, render_page
from nlpstudio.core.policy import Policy, policy
from nlpstudio.notices import webhooks
from nlpstudio.notices.forms import ChangeForm, WebhookForm
from nlpstudio.notices.models import Delivery, SendState, Webhook
from nlpstudio.projects.access import project_for
from nlpstudio.projects.models import Project, Role


def _found(request: HtmxRequest, project_id: UUID, webhook_id: UUID) -> Webhook:
    """The door: for maintainers of its project."""
    project = project_for(request.user, project_id, Role.MAINTAINER)
    hook = get_object_or_404(Webhook, pk=webhook_id, project=project)
    hook.project = project
    return hook


@policy(Policy.MAINTAINER, "GET", "POST")
@never_cache
@sensitive_variables("secret", "context")
def index(request: HtmxRequest, project_id: UUID) -> HttpResponse:
    """All webhooks. A new one's secret is shown in the answer to its form and nowhere else, so it is not a redirect."""
    project = project_for(request.user, project_id, Role.MAINTAINER)
    form, secret = WebhookForm(request.POST or None), ""
    if request.method == "POST" and form.is_valid():
        try:
            _hook, secret = webhooks.create(project=project, by=request.user, **form.cleaned_data)
            form = WebhookForm()
        except StudioError as error:
            form.add_error(None, f"{error.message} {error.hint}")
    context = {"project": project, "section": "settings", "form": form, "secret": secret, "hooks": _hooks(project)}
    status = 422 if form.is_bound and form.errors else 200
    return render_page(request, "notices/webhooks.html", context, status=status)


def _hooks(project: Project) -> Sequence[Webhook]:
    """With the words of their events and how their last delivery went, in two queries."""
    newest = Delivery.objects.filter(webhook=OuterRef("pk")).order_by("-created_at").values("pk")[:1]
    hooks = list(project.webhooks.annotate(last_id=Subquery(newest)))
    last = Delivery.objects.in_bulk([hook.last_id for hook in hooks])
    for hook in hooks:
        hook.last = last.get(hook.last_id)  # type: ignore[attr-defined]  # for the template
    return hooks


def _page(request: HtmxRequest, hook: Webhook, context: dict[str, Any], status: int = 200) -> HttpResponse:
    deliveries = list(hook.deliveries.all()[:20])
    is_busy = any(each.state == SendState.WAITING and not each.attempt for each in deliveries)
    shown = {"deliveries": deliveries, "is_busy": is_busy, "has_worker": not is_busy or workers.is_alive("io")}
    page = {"project": hook.project, "section": "settings", "hook": hook, **shown, **context}
    return render_page(request, "notices/webhook.html", page, partial="deliveries", status=status)


@policy(Policy.MAINTAINER, "GET", "POST")
def detail(request: HtmxRequest, project_id: UUID, webhook_id: UUID) -> HttpResponse:
    hook = _found(request, project_id, webhook_id)
    now = {"url": hook.url, "events": hook.events, "is_on": hook.is_on}
    form = ChangeForm(request.POST or None, initial=now)
    if request.method == "POST" and form.is_valid():
        webhooks.change(hook=hook, by=request.user, **form.cleaned_data)
        messages.success(request, _("Saved."))
        return go_to(request, "notices:webhook", hook.project_id, hook.pk)
    return _page(request, hook, {"form": form}, 422 if form.errors else 200)


@policy(Policy.MAINTAINER, "POST")
def test(request: HtmxRequest, project_id: UUID, webhook_id: UUID) -> HttpResponse:
    hook = _found(request, project_id, webhook_id)
    try:
        webhooks.test(hook=hook, by=request.user)
    except StudioError as error:
        messages.error(request, f"{error.message} {error.hint}")
    return go_to(request, "notices:webhook", hook.project_id, hook.pk)


@policy(Policy.MAINTAINER, "POST")
@never_cache
@sensitive_variables("secret")
def secret(request: HtmxRequest, project_id: UUID, webhook_id: UUID) -> HttpResponse:
    """Make a new secret and show it in this answer only."""
    hook = _found(request, project_id, webhook_id)
    plain = webhooks.change_secret(hook=hook, by=request.user)
    form = ChangeForm(initial={"url": hook.url, "events": hook.events, "is_on": hook.is_on})
    return _page(request, hook, {"form": form, "secret": plain})


@policy(Policy.MAINTAINER, "POST")
def delete(request: HtmxRequest, project_id: UUID, webhook_id: UUID) -> HttpResponse:
    hook = _found(request, project_id, webhook_id)
    webhooks.delete(hook=hook, by=request.user)
    messages.success(request, _("The webhook is deleted."))
    return go_to(request, "notices:webhooks", project_id)
