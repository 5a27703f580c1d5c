"""See inside: one sentence's way through a model, each step with its formula and the real numbers of this version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils.translation import gettext as _

from nlpstudio.core.errors import StudioError
from nlpstudio.core.htmx import HtmxRequest, render_page
from nlpstudio.core.policy import Policy, policy
from nlpstudio.demos import services
from nlpstudio.demos.forms import InsideForm
from nlpstudio.engine.errors import UnsuitableInput
from nlpstudio.registry.access import version_for
from nlpstudio.registry.models import ModelVersion
from nlpstudio.registry.words import SENTENCES

CELL, LEFT, TOP = 22, 88, 88
SLANTED = 36
"""What the name over the last column takes beyond it."""
EXAMPLE = "The film was very good."


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """How much one token looks at another, as a square of the picture; `opacity` is from 0 to 1, as SVG writes it."""

    x: int
    y: int
    opacity: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """The attention of one head: rows ask, columns are looked at."""

    size: int
    width: int
    inner: int
    names: Sequence[tuple[int, str]]
    cells: Sequence[Cell]


@policy(Policy.VIEWER)
def inside(request: HtmxRequest, version_id: UUID) -> HttpResponse:
    """The page; without a text it shows an example of the data."""
    version = version_for(request.user, version_id)
    text = request.GET.get("text") or _example(version)
    form = InsideForm({"text": text, "layer": request.GET.get("layer") or "1", "head": request.GET.get("head") or "1"})
    context: dict[str, Any] = {
        "project": version.model.project,
        "section": "models",
        "version": version,
        "form": form,
    }
    status = 200
    if not form.is_valid():
        status = 422
    else:
        try:
            context |= _seen(services.inside(version, form.cleaned_data["text"]), form)
        except UnsuitableInput as error:
            form.add_error(None, SENTENCES.translated(error.message))
            status = 422
        except StudioError as error:
            context["error"] = error
            status = 200 if request.htmx else error.status
    return render_page(request, "demos/inside.html", context, partial="way", status=status)


def _example(version: ModelVersion) -> str:
    for example in version.examples:
        found = example.get("text") or example.get("question")
        if isinstance(found, str) and found.strip():
            return found[:200]
    return EXAMPLE


def _seen(found: Mapping[str, Any], form: InsideForm) -> dict[str, Any]:
    shape = found["shape"]
    layer = min(form.cleaned_data["layer"], shape["layers"])
    head = min(form.cleaned_data["head"], shape["heads"])
    tokens = [each["token"] for each in found["tokens"]]
    parts = _named_parts(found["parts"])
    rows = [
        {
            "token": token,
            "parts": [(name, found["embeddings"][name][at], found["norms"][name][at]) for name in found["embeddings"]],
        }
        for at, token in enumerate(tokens)
    ]
    return {
        "found": found,
        "values": _values(found["logits"]),
        "shape": {**shape, "head_size": shape["hidden"] // shape["heads"]},
        "layer": layer,
        "head": head,
        "layers": range(1, shape["layers"] + 1),
        "heads": range(1, shape["heads"] + 1),
        "picture": _picture(found["attention"][layer - 1][head - 1], tokens),
        "small": [_picture(each, tokens) for each in found["attention"][layer - 1]],
        "rows": rows,
        "norms": [(number + 1, each["norms"]) for number, each in enumerate(found["layers"])],
        "parts": parts,
        "total": {key: sum(part[key] for part in parts) for key in ("parameters", "flops")},
    }


def _values(logits: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The bars of the last step: a class, a word or a token's tag, with its probability."""
    return [
        {"name": f"{each['token']} · {each['label']}" if "token" in each else each["label"], **each}
        for each in logits["values"]
    ]


def _named_parts(parts: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    names = {
        "embeddings": _("Embeddings"),
        "attention": _("Attention"),
        "feed_forward": _("Feed-forward"),
        "norms": _("Norms"),
        "head": _("Head"),
    }
    whole = sum(part["parameters"] for part in parts) or 1
    return [{**part, "name": names[part["name"]], "share": part["parameters"] / whole} for part in parts]


def _picture(weights: Sequence[Sequence[float]], tokens: Sequence[str]) -> Picture:
    cells = [
        Cell(
            x=LEFT + CELL * column,
            y=TOP + CELL * row,
            opacity=f"{weight:.3f}",
            title=f"{tokens[row]} → {tokens[column]}: {weight:.3f}",
        )
        for row, line in enumerate(weights)
        for column, weight in enumerate(line)
    ]
    names = [(TOP + CELL * at + CELL // 2, token) for at, token in enumerate(tokens)]
    size = LEFT + CELL * len(tokens) + 4
    return Picture(size=size, width=size + SLANTED, inner=CELL * len(tokens), names=names, cells=cells)
