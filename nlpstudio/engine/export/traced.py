"""Any other architecture as an ONNX graph: traced by torch, then fused by onnxruntime as far as it knows the parts."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import Any

import onnx
import torch
from onnxruntime.transformers import optimizer
from torch import Tensor, nn
from transformers import PreTrainedModel

from nlpstudio.engine.encoders.padded import takes_types
from nlpstudio.engine.errors import EngineError

OPSET = 18
ROWS_MOST = 4096


class NotExportable(EngineError):
    """torch cannot write the model as ONNX."""

    code = "export.impossible"


class _Plain(nn.Module):
    """The model with tensors for arguments and nothing but logits for results."""

    def __init__(self, model: PreTrainedModel, names: list[str]) -> None:
        super().__init__()
        self.model = model
        self.names = names

    def forward(self, *inputs: Tensor) -> Any:
        outputs: Any = self.model(**dict(zip(self.names, inputs, strict=True)))
        return (outputs.start_logits, outputs.end_logits) if "start_logits" in outputs else outputs.logits


def build(model: PreTrainedModel, *, longest: int) -> onnx.ModelProto:
    """The graph, with inputs and outputs as `graph.build` has them. Raises `NotExportable`."""
    names = ["input_ids", "attention_mask", *(["token_type_ids"] if takes_types(model) else [])]
    shape = (2, min(8, longest))
    sample = {
        "input_ids": torch.full(shape, 5, dtype=torch.long),
        "attention_mask": torch.ones(shape, dtype=torch.long),
        "token_type_ids": torch.zeros(shape, dtype=torch.long),
    }
    rows = torch.export.Dim("rows", min=1, max=ROWS_MOST)
    tokens = torch.export.Dim("tokens", min=2, max=longest)
    asks = type(model).__name__.endswith("ForQuestionAnswering")
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "traced.onnx"
        try:
            torch.onnx.export(
                _Plain(model, names),
                tuple(sample[name] for name in names),
                path,
                input_names=names,
                output_names=["start_logits", "end_logits"] if asks else ["logits"],
                dynamic_shapes=(tuple({0: rows, 1: tokens} for _ in names),),
                opset_version=OPSET,
                dynamo=True,
                external_data=False,
                verbose=False,
            )
        except Exception as error:  # torch's exporter raises many kinds, all of them about this model
            raise NotExportable(
                f"{type(model).__name__} cannot be written as ONNX: {str(error).strip().splitlines()[0][:200]}",
                hint="The model is served by PyTorch.",
            ) from error
        fused = optimizer.optimize_model(
            str(path),
            model_type="bert",
            num_heads=getattr(model.config, "num_attention_heads", 0) or 0,
            hidden_size=getattr(model.config, "hidden_size", 0) or 0,
            opt_level=0,
        )
        fused.save_model_to_file(str(path))  # which also names the fused operators' domain
        written = onnx.load(str(path))
    return written
