"""One sentence on its way through a model: tokens, embeddings, attention of every head, layers, logits, and what each costs.

The numbers are the model's own, taken from its forward pass with hooks on its modules; nothing is computed twice in
another way. Attention is read from the plain ("eager") implementation, which is set for this pass alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from nlpstudio.engine.errors import UnsuitableInput

LONGEST = 32
SHOWN = 8
LIKELIEST = 8
DIGITS = 3


def look(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, text: Any) -> dict[str, Any]:
    """What happens to `text`, cut after `LONGEST` tokens, as JSON values.

    `tokens` [{"id", "token", "text"}]; `embeddings` name to [tokens][`SHOWN`] (the first numbers of each vector) and
    `norms` name to [tokens]; `attention` [layers][heads][tokens][tokens] (rows ask, columns are looked at); `layers`
    [{"norms" [tokens]}]; `logits` {"of", "values" [{"label", "logit", "probability"}]}; `parts` [{"name",
    "parameters", "flops"}]; `shape` {"layers", "heads", "hidden", "feed_forward", "vocabulary", "kind"}.
    Raises `UnsuitableInput` for anything but a text with something in it.
    """
    if not isinstance(text, str) or not text.strip():
        raise UnsuitableInput("the text is empty", hint="Give a sentence to look at.")
    any_model: Any = model
    mask = getattr(tokenizer, "mask_token", None)
    shown = text.replace("[MASK]", mask) if mask else text
    encoding: Any = tokenizer(
        shown, truncation=True, max_length=LONGEST, return_tensors="pt", return_offsets_mapping=True
    )
    offsets = encoding.pop("offset_mapping")[0].tolist()
    inputs = {key: value.to(model.device) for key, value in encoding.items() if key in _accepted(model)}
    outputs, seen = _forward(any_model, inputs)
    ids = inputs["input_ids"][0]
    tokens = [
        {"id": int(token), "token": tokenizer.convert_ids_to_tokens(int(token)), "text": shown[start:end]}
        for token, (start, end) in zip(ids, offsets, strict=True)
    ]
    hidden = outputs.hidden_states
    return {
        "tokens": tokens,
        "embeddings": {name: _numbers(value[:, :SHOWN]) for name, value in seen.items()},
        "norms": {name: _numbers(value.norm(dim=-1)) for name, value in seen.items()},
        "attention": [_numbers(layer[0]) for layer in outputs.attentions],
        "layers": [{"norms": _numbers(each[0].norm(dim=-1))} for each in hidden[1:]],
        "logits": _logits(any_model, tokenizer, outputs, ids),
        "parts": parts(model, len(tokens)),
        "shape": shape(model),
    }


def shape(model: PreTrainedModel) -> dict[str, Any]:
    """The sizes of a model, under the names that all families share."""
    config = model.config
    hidden = int(config.hidden_size)
    inner = getattr(config, "intermediate_size", None) or getattr(config, "hidden_dim", None)
    inner = inner or getattr(config, "n_inner", None) or 4 * hidden
    return {
        "layers": int(config.num_hidden_layers),
        "heads": int(config.num_attention_heads),
        "hidden": hidden,
        "feed_forward": int(inner),
        "vocabulary": int(config.vocab_size),
        "kind": "decoder" if _is_causal(model) else "encoder",
    }


def parts(model: PreTrainedModel, tokens: int) -> list[dict[str, Any]]:
    """Parameters of each part, and its multiplications and additions for a text of `tokens` tokens.

    A matrix of n weights costs 2 n operations a token; attention itself 4 n d for each token (scores and weighted sum).
    """
    sizes = {"embeddings": 0, "attention": 0, "feed_forward": 0, "norms": 0, "head": 0}
    matrices = dict.fromkeys(sizes, 0)
    for name, parameter in model.named_parameters():
        part = _part_of(name, model.base_model_prefix)
        sizes[part] += parameter.numel()
        matrices[part] += parameter.numel() if parameter.dim() >= 2 else 0
    facts = shape(model)
    scores = 4 * tokens * facts["hidden"] * facts["layers"]
    flops = {part: 2 * tokens * count for part, count in matrices.items()}
    flops["embeddings"] = 0  # looked up, not multiplied
    flops["attention"] += tokens * scores
    if type(model).__name__.endswith(("LMHeadModel", "ForCausalLM", "ForMaskedLM", "ForPreTraining")):
        flops["head"] += 2 * tokens * facts["vocabulary"] * facts["hidden"]
    return [{"name": name, "parameters": sizes[name], "flops": flops[name]} for name in sizes]


def _part_of(name: str, prefix: str) -> str:
    if not name.startswith(f"{prefix}.") or "pooler" in name:
        return "head"
    lowered = name.lower()
    if "norm" in lowered or ".ln_" in lowered:
        return "norms"
    if "embedding" in lowered or ".wte" in lowered or ".wpe" in lowered:
        return "embeddings"
    return "attention" if "attention" in lowered or ".attn" in lowered else "feed_forward"


def _is_causal(model: PreTrainedModel) -> bool:
    return type(model).__name__.endswith(("LMHeadModel", "ForCausalLM"))


def _accepted(model: PreTrainedModel) -> set[str]:
    return {"input_ids", "attention_mask"} | (
        {"token_type_ids"} if not _is_causal(model) and _has_types(model) else set()
    )


def _has_types(model: PreTrainedModel) -> bool:
    return int(getattr(model.config, "type_vocab_size", 0) or 0) > 1


def _forward(model: Any, inputs: dict[str, Any]) -> tuple[Any, dict[str, torch.Tensor]]:
    """The outputs with attention and hidden states, and what the embedding modules gave, [tokens, hidden] each."""
    seen: dict[str, torch.Tensor] = {}
    hooks = [module.register_forward_hook(_keeper(seen, name)) for name, module in _embedding_modules(model)]
    before = model.config._attn_implementation
    model.set_attn_implementation("eager")
    try:
        with torch.inference_mode():
            outputs = model(**inputs, output_attentions=True, output_hidden_states=True)
    finally:
        model.set_attn_implementation(before)
        for hook in hooks:
            hook.remove()
    seen["sum"] = outputs.hidden_states[0][0]
    return outputs, seen


def _embedding_modules(model: Any) -> list[tuple[str, nn.Module]]:
    wanted = {
        "word_embeddings": "word", "wte": "word",
        "position_embeddings": "position", "wpe": "position",
        "token_type_embeddings": "type",
    }  # fmt: skip
    found: list[tuple[str, nn.Module]] = []
    for name, module in model.named_modules():
        short = name.rpartition(".")[2]
        if short in wanted and isinstance(module, nn.Embedding):
            found.append((wanted[short], module))
    return found


def _keeper(seen: dict[str, torch.Tensor], name: str) -> Any:
    def keep(_module: nn.Module, _inputs: Any, output: torch.Tensor) -> None:
        seen[name] = output.reshape(-1, output.shape[-1])

    return keep


def _logits(model: Any, tokenizer: Any, outputs: Any, ids: torch.Tensor) -> dict[str, Any]:
    """The likeliest answers: classes, the word in the first gap (else of the last token), or the tag of each token."""
    if "start_logits" in outputs:
        start, end = outputs.start_logits[0].softmax(0), outputs.end_logits[0].softmax(0)
        names = tokenizer.convert_ids_to_tokens(ids.tolist())
        values = [
            {"label": f"{name}", "logit": float(outputs.start_logits[0][place]), "probability": float(start[place])}
            for place, name in enumerate(names)
        ]
        best = sorted(values, key=lambda each: -float(str(each["probability"])))[:LIKELIEST]
        return {"of": "start", "values": best, "end": names[int(end.argmax())]}
    logits = outputs.prediction_logits if "prediction_logits" in outputs else outputs.logits
    if logits.dim() == 2:
        return {"of": "text", "values": _best(logits[0], lambda place: model.config.id2label[place])}
    if logits.shape[-1] == model.config.vocab_size and hasattr(tokenizer, "decode") and _guesses(model):
        gaps = (ids == tokenizer.mask_token_id).nonzero() if tokenizer.mask_token_id is not None else []
        place = int(gaps[0]) if len(gaps) and not _is_causal(model) else len(ids) - (1 if _is_causal(model) else 2)
        found = _best(logits[0, max(place, 0)], lambda token: tokenizer.decode([token]))
        return {"of": tokenizer.convert_ids_to_tokens(int(ids[max(place, 0)])), "place": max(place, 0), "values": found}
    names = tokenizer.convert_ids_to_tokens(ids.tolist())
    best = [
        {**_best(row, lambda place: model.config.id2label[place])[0], "token": name}
        for row, name in zip(logits[0], names, strict=True)
    ]
    return {"of": "tokens", "values": best}


def _guesses(model: Any) -> bool:
    return type(model).__name__.endswith(("LMHeadModel", "ForCausalLM", "ForMaskedLM", "ForPreTraining"))


def _best(row: torch.Tensor, name: Any) -> list[dict[str, Any]]:
    probabilities = row.float().softmax(0)
    order = probabilities.argsort(descending=True)[:LIKELIEST].tolist()
    return [
        {"label": name(place), "logit": round(float(row[place]), DIGITS), "probability": float(probabilities[place])}
        for place in order
    ]


def _numbers(values: torch.Tensor) -> Any:
    return np.round(values.float().cpu().numpy().astype(np.float64), DIGITS).tolist()
