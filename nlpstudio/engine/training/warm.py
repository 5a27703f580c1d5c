"""What the first step of a process costs once, paid before there is a job: lazy imports, kernels, the probe."""

from __future__ import annotations

import numpy as np
import torch
from transformers import AutoModelForSequenceClassification, BertConfig

from nlpstudio.engine import hardware
from nlpstudio.engine.encoders import Example, choose, products


def warm_up() -> None:
    """One step of a tiny model on the CPU; a GPU is left alone, for a waiting process must not hold its memory."""
    config = BertConfig(vocab_size=8, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8)
    model = AutoModelForSequenceClassification.from_config(config)
    ids = np.zeros(4, dtype=np.int32)
    choose(model).logits([Example(ids=ids), Example(ids=ids[:3])]).sum().backward()
    torch.optim.AdamW(model.parameters(), fused=True).step()
    products.fastest()
    if not torch.cuda.is_available():
        hardware.fastest_precision("cpu")
