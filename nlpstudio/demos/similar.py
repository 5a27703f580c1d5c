"""Which texts are like a text: encoders that can tell, and what they say of two texts or of the rows of a data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nlpstudio.datasets.models import DatasetVersion
from nlpstudio.demos import services
from nlpstudio.engine import manifest, shelf
from nlpstudio.engine.data.store import DatasetFolder
from nlpstudio.engine.errors import UnsuitableInput
from nlpstudio.engine.inference.nearest import text_of
from nlpstudio.projects.models import Project
from nlpstudio.registry.models import ModelVersion

VERSIONS_MOST = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoder:
    """A model that texts are compared by: `key` in forms, `of` and `folder` for the serve worker."""

    key: str
    name: str
    of: str
    folder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """A row of a data set that is near, with its cosine."""

    row_id: int
    text: str
    labels: Sequence[str]
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """The nearest of the first `done` of `rows` rows."""

    near: Sequence[Near]
    done: int
    rows: int

    @property
    def is_whole(self) -> bool:
        return self.done >= self.rows

    @property
    def share(self) -> float:
        return self.done / max(self.rows, 1)


def encoders(project: Project) -> list[Encoder]:
    """The base models on this machine, then the project's own encoders, the newest first."""
    found = [
        Encoder(key=entry.id, name=entry.name, of=services.BASE_MODELS, folder=entry.folder_name)
        for entry in shelf.base_models()
        if "classification" in entry.tasks and (shelf.home() / entry.folder_name / manifest.NAME).is_file()
    ]
    versions = ModelVersion.objects.filter(model__project=project, model__deleted_at__isnull=True)
    newest = versions.select_related("model").order_by("-created_at")[:VERSIONS_MOST]
    return [*found, *(of_version(version) for version in newest if version.is_encoder)]


def of_version(version: ModelVersion) -> Encoder:
    return Encoder(
        key=f"version/{version.pk}", name=str(version), of=services.VERSIONS, folder=services.artifact_name(version)
    )


def cosines(encoder: Encoder, text: str, others: Sequence[str]) -> list[float]:
    """How like each of the others is to the text, from -1 to 1. Raises as `services.predict`."""
    found: list[float] = services.embed(encoder.of, encoder.folder, [text, *others])
    return found


def neighbours(encoder: Encoder, text: str, version: DatasetVersion) -> Neighbours:
    """The rows nearest to the text among those that have a vector by now; asking adds more. Raises as `services.predict`."""
    found = services.embed(encoder.of, encoder.folder, [text], dataset=str(version.pk))
    records = DatasetFolder.open(version.folder).get(each["row_id"] for each in found["nearest"])
    near = [
        Near(
            row_id=each["row_id"],
            text=text_of(version.dataset.task, records[each["row_id"]]),
            labels=records[each["row_id"]].get("labels") or (),
            score=each["score"],
        )
        for each in found["nearest"]
    ]
    return Neighbours(near=near, done=found["done"], rows=found["rows"])


def is_asked(inputs: Any) -> bool:
    """Whether a prediction request is Hugging Face's sentence similarity."""
    return isinstance(inputs, dict) and set(inputs) == {"source_sentence", "sentences"}


def answer(version: ModelVersion, inputs: dict[str, Any]) -> list[float]:
    """As Hugging Face's sentence similarity answers. Raises `UnsuitableInput`, and as `services.predict`."""
    sentences = inputs["sentences"]
    if not version.is_encoder:
        raise UnsuitableInput("only encoders compare sentences")
    if not isinstance(sentences, list) or not sentences:
        raise UnsuitableInput("sentences must be a list of texts")
    return cosines(of_version(version), inputs["source_sentence"], sentences)
