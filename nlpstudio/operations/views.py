"""What monitoring asks."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from prometheus_client import CONTENT_TYPE_LATEST

from nlpstudio.core.policy import Policy, policy
from nlpstudio.operations import metrics as figures


@policy(Policy.MONITOR)
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Figures for Prometheus. Whoever may not read them learns nothing, not even that they are here."""
    if not figures.may_read(request):
        raise Http404
    return HttpResponse(figures.text(), content_type=CONTENT_TYPE_LATEST)
