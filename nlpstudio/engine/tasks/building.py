"""A base model's weights with a task's head on them, and its tokenizer: from local safetensors only, never code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from transformers import AutoConfig, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from nlpstudio.engine import encoders
from nlpstudio.engine.catalogue import CATALOGUE
from nlpstudio.engine.encoders import Encoder
from nlpstudio.engine.encoders.families import FAMILIES
from nlpstudio.engine.errors import BaseModelRefused, DamagedArtifact
from nlpstudio.engine.tasks.base import AnyTask, Building, Setup
from nlpstudio.engine.tasks.writing import as_writing

ATTENTION_DROPOUTS = ("attention_probs_dropout_prob", "attention_dropout")
UNTRAINED_PARTS = ("pooler",)


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The folder's fast tokenizer. Raises `BaseModelRefused` when there is none."""
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise BaseModelRefused(f"{folder.name} has no tokenizer that can be loaded: {error}") from error
    if not tokenizer.is_fast:
        raise BaseModelRefused(f"{folder.name} has no fast tokenizer", hint="It needs a tokenizer.json.")
    return tokenizer  # type: ignore[no-any-return]  # transformers' loaders are untyped


def has_weights(folder: Path) -> bool:
    """Whether the folder holds a model, or a tokenizer alone."""
    return (folder / "config.json").is_file()


def longest_input(folder: Path, tokenizer: PreTrainedTokenizerBase) -> int:
    """How many tokens the model in `folder` takes, special ones included."""
    limits = [int(tokenizer.model_max_length)]
    if not has_weights(folder):  # a tokenizer alone: a model of any length may be made for it
        return limits[0]
    config: Any = read_config(folder)
    positions = getattr(config, "max_position_embeddings", None)
    if positions:
        family = FAMILIES.get(config.model_type)
        skipped = family is not None and family.positions_skip_padding
        limits.append(positions - (config.pad_token_id + 1 if skipped else 0))
    return min(limits)


def build(task: AnyTask, folder: Path, setup: Setup) -> PreTrainedModel:
    """The task's model with the weights of `folder` and, where those lack one, a fresh head from torch's generator.

    Raises `BaseModelRefused` when weights other than a head's are missing or have other sizes.
    """
    if isinstance(task, Building):
        return task.build(folder, setup)
    config: Any = read_config(folder)
    dropouts = {key: setup.params.attention_dropout for key in ATTENTION_DROPOUTS if hasattr(config, key)}
    labels = dict(enumerate(setup.labels))
    named = {"id2label": labels, "label2id": {label: index for index, label in labels.items()}} if labels else {}
    given = {**named, **dropouts, **task.config(setup)}
    return load_with(task.model_class, folder, has_head=not CATALOGUE[task.name].writes, **given)


def load_with(model_class: Any, folder: Path, *, has_head: bool = True, **options: Any) -> PreTrainedModel:
    """A model whose head, if it has one, may be fresh. Raises `BaseModelRefused` when other weights are missing."""
    model, lacking = _load(model_class, folder, **options)
    if lacking and not has_head:
        raise BaseModelRefused(f"{folder.name} was never trained to write: it lacks {', '.join(sorted(lacking)[:3])}")
    prefix = f"{model.base_model_prefix}."
    wrong = [key for key in lacking if key.startswith(prefix) and key.split(".")[1] not in UNTRAINED_PARTS]
    if wrong:
        raise BaseModelRefused(f"{folder.name} lacks weights that its config asks for: {', '.join(sorted(wrong)[:3])}")
    return model


def fresh_head(model: PreTrainedModel, folder: Path) -> frozenset[str]:
    """The parameters outside the base model that `build` had to draw, because `folder` lacks them in their size."""
    if model.base_model is model:
        return frozenset()
    kept: dict[str, list[int]] = {}
    for path in folder.glob("*.safetensors"):
        with safe_open(path, framework="pt") as weights:
            kept |= {name: weights.get_slice(name).get_shape() for name in weights.keys()}  # noqa: SIM118
    inside = f"{model.base_model_prefix}."
    return frozenset(
        name
        for name, parameter in model.named_parameters()
        if not name.startswith(inside) and kept.get(name) != list(parameter.shape)
    )


def load(task: AnyTask, folder: Path) -> PreTrainedModel:
    """A finished model as it stands in its folder. Raises `DamagedArtifact` when weights are missing."""
    model, lacking = _load(task.model_class, folder)
    if lacking:
        raise DamagedArtifact(f"{folder.name} lacks weights: {', '.join(sorted(lacking)[:3])}")
    model.eval()
    return model


def encoder(task: AnyTask, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, *, seed: int = 0) -> Encoder:
    """The forward pass of `task` on `model`: a writer, or the fastest exact encoder."""
    if CATALOGUE[task.name].writes:
        writer: Encoder = as_writing(task).writer(model, tokenizer)
        return writer
    return encoders.choose(model, seed=seed)


def read_config(folder: Path) -> Any:
    """The folder's config. Raises `BaseModelRefused` when there is none."""
    try:
        return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise BaseModelRefused(f"{folder.name} has no config that can be loaded: {error}") from error


def _load(model_class: Any, folder: Path, **options: Any) -> tuple[PreTrainedModel, list[str]]:
    """The model and the names of the weights that the folder does not have in the right size."""
    fixed = {"local_files_only": True, "trust_remote_code": False, "use_safetensors": True, "dtype": torch.float32}
    try:
        model, report = model_class.from_pretrained(
            folder, ignore_mismatched_sizes=True, output_loading_info=True, **fixed, **options
        )
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise BaseModelRefused(f"The model in {folder.name} cannot be loaded: {error}") from error
    return model, [*report["missing_keys"], *(entry[0] for entry in report["mismatched_keys"])]
