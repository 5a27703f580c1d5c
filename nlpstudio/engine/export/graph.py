"""A finished model as an ONNX graph of onnxruntime's fused operators, written down from its own modules.

Tracing a model and hoping that an optimizer recognises its attention depends on three libraries' versions: the
graph that torch 2.13 traces of transformers 5's BERT is not fused by onnxruntime 1.32. The families of the table
are few and alike, so their graph is written down; any other architecture is traced (`traced.py`).
As in the packed encoder, the last layer computes only the first token where the head reads only that.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from transformers import PreTrainedModel

from nlpstudio.engine.encoders import families, packed

OPSET = 17
IR_VERSION = 8
FUSED = "com.microsoft"
MASKED = -10_000.0
HEAD = "head"
"""The names of a head's products begin so: they are too small to be worth eight bits."""
ACTIVATIONS = {"GELUActivation": "BiasGelu", "ReLU": "Relu", "NewGELUActivation": "FastGelu"}

Array = NDArray[np.float32]


def supports(model: PreTrainedModel) -> bool:
    """Whether `build` can write the model down."""
    if not packed.supports(model):
        return False
    family = families.FAMILIES[model.config.model_type]
    layers = attrgetter(family.layers)(model.base_model)
    return all(_activation(attrgetter(family.activation)(layer)) in ACTIVATIONS for layer in layers)


def build(model: PreTrainedModel) -> onnx.ModelProto:
    """The graph: `input_ids`, `attention_mask` and, where the model has them, `token_type_ids`, all int64 [rows, tokens].

    Outputs are `logits` ([rows, labels] or [rows, tokens, labels]) or `start_logits` and `end_logits` [rows, tokens].
    """
    return _Graph(model).build()


