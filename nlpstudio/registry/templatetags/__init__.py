"""Template tags of the registry."""

from __future__ import annotations
