"""The peers: transformers' Trainer as people call it, and the plain loop of the tutorials."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader
from transformers import (
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    DataCollatorForTokenClassification,
    DataCollatorWithPadding,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    Trainer,
    TrainingArguments,
    set_seed,
)

from bench.training.features import IGNORED, Feature
from bench.training.setting import LEARNING_RATE

MODELS: Mapping[str, Any] = {
    "classification": AutoModelForSequenceClassification,
    "ner": AutoModelForTokenClassification,
    "qa": AutoModelForQuestionAnswering,
}


def build(task: str, folder: Path, labels: Sequence[str], seed: int) -> PreTrainedModel:
    """The model with a fresh head, as `from_pretrained` gives it."""
    set_seed(seed)
    options = {} if task == "qa" else {"num_labels": len(labels)}
    model: PreTrainedModel = MODELS[task].from_pretrained(folder, dtype=torch.float32, local_files_only=True, **options)
    return model


def train_with_trainer(
    task: str,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    features: list[Feature],
    *,
    batch_size: int,
    seed: int,
    bf16: bool = False,
    in_order: bool = False,
    **arguments: Any,
) -> None:
    """`Trainer` with dynamic padding and its defaults (fused AdamW, linear decay, clipping at 1) but for what is given.

    `in_order` takes the features as they come: batches that transformers' grouping by length has already made.
    """
    collator = DataCollatorForTokenClassification if task == "ner" else DataCollatorWithPadding
    with tempfile.TemporaryDirectory() as folder:
        options = TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=batch_size,
            seed=seed,
            bf16=bf16,
            train_sampling_strategy="sequential" if in_order else "random",
            use_cpu=True,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            dataloader_pin_memory=False,
            **{"num_train_epochs": 1, "learning_rate": LEARNING_RATE, **arguments},
        )
        Trainer(
            model=model,
            args=options,
            train_dataset=features,
            data_collator=collator(tokenizer),
            processing_class=tokenizer,
        ).train()


def train_as_in_tutorials(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    features: list[Feature],
    *,
    batch_size: int,
    seed: int,
    epochs: int = 1,
) -> None:
    """Every row padded to the longest one, Adam at a fixed rate, no attention mask, no clipping."""
    longest = max(len(feature["input_ids"]) for feature in features)
    rows = [_padded(feature, longest, tokenizer.pad_token_id or 0) for feature in features]
    generator = torch.Generator().manual_seed(seed)
    batches: DataLoader[Any] = DataLoader(rows, batch_size=batch_size, shuffle=True, generator=generator)  # type: ignore[arg-type]  # any sequence will do
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    model.train()
    for _ in range(epochs):
        for batch in batches:
            model(**batch).loss.backward()
            optimizer.step()
            optimizer.zero_grad()


def _padded(feature: Feature, length: int, padding_id: int) -> dict[str, torch.Tensor]:
    fill = {"input_ids": padding_id, "labels": IGNORED}
    return {
        key: torch.tensor(value + [fill.get(key, 0)] * (length - len(value)) if isinstance(value, list) else value)
        for key, value in feature.items()
        if key != "attention_mask"
    }
