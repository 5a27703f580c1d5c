"""Settings that belong together, by name: what a person picks before looking at single ones.

Only settings that stand in the form: a recipe fills it in, and everything can still be changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nlpstudio.engine.spec import TrainParams

LARGE = 60_000_000
"""Parameters above which a base model forgets what it knows at a high learning rate."""
MOST_RATE, MOST_RATE_OF_LARGE = 4e-4, 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """`rate` multiplies the learning rate that suits the base model; `settings` differ from the defaults."""

    rate: float
    settings: Mapping[str, Any] = field(default_factory=dict)


RECIPES: Mapping[str, Recipe] = {
    "thorough": Recipe(rate=1.0),
    "steady": Recipe(rate=2.0, settings={"epochs": 2, "layer_decay": 0.9, "freeze_embeddings": True}),
    "quick": Recipe(rate=4.0, settings={"epochs": 1, "layer_decay": 0.9, "freeze_embeddings": True}),
    "adapters": Recipe(rate=20.0, settings={"lora_rank": 8}),
}
TOUCHED = ("learning_rate", *sorted({name for recipe in RECIPES.values() for name in recipe.settings}))
"""The settings that recipes decide on. Choosing one sets all of these."""


def params(name: str, *, rate: float, parameters: int = 0) -> dict[str, Any]:
    """The settings of recipe `name`, where `rate` suits the base model, which has so many `parameters`.

    Adapters start from nothing and bear a high rate in a base model of any size.
    """
    recipe, defaults = RECIPES[name], TrainParams()
    most = MOST_RATE_OF_LARGE if parameters > LARGE else MOST_RATE
    chosen = rate * recipe.rate
    if "lora_rank" not in recipe.settings:
        chosen = max(rate, min(chosen, most))
    settings = {name: recipe.settings.get(name, getattr(defaults, name)) for name in TOUCHED[1:]}
    return {"learning_rate": float(f"{chosen:.6g}"), **settings}
