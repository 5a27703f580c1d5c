"""AdamW as BERT is fine-tuned with it: what is frozen, what decays, and how fast each layer learns when."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn

from nlpstudio.engine.errors import InvalidSpec
from nlpstudio.engine.spec import TrainParams
from nlpstudio.engine.training import lora

_LAYER = re.compile(r"\.(?:layer|layers|h|block)\.(\d+)\.")


def depths(model: nn.Module, head_of: str | None) -> dict[str, int]:
    """How deep each parameter lies: 0 for embeddings, 1 for the first layer, …, the head deepest.

    `head_of` is the base model's attribute name: what lies outside it (and its pooler) is the head. None: there is
    no head of the task's own, for the embeddings write too.
    """
    layers = {name: _LAYER.search(name) for name, _ in model.named_parameters()}
    top = 1 + max((int(found[1]) + 1 for found in layers.values() if found), default=0)
    result = {}
    for name, found in layers.items():
        if found:
            result[name] = int(found[1]) + 1
        else:
            inside = head_of is None or (name.startswith(f"{head_of}.") and "pooler" not in name)
            result[name] = 0 if inside else top
    return result


def freeze(model: nn.Module, depth_of: Mapping[str, int], params: TrainParams, *, has_head: bool = True) -> None:
    """Take frozen parameters out of training, and with LoRA all but adapters and head. Raises `InvalidSpec` when there are not that many layers."""
    layers = max(depth_of.values()) - has_head
    if params.freeze_layers > layers:
        raise InvalidSpec(f"freeze_layers is {params.freeze_layers}, but the base model has {layers} layers")
    frozen_up_to = params.freeze_layers if params.freeze_layers or params.freeze_embeddings else -1
    head = layers + 1
    for name, parameter in model.named_parameters():
        adapted = params.lora_rank == 0 or lora.MARK in name or depth_of[name] == head
        parameter.requires_grad_(adapted and depth_of[name] > frozen_up_to)


def adamw(
    model: nn.Module, depth_of: Mapping[str, int], params: TrainParams, *, fresh: Collection[str] = ()
) -> torch.optim.AdamW:
    """One group for each depth, with weight decay only for matrices (not for biases and norms).

    Each group's "scale" is what the learning rate of the moment is multiplied by. The parameters named `fresh` are
    drawn anew and learn at `head_learning_rate` at least: the features of a small encoder differ little from token to
    token, and at a rate that suits the encoder its head would not get anywhere in a few hundred steps.
    """
    top = max(depth_of.values())
    faster = max(1.0, params.head_learning_rate / params.learning_rate)
    groups: defaultdict[tuple[int, bool, bool], list[Tensor]] = defaultdict(list)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            groups[depth_of[name], parameter.dim() >= 2, name in fresh].append(parameter)
    options = [
        {
            "params": members,
            "weight_decay": params.weight_decay if decays else 0.0,
            "scale": params.layer_decay ** (top - depth) * (faster if is_fresh else 1.0),
        }
        for (depth, decays, is_fresh), members in groups.items()
    ]
    return torch.optim.AdamW(options, lr=params.learning_rate, fused=True)


def clip(model: nn.Module, most: float) -> float:
    """Scale the gradients down to the norm `most` (0 = leave them), and return the norm that they had.

    As `torch.nn.utils.clip_grad_norm_`, which goes through all gradients also when it multiplies them by 1.
    """
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    total = torch.nn.utils.get_total_norm(gradients)
    norm = float(total)
    if 0 < most < norm:
        torch.nn.utils.clip_grads_with_norm_(model.parameters(), most, total)
    return norm


def learning_rate(step: int, total: int, params: TrainParams) -> float:
    """The learning rate of optimizer step `step` (from 0) of `total`: warm-up, then the schedule down to 0."""
    warmup = math.ceil(total * params.warmup_ratio)
    if step < warmup:
        return params.learning_rate * (step + 1) / warmup
    if params.schedule == "constant":
        return params.learning_rate
    left = (total - step) / max(total - warmup, 1)
    if params.schedule == "cosine":
        left = 0.5 * (1 + math.cos(math.pi * (1 - left)))
    return params.learning_rate * left


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give each group its share of `rate`."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["scale"]


def optimizer_state(optimizer: torch.optim.Optimizer, model: nn.Module) -> dict[str, Tensor]:
    """The optimizer's tensors, named `slot/parameter`."""
    names: dict[Tensor, str] = {parameter: name for name, parameter in model.named_parameters()}
    return {
        f"{slot}/{names[parameter]}": value
        for parameter, slots in optimizer.state.items()
        for slot, value in slots.items()
    }


def set_optimizer_state(optimizer: torch.optim.Optimizer, model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Go on from `optimizer_state`."""
    parameters = dict(model.named_parameters())
    for key, value in tensors.items():
        slot, name = key.split("/", 1)
        parameter = parameters[name]
        optimizer.state[parameter][slot] = value.to(parameter.device, copy=True)
