"""Addresses of the operations app."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from nlpstudio.operations import storage_views, trash_views, views

trash = [
    path("projects/<uuid:project_id>/trash/", trash_views.of_project, name="trash"),
    path("projects/<uuid:project_id>/trash/<slug:kind>/<uuid:thing_id>/restore/", trash_views.restore, name="restore"),
    path("projects/<uuid:project_id>/trash/<slug:kind>/<uuid:thing_id>/purge/", trash_views.purge, name="purge"),
    path("teams/<uuid:team_id>/trash/", trash_views.of_team, name="team_trash"),
    path("teams/<uuid:team_id>/trash/<uuid:gone_id>/restore/", trash_views.restore_project, name="restore_project"),
    path("teams/<uuid:team_id>/trash/<uuid:gone_id>/purge/", trash_views.purge_project, name="purge_project"),
]

storage = [
    path("projects/<uuid:project_id>/storage/", storage_views.of_project, name="storage"),
    path("teams/<uuid:team_id>/storage/", storage_views.of_team, name="team_storage"),
    path("storage/", storage_views.of_all, name="all_storage"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("metrics", views.metrics, name="metrics"),
    path("", include(([*trash, *storage], "operations"))),
]
