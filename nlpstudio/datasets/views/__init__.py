"""The pages of data sets: the list, the import wizard, one data set, one version."""

from __future__ import annotations
