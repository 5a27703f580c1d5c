"""Addresses of the datasets app."""

from __future__ import annotations

from django.urls import path

from nlpstudio.datasets.views import dataset, listing, version, wizard

app_name = "datasets"
PROJECT = "projects/<uuid:project_id>/datasets/"
DATASET = "datasets/<uuid:dataset_id>/"
VERSION = "dataset-versions/<uuid:version_id>/"

urlpatterns = [
    path(PROJECT, listing.index, name="list"),
    path(f"{PROJECT}new/", wizard.create, name="create"),
    path(f"{PROJECT}samples/<slug:sample_id>/", listing.add_sample, name="add_sample"),
    path("datasets/template/<slug:task>.tsv", listing.template_file, name="template"),
    path(DATASET, dataset.detail, name="detail"),
    path(f"{DATASET}new-version/", wizard.new_version, name="new_version"),
    path(f"{DATASET}rename/", dataset.rename, name="rename"),
    path(f"{DATASET}delete/", dataset.delete, name="delete"),
    path(VERSION, version.data, name="version"),
    path(f"{VERSION}configure/", wizard.configure, name="configure"),
    path(f"{VERSION}import/", wizard.importing, name="importing"),
    path(f"{VERSION}rows/<int:row_id>/", version.row, name="row"),
    path(f"{VERSION}statistics/", version.statistics, name="statistics"),
    path(f"{VERSION}problems/", version.problems, name="problems"),
    path(f"{VERSION}versions/", version.versions, name="versions"),
    path(f"{VERSION}used-by/", version.used_by, name="used_by"),
    path(f"{VERSION}download/", version.download, name="download"),
    path(f"{VERSION}rejected/", version.rejected, name="rejected"),
]