class _Graph:
    """Nodes and weights as they are added; every tensor is known by the name that `add` returns."""

    def __init__(self, model: PreTrainedModel) -> None:
        self.model: Any = model
        self.base: Any = model.base_model
        self.family = families.FAMILIES[model.config.model_type]
        self.first_only = type(model).__name__.endswith("ForSequenceClassification")
        self.has_types = hasattr(self.base.embeddings, "token_type_embeddings")
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[TensorProto] = []

    def build(self) -> onnx.ModelProto:
        x = self._embed()
        mask = self.add("Cast", ["attention_mask"], to=TensorProto.INT32)
        layers = list(attrgetter(self.family.layers)(self.base))
        for number, layer in enumerate(layers):
            x = self._layer(x, mask, layer, f"layer{number}", first_only=self.first_only and layer is layers[-1])
        outputs = self._classify(x) if self.first_only else self._mark(x)
        names = ["input_ids", "attention_mask", *(["token_type_ids"] if self.has_types else [])]
        graph = helper.make_graph(
            self.nodes,
            self.model.config.model_type,
            [helper.make_tensor_value_info(name, TensorProto.INT64, ["rows", "tokens"]) for name in names],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs],
            self.weights,
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(FUSED, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="nlpstudio")

    def add(
        self, kind: str, inputs: Sequence[str], *, name: str = "", output: str = "", domain: str = "", **attributes: Any
    ) -> str:
        """Add a node and return the name of its (first) output."""
        made = output or f"{name or kind}_{len(self.nodes)}"
        self.nodes.append(
            helper.make_node(
                kind, list(inputs), [made], name=name or f"{kind}_{len(self.nodes)}", domain=domain, **attributes
            )
        )
        return made

    def keep(self, name: str, values: NDArray[Any]) -> str:
        """Add a constant and return its name."""
        self.weights.append(numpy_helper.from_array(np.asarray(values, order="C"), name))
        return name

    def _embed(self) -> str:
        parts = self.base.embeddings
        words = self.add("Gather", [self.keep("words", _values(parts.word_embeddings.weight)), "input_ids"])
        x = self.add("Add", [words, self._positions(_values(parts.position_embeddings.weight))])
        if self.has_types:
            types = _values(parts.token_type_embeddings.weight)
            if hasattr(parts, "task_type_embeddings"):  # ERNIE 2 and later; fine-tuning uses task 0
                types = types + _values(parts.task_type_embeddings.weight)[0]
            x = self.add("Add", [x, self.add("Gather", [self.keep("types", types), "token_type_ids"])])
        norm = parts.LayerNorm
        given = [x, self.keep("norm.weight", _values(norm.weight)), self.keep("norm.bias", _values(norm.bias))]
        x = self.add("LayerNormalization", given, axis=-1, epsilon=float(norm.eps))
        if hasattr(self.base, "embeddings_project"):  # ELECTRA small
            x = self._linear(x, self.base.embeddings_project, "project")
        return x

    def _positions(self, table: Array) -> str:
        """The position embeddings, [tokens, hidden] or [rows, tokens, hidden]."""
        kept = self.keep("positions", table)
        if not self.family.positions_skip_padding:
            one = self.keep("one", np.array([1], dtype=np.int64))
            zero = self.keep("zero", np.array([0], dtype=np.int64))
            tokens = self.add("Slice", [self.add("Shape", ["input_ids"]), one, self.keep("two", np.array([2]))])
            return self.add("Slice", [kept, zero, tokens, zero])
        padding = self.keep("padding", np.array(self.model.config.pad_token_id, dtype=np.int64))
        is_padding = self.add("Equal", ["input_ids", padding])
        real = self.add("Cast", [self.add("Not", [is_padding])], to=TensorProto.INT64)
        axis = self.keep("axis", np.array(1, dtype=np.int64))
        counted = self.add("Mul", [self.add("CumSum", [real, axis]), real])
        return self.add("Gather", [kept, self.add("Add", [counted, padding])])

    def _layer(self, x: str, mask: str, module: Any, name: str, *, first_only: bool) -> str:
        part = {key: attrgetter(path)(module) for key, path in _paths(self.family).items()}
        projections = [part["query"], part["key"], part["value"]]
        weight = np.concatenate([_values(each.weight).T for each in projections], axis=1)
        bias = np.concatenate([_values(each.bias) for each in projections])
        given = [x, self.keep(f"{name}.qkv.weight", weight), self.keep(f"{name}.qkv.bias", bias), mask]
        heads = int(self.model.config.num_attention_heads)
        seen = self.add(
            "Attention", given, name=f"{name}.attention", domain=FUSED, num_heads=heads, mask_filter_value=MASKED
        )
        if first_only:
            seen, x = self._first(seen, f"{name}.seen"), self._first(x, f"{name}.first")
        attended = self._product(seen, part["attention_out"], f"{name}.out")
        x = self._norm(attended, x, part["attention_out"], part["attention_norm"], f"{name}.norm1")
        grown = self._grow(x, part["ffn_in"], part["activation"], name)
        shrunk = self._product(grown, part["ffn_out"], f"{name}.ffn_out")
        return self._norm(shrunk, x, part["ffn_out"], part["ffn_norm"], f"{name}.norm2")

    def _first(self, x: str, name: str) -> str:
        """[rows, tokens, hidden] to [rows, 1, hidden]."""
        bounds = [self.keep(f"{name}.{key}", np.array([value])) for key, value in (("from", 0), ("to", 1), ("axis", 1))]
        return self.add("Slice", [x, *bounds])

    def _grow(self, x: str, linear: Any, activation: Any, name: str) -> str:
        grown = self._product(x, linear, f"{name}.ffn_in")
        bias = self.keep(f"{name}.ffn_in.bias", _values(linear.bias))
        kind = ACTIVATIONS[_activation(activation)]
        if kind == "Relu":
            return self.add("Relu", [self.add("Add", [grown, bias])])
        return self.add(kind, [grown, bias], domain=FUSED)

    def _norm(self, x: str, skipped: str, linear: Any, norm: Any, name: str) -> str:
        """The sum of a product, its bias and what skipped it, normalised."""
        keys = (("weight", norm.weight), ("bias", norm.bias), ("added", linear.bias))
        kept = [self.keep(f"{name}.{key}", _values(value)) for key, value in keys]
        return self.add("SkipLayerNormalization", [x, skipped, *kept], domain=FUSED, epsilon=float(norm.eps))

    def _product(self, x: str, linear: Any, name: str) -> str:
        return self.add("MatMul", [x, self.keep(f"{name}.weight", _values(linear.weight).T)], name=name)

    def _linear(self, x: str, linear: Any, name: str, *, output: str = "") -> str:
        product = self._product(x, linear, name)
        return self.add("Add", [product, self.keep(f"{name}.bias", _values(linear.bias))], output=output)

    def _classify(self, x: str) -> list[tuple[str, list[str | int]]]:
        """[rows, 1, hidden] of first tokens to logits."""
        model, last = self.model, self.model.classifier
        if self.family.pooling == "head":
            x = self._linear(x, last.dense, f"{HEAD}.dense")
            x = self.add("Tanh", [x]) if self.model.config.model_type != "electra" else self._gelu(x)
            last = last.out_proj
        elif self.family.pooling == "pre_classifier":
            x = self.add("Relu", [self._linear(x, model.pre_classifier, f"{HEAD}.dense")])
        else:
            x = self.add("Tanh", [self._linear(x, self.base.pooler.dense, f"{HEAD}.dense")])
        x = self._linear(x, last, HEAD)
        self.add("Squeeze", [x, self.keep("squeezed", np.array([1], dtype=np.int64))], output="logits")
        return [("logits", ["rows", int(last.out_features)])]

    def _gelu(self, x: str) -> str:
        return self.add("Gelu", [x], domain=FUSED)

    def _mark(self, x: str) -> list[tuple[str, list[str | int]]]:
        """[rows, tokens, hidden] to the logits of tokens, or of answers' starts and ends."""
        model = self.model
        if not hasattr(model, "qa_outputs"):
            self._linear(x, model.classifier, HEAD, output="logits")
            return [("logits", ["rows", "tokens", int(model.classifier.out_features)])]
        both = self._linear(x, model.qa_outputs, HEAD)
        names = ("start_logits", "end_logits")
        for place, name in enumerate(names):
            index = self.keep(f"{name}.place", np.array(place, dtype=np.int64))
            self.add("Gather", [both, index], output=name, axis=2)
        return [(name, ["rows", "tokens"]) for name in names]


def _values(parameter: Any) -> Array:
    values: Array = parameter.detach().cpu().float().numpy()
    return values


def _activation(module: Any) -> str:
    return type(module).__name__


def _paths(family: families.Family) -> dict[str, str]:
    names = (
        "query", "key", "value", "attention_out", "attention_norm", "ffn_in", "activation", "ffn_out", "ffn_norm",
    )  # fmt: skip
    return {name: getattr(family, name) for name in names}
