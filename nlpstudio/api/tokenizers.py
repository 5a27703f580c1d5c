"""Tokenizers over the API: train one on a corpus, see how it fares."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from ninja import Field, Router, Schema

from nlpstudio.api.base import ApiRequest, Listing, paged
from nlpstudio.datasets.access import version_for
from nlpstudio.engine.tokenizing import TokenizerSpec
from nlpstudio.projects.access import project_for
from nlpstudio.projects.models import Role
from nlpstudio.registry import tokenizers
from nlpstudio.registry.access import tokenizer_for
from nlpstudio.registry.models import Tokenizer

router = Router(tags=["tokenizers"])


class TokenizerIn(Schema):
    """What to train on: a version of a corpus, and settings that differ from the defaults (`kind`, `vocabulary`, …)."""

    dataset_version: UUID
    spec: dict[str, Any] = Field(default_factory=dict)
    name: str = Field("", max_length=120)


@router.get("/projects/{uuid:project_id}/tokenizers", response=Listing, summary="The tokenizers of a project")
def index(request: ApiRequest, project_id: UUID, page: int = 1) -> dict[str, Any]:
    """Newest first."""
    project = project_for(request.auth, project_id)
    rows = Tokenizer.objects.visible_to(request.auth).filter(project=project).for_list()
    return paged(request, rows, tokenizers.to_json, page)


@router.post("/projects/{uuid:project_id}/tokenizers", response={202: dict[str, Any]}, summary="Train a tokenizer")
def create(request: ApiRequest, project_id: UUID, body: TokenizerIn) -> tuple[int, dict[str, Any]]:
    """Editors. `base_model` of the answer is what a pre-training run is started with once `state` is finished."""
    project = project_for(request.auth, project_id, Role.EDITOR)
    version = version_for(request.auth, body.dataset_version)
    spec = TokenizerSpec.from_json(body.spec)
    made = tokenizers.order(project=project, dataset_version=version, spec=spec, name=body.name, by=request.auth)
    return 202, tokenizers.to_json(made)


@router.get("/tokenizers/{uuid:tokenizer_id}", response=dict[str, Any], summary="One tokenizer")
def detail(request: ApiRequest, tokenizer_id: UUID) -> dict[str, Any]:
    """Its state, how it was made, and how it fares beside those of the shelf (`judgements`; "" is its own)."""
    return tokenizers.to_json(tokenizer_for(request.auth, tokenizer_id))
