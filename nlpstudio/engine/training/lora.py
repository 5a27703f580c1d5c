"""Low-rank adapters on the queries and values (Hu et al. 2021, "LoRA"): put in for training, merged for the artifact."""

from __future__ import annotations

from collections.abc import Mapping

from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from torch import nn
from transformers import PreTrainedModel

from nlpstudio.engine.encoders.families import FAMILIES
from nlpstudio.engine.errors import InvalidSpec
from nlpstudio.engine.spec import TrainParams

MARK = "lora_"
WRITERS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("llama", "mistral", "qwen2", "qwen3", "gemma3_text", "smollm3", "marian", "bart", "mbart", "m2m_100"),
                    ("q_proj", "v_proj")),
    "gpt2": ("c_attn",),
    **dict.fromkeys(("t5", "mt5"), ("q", "v")),
}  # fmt: skip
"""Where the queries and values of decoders lie; GPT-2 has them, with the keys, in one matrix."""


def put_in(model: PreTrainedModel, params: TrainParams) -> None:
    """Give each layer's query and value an adapter of `lora_rank`; nothing when that is 0.

    Raises `InvalidSpec` for an architecture that the table of families does not know.
    """
    if params.lora_rank == 0:
        return
    family = FAMILIES.get(model.config.model_type)
    places = WRITERS.get(model.config.model_type)
    if family is not None:
        places = tuple(path.rsplit(".", 1)[-1] for path in (family.query, family.value))
    if places is None:
        raise InvalidSpec(
            f"LoRA is not known for the architecture {model.config.model_type}",
            hint="Set lora_rank to 0 or choose another base model.",
        )
    config = LoraConfig(
        r=params.lora_rank,
        lora_alpha=params.lora_alpha,
        lora_dropout=params.lora_dropout,
        target_modules=list(places),
        fan_in_fan_out=model.config.model_type == "gpt2",
    )
    inject_adapter_in_model(config, model)


def merge(model: PreTrainedModel) -> None:
    """Add the adapters to the weights below them and take them out: a plain model is left."""
    for name, module in list(model.named_modules()):
        if isinstance(module, LoraLayer):
            module.merge()
            parent, _, last = name.rpartition(".")
            setattr(model.get_submodule(parent), last, module.get_base_layer())
    if hasattr(model, "peft_config"):
        del model.peft_config


def is_in(model: nn.Module) -> bool:
    """Whether `model` has adapters."""
    return any(isinstance(module, LoraLayer) for module in model.modules())
