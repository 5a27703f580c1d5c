"""Texts with marked passages: see `core.marks`, which data sets use too."""

from __future__ import annotations

from nlpstudio.core.marks import COLOURS, Mark, Segment, colour_of, entity_types, marks_of_tags, segments

__all__ = ["COLOURS", "Mark", "Segment", "colour_of", "entity_types", "marks_of_tags", "segments"]
