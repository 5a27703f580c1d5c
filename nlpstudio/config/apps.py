"""The configuration as an app, so that it can bring management commands."""

from __future__ import annotations

from django.apps import AppConfig


class StudioConfig(AppConfig):
    name = "nlpstudio.config"
    label = "studio"
