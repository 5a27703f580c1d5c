"""Addresses of the operations app."""

from __future__ import annotations

from django.urls import path

from nlpstudio.operations import views

urlpatterns = [path("metrics", views.metrics, name="metrics")]
