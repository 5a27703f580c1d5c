"""The addresses of the API, version 1."""

from __future__ import annotations

from django.urls import path

from nlpstudio.api import docs
from nlpstudio.api.instance import api

urlpatterns = [
    path("docs", docs.page, name="api-docs"),
    path("", api.urls),
]
