"""What only one project has on its shelf: models that it pre-trained, and tokenizers that a model may begin with."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from uuid import UUID

from nlpstudio.datasets.models import DatasetVersion
from nlpstudio.engine import manifest, shelf
from nlpstudio.engine.conversion.sources import BaseModel
from nlpstudio.engine.errors import BaseModelMissing
from nlpstudio.engine.spec import MADE, PAIRS, SCRATCH
from nlpstudio.projects.models import Project
from nlpstudio.registry.models import ModelVersion, Tokenizer

MODEL, TOKENIZER = "project-model/", "project-tokenizer/"
LONGEST_FRESH = 8192
"""Tokens that a model made for a tokenizer may read at most."""
PER_KIND = 200
FROM_SCRATCH = BaseModel(
    id=SCRATCH,
    name="From scratch",
    family="tokenizer",
    parameters=0,
    languages=(),
    licence="unknown",
    max_length=LONGEST_FRESH,
    sources=(),
    tasks=PAIRS,
    note="A Transformer with random weights and a tokenizer of its own, trained on the training rows.",
)


def entries(project: Project) -> list[BaseModel]:
    """The project's own entries, the newest models first, then what begins with random weights."""
    versions = (
        ModelVersion.objects.filter(model__project=project, model__task="pretraining", model__deleted_at__isnull=True)
        .select_related("model", "dataset_version")
        .order_by("-created_at")[:PER_KIND]
    )
    tokenizers = Tokenizer.objects.filter(project=project, deleted_at__isnull=True).ready().for_list()[:PER_KIND]
    return [*map(_of_version, versions), FROM_SCRATCH, *map(_of_tokenizer, tokenizers)]


def is_ours(model_id: str) -> bool:
    """Whether the id is one of a project's own (or none's), and so not on the common shelf."""
    return model_id == SCRATCH or model_id.startswith((MODEL, TOKENIZER))


def find(model_id: str, project: Project) -> BaseModel:
    """The entry of that id as `project` sees it. Raises `BaseModelMissing`."""
    if not is_ours(model_id):
        return shelf.find(model_id)
    if model_id == SCRATCH:
        return FROM_SCRATCH
    found = _row(model_id, project)
    return _of_version(found) if isinstance(found, ModelVersion) else _of_tokenizer(found)


def names(model_ids: Iterable[str]) -> dict[str, str]:
    """What people call base models that their project made, by at most two queries; others are called by their id."""
    found = {model_id: FROM_SCRATCH.name if model_id == SCRATCH else model_id for model_id in model_ids}
    keys = {kind: [key for each in found if (key := _key(each, kind))] for kind in (MODEL, TOKENIZER)}
    if keys[MODEL]:
        for version in ModelVersion.objects.filter(pk__in=keys[MODEL]).select_related("model"):
            found[f"{MODEL}{version.pk}"] = str(version)
    if keys[TOKENIZER]:
        named = Tokenizer.objects.filter(pk__in=keys[TOKENIZER]).values_list("pk", "name")
        found |= {f"{TOKENIZER}{key}": name for key, name in named}
    return found


def path_of(model_id: str, project: Project) -> Path:
    """The verified folder. Raises `BaseModelMissing` and `DamagedArtifact`."""
    found = _row(model_id, project)
    folder = found.artifact if isinstance(found, ModelVersion) else found.folder
    manifest.verify(folder)
    return folder


def tokenizer_folders(project: Project) -> dict[str, tuple[str, Path]]:
    """Each tokenizer that a text can be cut with: id to (name, folder), the project's own first."""
    ours = {
        f"{TOKENIZER}{each.pk}": (each.name, each.folder)
        for each in Tokenizer.objects.filter(project=project, deleted_at__isnull=True).ready().order_by("-created_at")
    }
    return {**ours, **shelf_tokenizers()}


def tokenizer_of(version: DatasetVersion) -> str:
    """The newest of a corpus's own tokenizers, by its id among `tokenizer_folders`; empty when it has none."""
    own = version.tokenizers.filter(deleted_at__isnull=True).ready().order_by("-created_at").first()
    return f"{TOKENIZER}{own.pk}" if own else ""


def shelf_tokenizers() -> dict[str, tuple[str, Path]]:
    """Those of the base models on this machine that come as a `tokenizer.json`."""
    found = {}
    for entry in shelf.base_models():
        folder = shelf.folder_of(entry)
        if folder is not None and (folder / "tokenizer.json").is_file():
            found[entry.id] = (entry.name, folder)
    return found


def _key(model_id: str, kind: str) -> UUID | None:
    """The row that an id of this kind names."""
    try:
        return UUID(model_id.removeprefix(kind)) if model_id.startswith(kind) else None
    except ValueError:
        return None


def _row(model_id: str, project: Project) -> ModelVersion | Tokenizer:
    row: ModelVersion | Tokenizer | None = None
    if key := _key(model_id, MODEL):
        versions = ModelVersion.objects.filter(model__project=project, model__deleted_at__isnull=True)
        row = versions.filter(pk=key, model__task="pretraining").select_related("model", "dataset_version").first()
    elif key := _key(model_id, TOKENIZER):
        row = Tokenizer.objects.filter(project=project, deleted_at__isnull=True, pk=key).ready().first()
    if row is None:
        raise BaseModelMissing(
            f"there is no base model {model_id!r} in this project", hint="Choose another base model."
        )
    return row


def _of_version(version: ModelVersion) -> BaseModel:
    params = version.spec.get("params", {})
    decoder = params.get("objective") == "clm"
    tasks = ("generation", "pretraining") if decoder else ("classification", "ner", "qa", "pretraining")
    return BaseModel(
        id=f"{MODEL}{version.pk}",
        name=str(version),
        family="gpt2" if decoder else "bert",
        parameters=version.size_bytes // 4,
        languages=_languages(version.dataset_version.statistics),
        licence="unknown",
        max_length=int(params.get("max_length", 128)),
        sources=(),
        tasks=tasks,
        note="Pre-trained in this project.",
    )


def _of_tokenizer(tokenizer: Tokenizer) -> BaseModel:
    return BaseModel(
        id=f"{TOKENIZER}{tokenizer.pk}",
        name=tokenizer.name,
        family="tokenizer",
        parameters=0,
        languages=_languages(tokenizer.dataset_version.statistics),
        licence="unknown",
        max_length=LONGEST_FRESH,
        sources=(),
        tasks=MADE,
        note="A tokenizer of this project: the model begins with random weights.",
    )


def _languages(statistics: dict[str, object]) -> tuple[str, ...]:
    """The languages that make up a tenth of the corpus or more."""
    corpus = statistics.get("corpus")
    if not isinstance(corpus, dict):
        return ()
    whole = max(corpus.get("characters", 0), 1)
    return tuple(
        each["code"]
        for each in corpus.get("languages", [])
        if each["characters"] > 0.1 * whole and len(each["code"]) == 2
    )
