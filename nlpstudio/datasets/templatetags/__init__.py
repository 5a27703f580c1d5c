"""Template tags of the datasets pages."""

from __future__ import annotations
