"""Addresses of the core app."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from nlpstudio.core import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("worker-light/", views.worker_light, name="worker_light"),
]
