"""The published model that these tests look at."""

from __future__ import annotations

from tests.published import dataset_version, outcome, own_files, publish, serve_worker, trained, version

__all__ = ["dataset_version", "outcome", "own_files", "publish", "serve_worker", "trained", "version"]
