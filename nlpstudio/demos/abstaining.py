"""Whether a classifier may leave a row to a person: the request's wish and the version's saved threshold brought together."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_noop as _

from nlpstudio.engine.errors import UnsuitableInput
from nlpstudio.registry.models import ModelVersion

WISH = "abstain"
BELOW = "abstain_below"
NONE_SAVED = _("no decision threshold is saved for this version")
SAVE_ONE = _("Save one on the model's page “Confidence”, or give abstain_below.")


def settled(version: ModelVersion, parameters: dict[str, Any] | None) -> dict[str, Any]:
    """The parameters for the engine, which knows `abstain_below` only. Raises `UnsuitableInput`."""
    given = dict(parameters or {})
    wish = given.pop(WISH, None)
    if wish is None or wish is False:
        return given
    if wish is not True:
        raise UnsuitableInput(f"{WISH} must be true or false, not {wish!r}")
    if version.model.task != "classification":
        raise UnsuitableInput(f"{WISH} is for classifiers")
    if version.abstain_below is None:
        # A program that counts on a person must never find that the model decided everything.
        raise UnsuitableInput(NONE_SAVED, hint=SAVE_ONE)
    return {BELOW: version.abstain_below, **given}


def parameters_of(version: ModelVersion) -> dict[str, Any]:
    """What the demo page adds to its questions."""
    return {WISH: True} if version.abstain_below is not None else {}
