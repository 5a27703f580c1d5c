"""Template tags of the demos pages."""

from __future__ import annotations
