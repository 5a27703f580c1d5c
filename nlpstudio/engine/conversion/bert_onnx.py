"""Read the weights of a BERT encoder back out of its float32 ONNX export."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # stubs are a package of their own
from onnx import numpy_helper

from nlpstudio.engine.errors import BaseModelRefused

_NAMED = re.compile(r"(?:^|\.)((?:embeddings|encoder|pooler)\..+)$")

Floats = npt.NDArray[np.float32]


def read(path: Path) -> dict[str, Floats]:
    """The float32 weights under the names of transformers' `BertModel`.

    The export keeps the names of embeddings, norms and biases, but stores each dense weight
    transposed and without a name; it is found as the constant that is multiplied right before
    a named bias is added. Raises `BaseModelRefused` when that does not give each bias a weight.
    """
    try:
        graph = onnx.load(str(path)).graph
    except DecodeError as error:
        raise BaseModelRefused(f"{path.name} is not an ONNX file: {error}") from error
    constants = {constant.name: constant for constant in graph.initializer}
    weights: dict[str, Floats] = {}
    for name, constant in constants.items():
        if found := _NAMED.search(name):
            weights[found[1]] = _array(constant)
    weights.pop("embeddings.position_ids", None)
    products = {node.output[0]: node for node in graph.node if node.op_type == "MatMul"}
    for node in graph.node:
        if node.op_type != "Add":
            continue
        biases = [found[1] for name in node.input if name in constants and (found := _NAMED.search(name))]
        factors = [n for name in node.input if name in products for n in products[name].input if n in constants]
        if len(biases) == len(factors) == 1 and biases[0].endswith(".bias"):
            weights[biases[0].removesuffix("bias") + "weight"] = np.ascontiguousarray(_array(constants[factors[0]]).T)
    missing = sorted(n for n in weights if n.endswith(".bias") and n.removesuffix("bias") + "weight" not in weights)
    if missing or "embeddings.word_embeddings.weight" not in weights:
        raise BaseModelRefused(f"{path.name} is no BERT export we can read; without weight: {', '.join(missing[:3])}")
    return weights


def _array(constant: onnx.TensorProto) -> Floats:
    return np.array(numpy_helper.to_array(constant), dtype=np.float32)
