"""Copy a Hugging Face Hub repository at one commit, as safetensors with a fast tokenizer."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import httpx2
import torch
from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import (
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from safetensors.torch import save_file
from transformers import AutoTokenizer

from nlpstudio.engine.conversion.sources import HubRepository
from nlpstudio.engine.errors import BaseModelMissing, BaseModelRefused

_PATIENCE = 15.0
_FILES = [
    "config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "vocab.txt", "vocab.json", "merges.txt", "sentencepiece.bpe.model", "LICENSE", "LICENSE.txt", "NOTICE",
]  # fmt: skip


def collect(source: HubRepository, folder: Path) -> str:
    """Fill `folder` from the repository and return the commit. The Hub's own cache is used.

    Raises `BaseModelMissing` when the Hub cannot be reached and has not been asked before, and
    `BaseModelRefused` when the repository lacks what the shelf expects.
    """
    snapshot = _download(source)
    for name in (*_FILES, source.weights):
        if (snapshot / name).is_file():
            shutil.copyfile(snapshot / name, folder / name)
    if not (folder / source.weights).is_file() or not (folder / "config.json").is_file():
        raise BaseModelRefused(f"{source.repo} holds no {source.weights} with a config.json at {snapshot.name}")
    if source.weights != "model.safetensors":
        _to_safetensors(folder / source.weights, folder / "model.safetensors")
    if not (folder / "tokenizer.json").is_file():
        AutoTokenizer.from_pretrained(folder, local_files_only=True).save_pretrained(folder)
    return snapshot.name


def _download(source: HubRepository) -> Path:
    """The snapshot in the Hub's cache. One question first: a download would try a dead line for half a minute."""
    wanted = [*_FILES, source.weights]
    try:
        HfApi().model_info(source.repo, revision=source.revision, timeout=_PATIENCE)
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        raise BaseModelMissing(f"the Hub knows no {source.repo} at {source.revision}, or hides it") from error
    except (HfHubHTTPError, httpx2.HTTPError, ConnectionError) as error:
        return _from_cache(source, error)
    try:
        return Path(snapshot_download(source.repo, revision=source.revision, allow_patterns=wanted))
    except (LocalEntryNotFoundError, HfHubHTTPError, httpx2.HTTPError, ConnectionError) as error:
        raise _unreachable(source, error) from error


def _from_cache(source: HubRepository, error: Exception) -> Path:
    try:
        return Path(snapshot_download(source.repo, revision=source.revision, local_files_only=True))
    except LocalEntryNotFoundError:
        raise _unreachable(source, error) from error


def _unreachable(source: HubRepository, error: Exception) -> BaseModelMissing:
    return BaseModelMissing(
        f"{source.repo} cannot be downloaded from the Hugging Face Hub: {str(error).splitlines()[0]}",
        hint="Connect this machine to the Hub, or put the model's folder into STUDIO_BASE_MODELS.",
    )


def _to_safetensors(source: Path, target: Path) -> None:
    """Rewrite a PyTorch file. `weights_only` lets it hold tensors and nothing that runs.

    Tied weights are written once under each of their names: safetensors refuses shared memory.
    """
    try:
        state = torch.load(source, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise BaseModelRefused(f"{source.name} holds more than weights, or is damaged") from error
    renamed = {
        name.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias"): tensor
        for name, tensor in state.items()
    }
    tensors = {
        name: tensor.detach().clone().contiguous() for name, tensor in renamed.items() if torch.is_tensor(tensor)
    }
    save_file(tensors, target, metadata={"format": "pt"})
    source.unlink()
