"""Addresses of the demos app."""

from __future__ import annotations

from django.urls import path

from nlpstudio.demos import batch_views, chat_views, inbox_views, inside_views, shared_views, similar_views, views

app_name = "demos"
urlpatterns = [
    path("model-versions/<uuid:version_id>/demo/", views.demo, name="demo"),
    path("model-versions/<uuid:version_id>/demo/predict/", views.predict, name="predict"),
    path("model-versions/<uuid:version_id>/demo/stream/", chat_views.stream, name="stream"),
    path("model-versions/<uuid:version_id>/chat/", chat_views.chat, name="chat"),
    path("model-versions/<uuid:version_id>/demo/state/", views.state, name="state"),
    path("model-versions/<uuid:version_id>/demo/explain/", views.explain, name="explain"),
    path("model-versions/<uuid:version_id>/demo/forget/", views.forget, name="forget"),
    path("model-versions/<uuid:version_id>/demo/correct/", inbox_views.correct, name="correct"),
    path("datasets/<uuid:dataset_id>/corrections/", inbox_views.corrections, name="corrections"),
    path("datasets/<uuid:dataset_id>/corrections/decide/", inbox_views.decide, name="decide"),
    path("datasets/<uuid:dataset_id>/corrections/version/", inbox_views.make_version, name="make_version"),
    path("models/<uuid:model_id>/links/", shared_views.create, name="share"),
    path("models/<uuid:model_id>/links/<uuid:link_id>/revoke/", shared_views.revoke, name="revoke_link"),
    path("try/<str:secret>/", shared_views.demo, name="shared"),
    path("try/<str:secret>/predict/", shared_views.predict, name="shared_predict"),
    path("try/<str:secret>/state/", shared_views.state, name="shared_state"),
    path("try/<str:secret>/explain/", shared_views.explain, name="shared_explain"),
    path("model-versions/<uuid:version_id>/inside/", inside_views.inside, name="inside"),
    path("projects/<uuid:project_id>/similar/", similar_views.index, name="similar"),
    path("model-versions/<uuid:version_id>/predict-file/", batch_views.predict_file, name="predict_file"),
    path("batches/<uuid:batch_id>/", batch_views.detail, name="batch"),
    path("batches/<uuid:batch_id>/columns/", batch_views.configure, name="configure"),
    path("batches/<uuid:batch_id>/cancel/", batch_views.cancel, name="cancel"),
    path("batches/<uuid:batch_id>/resume/", batch_views.resume, name="resume"),
    path("batches/<uuid:batch_id>/delete/", batch_views.delete, name="delete"),
    path("batches/<uuid:batch_id>/download/", batch_views.download, name="download"),
]
