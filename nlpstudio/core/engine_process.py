"""How a worker starts a process of the engine: its command, and what it may know of our environment."""

from __future__ import annotations

import os
import sys

from django.conf import settings

ENGINE = (sys.executable, "-m", "nlpstudio.engine")
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "STUDIO_BASE_MODELS")


def kept() -> dict[str, str]:
    """What a child may know of our environment: no key, no password, no address of a service."""
    known = {name: os.environ[name] for name in KEPT if name in os.environ}
    return known | {"PYTHONPATH": str(settings.ROOT), "STUDIO_HOME": str(settings.STUDIO_HOME)}
