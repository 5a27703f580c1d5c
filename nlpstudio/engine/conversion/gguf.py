"""A decoder out of a GGUF file, as plain float32 safetensors that transformers loads anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from nlpstudio.engine.errors import BaseModelRefused


def convert(path: Path, folder: Path) -> None:
    """De-quantise the weights of `path` into `folder`, with its tokenizer and chat template.

    What transformers remembers of the quantisation is taken away, for the saved weights have none. Raises
    `BaseModelRefused` for a file that is no such decoder.
    """
    place: dict[str, Any] = {"gguf_file": path.name, "local_files_only": True}
    try:
        config: Any = AutoConfig.from_pretrained(path.parent, **place)
        model: Any = AutoModelForCausalLM.from_pretrained(path.parent, dtype=torch.float32, **place)
        tokenizer: Any = AutoTokenizer.from_pretrained(path.parent, **place)
    except (OSError, ValueError, KeyError) as error:
        raise BaseModelRefused(f"{path.name} is no decoder that can be read: {error}") from error
    model.hf_quantizer, model.is_quantized = None, False
    for each in (model, model.config):
        for name in ("quantization_method", "quantization_config", "_model_name_or_path"):
            if hasattr(each, name):
                delattr(each, name)
    tokenizer.model_max_length = config.max_position_embeddings
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "model.safetensors").chmod(0o644)  # it is written for its owner alone
