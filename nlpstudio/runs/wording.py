"""The settings of a run in words: a name and a sentence for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from nlpstudio.engine.spec import PAIRS

SETTINGS: Mapping[str, tuple[Any, Any]] = {
    "epochs": (_("Epochs"), _("How often the model sees all training rows.")),
    "learning_rate": (
        _("Learning rate"),
        _("How far each step goes. 2e-5 to 1e-4 suits most base models; small ones bear more."),
    ),
    "batch_size": (_("Batch size"), _("Rows for each step. Larger is steadier, smaller sometimes better.")),
    "max_length": (_("Maximum length"), _("Tokens of a text that are read; the rest is cut off. Longer is slower.")),
    "early_stopping": (
        _("Early stopping"),
        _("Evaluations without a gain that are waited for before training stops. 0 never stops early."),
    ),
    "seed": (_("Seed"), _("The start of all randomness: the same seed gives the same run.")),
    "micro_batch": (
        _("Micro-batch"),
        _("Rows in memory at once; 0 lets the engine choose. Smaller needs less memory and changes no result."),
    ),
    "weight_decay": (_("Weight decay"), _("Pulls weights towards zero, against learning by heart.")),
    "warmup_ratio": (_("Warm-up"), _("The share of the steps in which the learning rate rises from zero.")),
    "schedule": (_("Schedule"), _("How the learning rate falls after the warm-up.")),
    "max_grad_norm": (_("Gradient clipping"), _("The longest step direction; longer ones are shortened. 0 is off.")),
    "label_smoothing": (_("Label smoothing"), _("Keeps the model from being too sure; 0.1 is usual, 0 is off.")),
    "class_weights": (_("Class weights"), _("Balanced gives rare labels more weight.")),
    "attention_dropout": (_("Attention dropout"), _("Dropout inside attention; 0 is faster and mostly as good.")),
    "freeze_embeddings": (_("Freeze embeddings"), _("Leaves the word vectors as they are: less memory.")),
    "freeze_layers": (
        _("Freeze layers"),
        _("How many layers, from below, stay as they are. Faster, for little data."),
    ),
    "layer_decay": (_("Layer decay"), _("Multiplies the learning rate once for each layer below the head; 1 is off.")),
    "head_learning_rate": (
        _("Learning rate of the head"),
        _("A new output layer learns at least this fast. 0 gives it the learning rate of the rest."),
    ),
    "lora_rank": (
        _("LoRA rank"),
        _("Trains small adapters of this rank instead of all weights: less memory, not faster. 0 is off."),
    ),
    "lora_alpha": (_("LoRA alpha"), _("How much the adapters count: their output is multiplied by alpha / rank.")),
    "lora_dropout": (_("LoRA dropout"), _("Dropout before the adapters.")),
    "doc_stride": (_("Overlap"), _("For question answering: tokens that two pieces of a long context share.")),
    "objective": (
        _("Objective"),
        _("What the model learns by: masked words, with pairs of texts or without, or the next word."),
    ),
    "architecture": (_("Architecture"), _("How large the model is that begins with random weights.")),
    "layers": (_("Layers"), _("How many layers the model has; an encoder and a decoder have so many each.")),
    "hidden_size": (_("Width"), _("How many numbers stand for a token; the heads share them evenly.")),
    "heads": (_("Heads"), _("How many patterns of attention each layer has.")),
    "hidden_dropout": (_("Dropout"), _("0.1 is usual; 0 learns faster where the corpus is large for the model.")),
    "vocabulary": (_("Vocabulary"), _("How many tokens the tokenizer knows that is trained on the training rows.")),
    "source_language": (_("Language of the sources"), _("By the base model's own code.")),
    "target_language": (_("Language of the targets"), _("The model will write in it, whatever it is given.")),
    "masking": (
        _("Masking"),
        _("What is masked together. Spans suit Chinese, whose characters are words of their own here."),
    ),
    "mask_share": (_("Masked share"), _("Of the tokens: 80% of them become the mask, 10% a random token, 10% stay.")),
    "short_share": (
        _("Short sequences"),
        _(
            "The share of sequences of a quarter of the length at most: they teach a young model sooner and cost little."
        ),
    ),
    "eval_steps": (_("Evaluate each … steps"), _("Within an epoch too; 0 evaluates at the end of each epoch alone.")),
    "threads": (_("Threads"), _("Processor threads; 0 takes all that are free to use.")),
    "devices": (
        _("Devices"),
        _(
            "Processes that train together, each on a GPU of its own or on its share of the processors. "
            "The result differs only by rounding and dropout."
        ),
    ),
}

RECIPES: Mapping[str, Any] = {
    "thorough": _("Thorough: three epochs, everything is trained. What the other recipes are measured by."),
    "steady": _(
        "Steady: two epochs at twice the learning rate, lower layers slower, word vectors frozen. "
        "Two thirds of the time, at times a point less accurate."
    ),
    "quick": _(
        "Quick: one epoch at four times the learning rate, else as steady. "
        "A third of the time, at times two points less accurate; to try things out."
    ),
    "adapters": _("Adapters (LoRA): trains a hundredth of the weights. Less memory and small checkpoints, not faster."),
    "": _("Own settings"),
}
"""The recipes of the engine with what they cost and save."""

ENVIRONMENT: Mapping[str, Any] = {
    "device": pgettext_lazy("of a computer", "Device"),
    "precision": pgettext_lazy("of numbers", "Precision"),
    "path": _("Forward pass"),
    "products": _("Matrix products by"),
    "threads": _("Threads"),
    "devices": _("Devices"),
}
"""What a run was computed on and how; other keys are the names of libraries."""

PATHS: Mapping[str, Any] = {
    "packed": _("packed: nothing is padded"),
    "padded": _("padded: the model's own, texts of like length together"),
}

CHOICES: Mapping[str, Any] = {
    "linear": pgettext_lazy("schedule", "Linear"),
    "cosine": pgettext_lazy("schedule", "Cosine"),
    "constant": pgettext_lazy("schedule", "Constant"),
    "none": pgettext_lazy("class weights", "None"),
    "balanced": pgettext_lazy("class weights", "Balanced"),
    "mlm_nsp": _("Masked words and next sentence (BERT)"),
    "mlm_sop": _("Masked words and sentence order (ALBERT)"),
    "mlm": _("Masked words (RoBERTa)"),
    "clm": _("Next word (GPT)"),
    "whole_word": _("Whole words"),
    "token": _("Single tokens"),
    "span": _("Spans of words"),
    "tiny": _("tiny: 2 layers, width 128"),
    "mini": _("mini: 4 layers, width 256"),
    "small": _("small: 4 layers, width 512"),
    "medium": _("medium: 8 layers, width 512"),
    "base": _("base: 12 layers, width 768"),
    "custom": _("another shape"),
}

GROUPS: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (_("Optimisation"), ("schedule", "warmup_ratio", "weight_decay", "max_grad_norm", "micro_batch")),
    (_("Regularisation"), ("label_smoothing", "class_weights", "attention_dropout")),
    (
        _("Layers"),
        (
            "head_learning_rate",
            "layer_decay",
            "freeze_embeddings",
            "freeze_layers",
            "lora_rank",
            "lora_alpha",
            "lora_dropout",
        ),
    ),
    (_("Machine and data"), ("seed", "threads", "devices", "doc_stride")),
)
"""The folded settings in groups."""

_SHAPE = ("architecture", "layers", "hidden_size", "heads", "hidden_dropout")
OWN_GROUPS: Mapping[str, tuple[tuple[Any, tuple[str, ...]], ...]] = {
    "pretraining": (
        (_("What it learns"), ("objective", "masking", "mask_share", "short_share", "eval_steps")),
        (_("The model"), _SHAPE),
    ),
    **dict.fromkeys(
        PAIRS,
        (
            (_("Languages"), ("source_language", "target_language")),
            (_("The model"), (*_SHAPE, "vocabulary")),
        ),
    ),
}
"""The settings that only one task has, in groups."""
