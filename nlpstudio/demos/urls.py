"""Addresses of the demos app."""

from __future__ import annotations

from django.urls import path

from nlpstudio.demos import views

app_name = "demos"
urlpatterns = [
    path("model-versions/<uuid:version_id>/demo/", views.demo, name="demo"),
    path("model-versions/<uuid:version_id>/demo/predict/", views.predict, name="predict"),
    path("model-versions/<uuid:version_id>/demo/state/", views.state, name="state"),
]
