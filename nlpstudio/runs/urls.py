"""Addresses of the runs app."""

from __future__ import annotations

from django.urls import path

from nlpstudio.runs.views import actions, create, detail, listing, queue

app_name = "runs"
PROJECT = "projects/<uuid:project_id>/runs/"
RUN = "runs/<uuid:run_id>/"

urlpatterns = [
    path(PROJECT, listing.index, name="list"),
    path(f"{PROJECT}new/", create.create, name="create"),
    path(RUN, detail.detail, name="detail"),
    path(f"{RUN}chart.json", detail.chart, name="chart"),
    path(f"{RUN}log/", detail.log, name="log"),
    path(f"{RUN}log.txt", detail.log_file, name="log_file"),
    path(f"{RUN}settings/", detail.config, name="config"),
    path("queue/", queue.index, name="queue"),
    path("queue/quotas/", queue.quotas, name="quotas"),
    path("queue/quotas/<uuid:group_id>/", queue.quota, name="quota"),
    path(f"{RUN}move/", queue.move, name="move"),
    path(f"{RUN}stop/", actions.stop, name="stop"),
    path(f"{RUN}cancel/", actions.cancel, name="cancel"),
    path(f"{RUN}resume/", actions.resume, name="resume"),
    path(f"{RUN}clone/", create.clone, name="clone"),
    path(f"{RUN}delete/", actions.delete, name="delete"),
]
