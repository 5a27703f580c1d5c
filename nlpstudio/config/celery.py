"""The Celery app. Messages are wake-up calls: the database is the truth."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nlpstudio.config.settings.base")

app = Celery("nlpstudio")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
