"""Addresses of the notices app."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from nlpstudio.notices import views, webhook_views

own = [
    path("notices/", views.index, name="list"),
    path("notices/read/", views.read_all, name="read_all"),
    path("notices/letters/", views.choices, name="choices"),
    path("notices/<uuid:notice_id>/open/", views.open_one, name="open"),
    path("notices/<uuid:notice_id>/read/", views.read, name="read"),
    path("projects/<uuid:project_id>/webhooks/", webhook_views.index, name="webhooks"),
    path("projects/<uuid:project_id>/webhooks/<uuid:webhook_id>/", webhook_views.detail, name="webhook"),
    path("projects/<uuid:project_id>/webhooks/<uuid:webhook_id>/test/", webhook_views.test, name="webhook_test"),
    path("projects/<uuid:project_id>/webhooks/<uuid:webhook_id>/secret/", webhook_views.secret, name="webhook_secret"),
    path("projects/<uuid:project_id>/webhooks/<uuid:webhook_id>/delete/", webhook_views.delete, name="webhook_delete"),
]

urlpatterns: list[URLPattern | URLResolver] = [path("", include((own, "notices")))]
