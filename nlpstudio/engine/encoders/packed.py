"""The un-padded forward pass over an unmodified Hugging Face model's own modules and parameters.

Linear layers, norms, activations and dropout run on the real tokens only; attention runs on a few padded
chunks of rows of like length (cf. Zeng et al. 2022, "Boosting Distributed Training Performance of the
Unpadded BERT Model"). Where the head reads only the first token, the last layer computes only that.
In eval mode the result equals the model's own forward to rounding.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import PreTrainedModel

from nlpstudio.engine.encoders import half_attention, products
from nlpstudio.engine.encoders.dropout import ByteDropout
from nlpstudio.engine.encoders.example import Example, parts_of
from nlpstudio.engine.encoders.families import FAMILIES, Family
from nlpstudio.engine.encoders.lookup import Lookup
from nlpstudio.engine.encoders.packing import Chunk, Packed, pack

HEADS = ("ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering")


def supports(model: PreTrainedModel) -> bool:
    """Whether `PackedEncoder` computes exactly what `model` does."""
    return type(model).__name__.endswith(HEADS) and knows(model)


def knows(model: PreTrainedModel) -> bool:
    """Whether `PackedEncoder.hidden` computes exactly what the base model of `model` does."""
    config = model.config
    return (
        config.model_type in FAMILIES
        and not getattr(config, "is_decoder", False)
        and getattr(config, "position_embedding_type", "absolute") == "absolute"
    )


class PackedEncoder:
    """An encoder without padding for the families of the table. `supports(model)` must hold."""

    path = "packed"

    def __init__(self, model: PreTrainedModel, *, seed: int = 0) -> None:
        self.model: Any = model  # modules are reached by the names of the table
        self.family = FAMILIES[model.config.model_type]
        self.base: Any = model.base_model
        self.heads = model.config.num_attention_heads
        self.hidden_dropout = float(getattr(model.config, self.family.hidden_dropout))
        self.attention_dropout = float(getattr(model.config, self.family.attention_dropout))
        self.first_only = type(model).__name__.endswith("ForSequenceClassification")
        self.layers = [_Layer(module, self.family) for module in attrgetter(self.family.layers)(self.base)]
        words: Any = attrgetter("embeddings.word_embeddings")(self.base)
        self.words: Any = words if model.get_output_embeddings() is not None else Lookup(words)
        self._bytes = ByteDropout(seed)

    def logits(self, examples: Sequence[Example]) -> Tensor:
        """[rows, labels] of a sequence classifier, else [tokens, outputs] of the real tokens."""
        return self._head(self.hidden(examples)[0])

    def hidden(self, examples: Sequence[Example]) -> tuple[Tensor, Packed]:
        """The last layer: [rows, hidden] of the first tokens for a sequence classifier, else [tokens, hidden]."""
        skipped = self.model.config.pad_token_id if self.family.positions_skip_padding else None
        half = torch.is_autocast_enabled(self.model.device.type)
        compiled = self.model.device.type == "cpu" and (half or products.chosen() == products.ONEDNN)
        multiple = products.MULTIPLE if compiled else 1
        batch = pack(examples, device=self.model.device, skip_padding_id=skipped, multiple=multiple)
        hidden = self._embed(batch)
        if half:  # norms and residuals in half precision too: half the copies, and none between types
            hidden = hidden.to(torch.get_autocast_dtype(self.model.device.type))
        for layer in self.layers[:-1]:
            hidden = self._through(layer, hidden, batch)
        hidden = self._through(self.layers[-1], hidden, batch, first_only=self.first_only)
        return (hidden if self.first_only else hidden[: len(hidden) - batch.spare]), batch

    def verdicts(self, logits: Tensor, examples: Sequence[Example]) -> list[NDArray[np.float32]]:
        """The logits of each example."""
        return parts_of(logits, examples)

    def random_state(self) -> Mapping[str, Any]:
        """The state of the dropout generator, as JSON values."""
        return self._bytes.state()

    def set_random_state(self, state: Mapping[str, Any]) -> None:
        """Go on from `random_state`."""
        self._bytes.set_state(state)

    def _embed(self, batch: Packed) -> Tensor:
        parts = self.base.embeddings
        x: Tensor = self.words(batch.ids) + parts.position_embeddings(batch.positions)
        if hasattr(parts, "token_type_embeddings"):
            x = x + parts.token_type_embeddings(batch.types)
        if hasattr(parts, "task_type_embeddings"):  # ERNIE 2 and later; fine-tuning uses task 0
            x = x + parts.task_type_embeddings.weight[0]
        x = self._drop(parts.LayerNorm(x))
        if hasattr(self.base, "embeddings_project"):  # ELECTRA small
            x = self.base.embeddings_project(x)
        return x

    def _through(self, layer: _Layer, x: Tensor, batch: Packed, *, first_only: bool = False) -> Tensor:
        """One layer: [tokens, hidden] to the same, or to [rows, hidden] of the first tokens."""
        if first_only:
            key_value = _project(x, layer.key, layer.value)
            x = x.index_select(0, batch.first)
            attended = self._attend_first(products.through(layer.query, x), key_value, batch)
        else:
            query_key_value = _project(x, layer.query, layer.key, layer.value)
            attended = self._attend(query_key_value, batch)
        attended = products.through(layer.attention_out, attended)
        x = layer.attention_norm(self._drop(attended, plus=x) if self.family.attention_out_dropout else attended + x)
        grown = layer.activation(products.through(layer.ffn_in, x))
        out: Tensor = layer.ffn_norm(self._drop(products.through(layer.ffn_out, grown), plus=x))
        return out

    def _attend(self, query_key_value: Tensor, batch: Packed) -> Tensor:
        """Self-attention of packed [tokens, 3 * hidden] to [tokens, hidden]."""
        parts = []
        dropped = self.model.training and self.attention_dropout > 0
        for tokens, chunk in _by_chunk(query_key_value, batch):
            if half_attention.suits(tokens, chunk) and not dropped:
                parts.append(half_attention.attend(tokens, chunk, self.heads))
                continue
            block = _spread(_for_attention(tokens), chunk).view(chunk.rows, chunk.width, 3, self.heads, -1)
            query, key, value = block.permute(2, 0, 3, 1, 4).unbind(0)
            out = self._attention(query, key, value, chunk).transpose(1, 2).reshape(chunk.rows * chunk.width, -1)
            out = out if chunk.real is None else out.index_select(0, chunk.real)
            parts.append(out.to(tokens.dtype))
        if batch.spare:
            parts.append(parts[0].new_zeros(batch.spare, parts[0].shape[1]))
        return torch.cat(parts) if len(parts) > 1 else parts[0]

    def _attend_first(self, query: Tensor, key_value: Tensor, batch: Packed) -> Tensor:
        """Attention of the first tokens [rows, hidden] over packed [tokens, 2 * hidden] to [rows, hidden]."""
        asked, parts = _for_attention(query).split([chunk.rows for chunk in batch.chunks]), []
        for rows, (tokens, chunk) in zip(asked, _by_chunk(_for_attention(key_value), batch), strict=True):
            block = _spread(tokens, chunk).view(chunk.rows, chunk.width, 2, self.heads, -1)
            key, value = block.permute(2, 0, 3, 1, 4).unbind(0)
            asking = rows.view(chunk.rows, 1, self.heads, -1).transpose(1, 2)
            parts.append(self._attention(asking, key, value, chunk).transpose(1, 2).reshape(chunk.rows, -1))
        return (torch.cat(parts) if len(parts) > 1 else parts[0]).to(query.dtype)

    def _attention(self, query: Tensor, key: Tensor, value: Tensor, chunk: Chunk) -> Tensor:
        dropout = self.attention_dropout if self.model.training else 0.0
        with torch.autocast(query.device.type, enabled=False):
            return F.scaled_dot_product_attention(query, key, value, attn_mask=chunk.mask, dropout_p=dropout)

    def _drop(self, x: Tensor, *, plus: Tensor | None = None) -> Tensor:
        """Hidden dropout in training, with `plus` added afterwards."""
        if self.model.training and x.device.type == "cpu":
            return self._bytes(x, self.hidden_dropout, plus=plus)
        dropped = F.dropout(x, self.hidden_dropout) if self.model.training else x
        return dropped if plus is None else dropped + plus

    def _head(self, hidden: Tensor) -> Tensor:
        """The model's own head on [rows, hidden] of first tokens or on [tokens, hidden]."""
        model = self.model
        if self.first_only:
            return self._classify(hidden)
        hidden = model.dropout(hidden) if hasattr(model, "dropout") else hidden
        logits: Tensor = model.qa_outputs(hidden) if hasattr(model, "qa_outputs") else model.classifier(hidden)
        return logits

    def _classify(self, first: Tensor) -> Tensor:
        model = self.model
        if self.family.pooling == "head":
            classified: Tensor = model.classifier(first.unsqueeze(1))
            return classified
        if self.family.pooling == "pre_classifier":
            pooled = torch.relu(model.pre_classifier(first))
        else:
            pooled = self.base.pooler(first.unsqueeze(1))
        logits: Tensor = model.classifier(model.dropout(pooled))
        return logits


