"""Addresses of the demos app."""

from __future__ import annotations

from django.urls import path

from nlpstudio.demos import batch_views, views

app_name = "demos"
urlpatterns = [
    path("model-versions/<uuid:version_id>/demo/", views.demo, name="demo"),
    path("model-versions/<uuid:version_id>/demo/predict/", views.predict, name="predict"),
    path("model-versions/<uuid:version_id>/demo/state/", views.state, name="state"),
    path("model-versions/<uuid:version_id>/predict-file/", batch_views.predict_file, name="predict_file"),
    path("batches/<uuid:batch_id>/", batch_views.detail, name="batch"),
    path("batches/<uuid:batch_id>/columns/", batch_views.configure, name="configure"),
    path("batches/<uuid:batch_id>/cancel/", batch_views.cancel, name="cancel"),
    path("batches/<uuid:batch_id>/resume/", batch_views.resume, name="resume"),
    path("batches/<uuid:batch_id>/delete/", batch_views.delete, name="delete"),
    path("batches/<uuid:batch_id>/download/", batch_views.download, name="download"),
]
