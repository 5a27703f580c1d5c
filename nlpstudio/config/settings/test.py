"""The settings of the test suite: the same, with a home that is thrown away and nothing outside the process."""

from __future__ import annotations

import os
import tempfile

# Each worker of pytest-xdist has a home of its own; what it starts inherits the mark, and so its home.
if os.environ.get("PYTEST_XDIST_WORKER") != os.environ.get("STUDIO_TEST_WORKER"):
    os.environ["STUDIO_TEST_WORKER"] = os.environ["PYTEST_XDIST_WORKER"]
    os.environ.pop("STUDIO_HOME", None)
os.environ.setdefault("STUDIO_HOME", tempfile.mkdtemp(prefix="nlpstudio-test-"))
os.environ.setdefault("SECRET_KEY", "only-for-tests-" + "x" * 32)
if "TEST_DATABASE_URL" in os.environ:
    os.environ["DATABASE_URL"] = os.environ["TEST_DATABASE_URL"]

from nlpstudio.config.settings.base import *  # noqa: F403  # the environment comes first, the same settings follow

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
CELERY_BROKER_URL = "memory://"
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
STORAGES = {
    **STORAGES,  # noqa: F405  # from base
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
ACCOUNT_RATE_LIMITS = False
