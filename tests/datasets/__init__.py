"""Tests of data sets."""

from __future__ import annotations
