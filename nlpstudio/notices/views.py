"""What I was told: the page behind the bell, and which of it comes as a letter too."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _

from nlpstudio.core.htmx import HtmxRequest, go_to, render_page
from nlpstudio.core.paging import page_of
from nlpstudio.core.policy import Policy, policy
from nlpstudio.notices import services, showing
from nlpstudio.notices.forms import LettersForm
from nlpstudio.notices.models import Notice


@policy(Policy.SIGNED_IN)
def index(request: HtmxRequest) -> HttpResponse:
    mine = Notice.objects.filter(user=request.user).select_related("entry__user")
    page = page_of(mine, request.GET.get("page"))
    context = {"page": page, "rows": showing.rows(request.user, page)}
    return render_page(request, "notices/list.html", context, partial="notices")


@policy(Policy.SIGNED_IN, "POST")
def open_one(request: HtmxRequest, notice_id: UUID) -> HttpResponse:
    """Mark it read and go where it leads."""
    notice = get_object_or_404(Notice.objects.select_related("entry"), pk=notice_id, user=request.user)
    services.mark_read(user=request.user, notice_id=notice.pk)
    address = showing.address_of(notice)
    return HttpResponseRedirect(address) if address else go_to(request, "notices:list")


@policy(Policy.SIGNED_IN, "POST")
def read(request: HtmxRequest, notice_id: UUID) -> HttpResponse:
    services.mark_read(user=request.user, notice_id=get_object_or_404(Notice, pk=notice_id, user=request.user).pk)
    return go_to(request, "notices:list")


@policy(Policy.SIGNED_IN, "POST")
def read_all(request: HtmxRequest) -> HttpResponse:
    services.mark_all_read(user=request.user)
    return go_to(request, "notices:list")


@policy(Policy.SIGNED_IN, "GET", "POST")
def choices(request: HtmxRequest) -> HttpResponse:
    form = LettersForm(request.POST or None, initial={"kinds": services.mailed_kinds(request.user)})
    if request.method == "POST":
        form = LettersForm(request.POST)  # nothing ticked is a choice too
        if form.is_valid():
            services.choose_mail(user=request.user, kinds=form.cleaned_data["kinds"])
            messages.success(request, _("Saved."))
            return go_to(request, "notices:choices")
    context = {"form": form, "mail_is_on": settings.MAIL_IS_ON}
    status = 422 if form.errors else 200
    return render_page(request, "notices/choices.html", context, partial="form", status=status)
