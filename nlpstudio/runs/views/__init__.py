"""The pages of runs."""

from __future__ import annotations
