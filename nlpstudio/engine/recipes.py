"""Settings that belong together, by name: what a person picks before looking at single ones.

Only settings that stand in the form: a recipe fills it in, and everything can still be changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

RECIPES: Mapping[str, Mapping[str, Any]] = {
    "thorough": {},
    "steady": {"epochs": 2, "learning_rate": 1e-4, "layer_decay": 0.9, "freeze_embeddings": True},
    "quick": {"epochs": 1, "learning_rate": 2e-4, "layer_decay": 0.9, "freeze_embeddings": True},
    "adapters": {"epochs": 3, "learning_rate": 1e-3, "lora_rank": 8},
}
