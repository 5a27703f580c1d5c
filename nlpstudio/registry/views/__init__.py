"""The pages of models, their versions, and base models."""

from __future__ import annotations