class _Layer:
    """The modules of one layer under the names of the table."""

    query: nn.Linear
    key: nn.Linear
    value: nn.Linear
    attention_out: nn.Linear
    attention_norm: nn.LayerNorm
    ffn_in: nn.Linear
    activation: nn.Module
    ffn_out: nn.Linear
    ffn_norm: nn.LayerNorm

    def __init__(self, module: nn.Module, family: Family) -> None:
        for name in _Layer.__annotations__:
            setattr(self, name, attrgetter(getattr(family, name))(module))


def _project(x: Tensor, *linears: nn.Module) -> Tensor:
    """Several linear layers side by side: [tokens, sum of outputs]. Plain ones need but one matrix product."""
    if all(type(each) is nn.Linear for each in linears):
        plain = cast("tuple[nn.Linear, ...]", linears)
        return products.linear(x, torch.cat([each.weight for each in plain]), torch.cat([each.bias for each in plain]))
    return torch.cat([each(x) for each in linears], dim=-1)  # adapters in between


def _for_attention(x: Tensor) -> Tensor:
    """In fp32 on a CPU, whose backward pass of flash attention was measured five times slower in bf16 than in fp32."""
    return x.float() if x.device.type == "cpu" else x


def _by_chunk(x: Tensor, batch: Packed) -> Iterator[tuple[Tensor, Chunk]]:
    """Each chunk's tokens; split at once, for the gradient of a slice is as large as all that it was cut from."""
    sizes = [chunk.end - chunk.begin for chunk in batch.chunks]
    return zip(x.split([*sizes, batch.spare]), batch.chunks, strict=False)  # the spare ones belong to none


def _spread(tokens: Tensor, chunk: Chunk) -> Tensor:
    """The chunk's tokens [n, d] in their padded places [rows * width, d], zero where padded."""
    if chunk.real is None:
        return tokens
    return tokens.new_zeros(chunk.rows * chunk.width, tokens.shape[1]).index_copy_(0, chunk.real, tokens)
