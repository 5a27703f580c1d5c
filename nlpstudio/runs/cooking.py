"""Recipes in the form of a new run: one fills settings in, and a setting changed by hand makes them one's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nlpstudio.engine import recipes
from nlpstudio.engine.conversion.sources import BaseModel
from nlpstudio.engine.spec import TrainParams
from nlpstudio.runs import suggesting

DEFAULTS = TrainParams()


def with_recipe(changed: Mapping[str, Any], given: Mapping[str, Any], entry: BaseModel | None) -> dict[str, Any]:
    """The values of the form with its recipe: applied when it was just chosen, kept while the settings are its.

    `given` is what the form said, `changed` the same with what is suggested for data and base model.
    """
    chosen, applied = str(given.get("recipe") or ""), str(given.get("applied_recipe") or "")
    rate, parameters = suggesting.learning_rate(entry), entry.parameters if entry else 0
    if chosen not in recipes.RECIPES or chosen == applied:
        before = float(given.get("suggested_learning_rate") or rate)
        chosen = _recipe_of(given, before, parameters) or _recipe_of(changed, rate, parameters)
    settings = recipes.params(chosen, rate=rate, parameters=parameters) if chosen else {}
    return {**changed, **settings, "recipe": chosen, "applied_recipe": chosen}


def _recipe_of(values: Mapping[str, Any], rate: float, parameters: int) -> str:
    """The recipe whose settings these are, or nothing."""
    return next(
        (
            name
            for name in recipes.RECIPES
            if all(
                _is(values.get(key), wanted, getattr(DEFAULTS, key))
                for key, wanted in recipes.params(name, rate=rate, parameters=parameters).items()
            )
        ),
        "",
    )


def _is(given: Any, wanted: Any, default: Any) -> bool:
    """Whether what the form holds means `wanted`; an unchecked box is not there, and nothing is the default."""
    if isinstance(wanted, bool):
        return (given in (True, "on", "true", "True")) == wanted
    try:
        return abs(float(default if given in (None, "") else given) - float(wanted)) <= 1e-9
    except (TypeError, ValueError):
        return False
