"""All addresses of the web process."""

from __future__ import annotations

from django.urls import include, path

from nlpstudio.api.openai import api as openai

urlpatterns = [
    path("", include("nlpstudio.core.urls")),
    path("", include("nlpstudio.operations.urls")),
    path("accounts/", include("nlpstudio.accounts.urls")),
    path("people/", include("nlpstudio.accounts.people_urls")),
    path("", include("nlpstudio.projects.urls")),
    path("", include("nlpstudio.datasets.urls")),
    path("", include("nlpstudio.registry.urls")),
    path("", include("nlpstudio.runs.urls")),
    path("", include("nlpstudio.demos.urls")),
    path("", include("nlpstudio.notices.urls")),
    path("api/v1/", include("nlpstudio.api.urls")),
    path("v1/", openai.urls),
]

handler400 = "nlpstudio.config.errors.bad_request"
handler403 = "nlpstudio.config.errors.forbidden"
handler404 = "nlpstudio.config.errors.not_found"
handler500 = "nlpstudio.config.errors.server_error"
