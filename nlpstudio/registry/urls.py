"""Addresses of the registry app."""

from __future__ import annotations

from django.urls import path

from nlpstudio.registry.views import base_models, confidence, models, serving, tokenizers, versions

app_name = "registry"
urlpatterns = [
    path("projects/<uuid:project_id>/models/", models.index, name="list"),
    path("models/", models.shared, name="shared"),
    path("models/<uuid:model_id>/", models.detail, name="model"),
    path("models/<uuid:model_id>/rename/", models.rename, name="rename"),
    path("models/<uuid:model_id>/visibility/", models.show_to, name="show_to"),
    path("models/<uuid:model_id>/delete/", models.delete, name="delete"),
    path("model-versions/<uuid:version_id>/", versions.detail, name="version"),
    path("model-versions/<uuid:version_id>/confidence/", confidence.page, name="confidence"),
    path("model-versions/<uuid:version_id>/confidence/save/", confidence.save, name="save_confidence"),
    path("model-versions/<uuid:version_id>/confidence/clear/", confidence.clear, name="clear_confidence"),
    path("model-versions/<uuid:version_id>/mistakes/", versions.mistakes, name="mistakes"),
    path("model-versions/<uuid:version_id>/confusion/", versions.confusion, name="confusion"),
    path("model-versions/<uuid:version_id>/files/", versions.files, name="files"),
    path("model-versions/<uuid:version_id>/download/", versions.download, name="download"),
    path("model-versions/<uuid:version_id>/serving/", serving.page, name="serving"),
    path("model-versions/<uuid:version_id>/serving/engine/", serving.choose, name="choose_engine"),
    path("model-versions/<uuid:version_id>/serving/prepare/", serving.prepare, name="prepare_engines"),
    path("model-versions/<uuid:version_id>/serving/push/", serving.push, name="push"),
    path("model-versions/<uuid:version_id>/serving/onnx/", serving.download, name="download_onnx"),
    path("projects/<uuid:project_id>/tokenizers/", tokenizers.index, name="tokenizers"),
    path("projects/<uuid:project_id>/tokenizers/new/", tokenizers.create, name="tokenizer_create"),
    path("tokenizers/<uuid:tokenizer_id>/", tokenizers.detail, name="tokenizer"),
    path("tokenizers/<uuid:tokenizer_id>/download/", tokenizers.download, name="tokenizer_download"),
    path("tokenizers/<uuid:tokenizer_id>/delete/", tokenizers.delete, name="tokenizer_delete"),
    path("corpora/<uuid:corpus_id>/tokens/", tokenizers.corpus_tokens, name="corpus_tokens"),
    path("base-models/", base_models.index, name="base_models"),
    path("base-models/hub/", base_models.hub, name="hub"),
    path("base-models/fetch/", base_models.fetch, name="fetch"),
]
