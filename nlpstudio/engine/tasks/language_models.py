"""Making and loading the models that guess words: random ones of a chosen shape, or a shelf model trained further."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import transformers
from transformers import BertConfig, GPT2Config, PreTrainedModel

from nlpstudio.engine.encoders.families import FAMILIES
from nlpstudio.engine.encoders.pretraining import KINDS
from nlpstudio.engine.errors import BaseModelRefused, InvalidSpec
from nlpstudio.engine.tasks import building
from nlpstudio.engine.tasks.base import Setup

PAIRED = ("bert", "ernie")
INITIAL_SPREAD, SPREAD_WIDTH = 0.02, 768
"""BERT's standard deviation of random weights, which suits its hidden size."""
FIXED = {"local_files_only": True, "trust_remote_code": False, "use_safetensors": True}


class AutoModelForPreTraining:
    """Loads the very class that a folder's config names, when it is one that guesses words."""

    @staticmethod
    def from_pretrained(folder: Path, **options: Any) -> Any:
        """As of the class itself. Raises `BaseModelRefused` for one of another kind."""
        names = [name for name in building.read_config(folder).architectures or () if name.endswith(KINDS)]
        if not names or not hasattr(transformers, names[0]):
            raise BaseModelRefused(f"{folder.name} holds no model that guesses words")
        return getattr(transformers, names[0]).from_pretrained(folder, **options)


def build(folder: Path, setup: Setup) -> PreTrainedModel:
    """The model of `setup.params.objective`: continued from the weights in `folder`, else from random ones.

    Raises `InvalidSpec` for a shape that cannot be and `BaseModelRefused` for an architecture without such a head.
    """
    return _continued(folder, setup) if building.has_weights(folder) else _fresh(folder, setup)


def _fresh(folder: Path, setup: Setup) -> PreTrainedModel:
    tokenizer: Any = building.load_tokenizer(folder)
    layers, hidden, heads = setup.params.shape
    if hidden % heads:
        raise InvalidSpec(f"hidden_size is {hidden}, which {heads} heads cannot share evenly")
    if setup.params.objective == "clm":
        end = tokenizer.eos_token_id if tokenizer.eos_token_id is not None else tokenizer.sep_token_id
        dropout = setup.params.hidden_dropout
        decoder = GPT2Config(
            vocab_size=len(tokenizer),
            n_positions=setup.max_length,
            n_embd=hidden,
            n_layer=layers,
            n_head=heads,
            resid_pdrop=dropout,
            embd_pdrop=dropout,
            attn_pdrop=setup.params.attention_dropout,
            initializer_range=_spread(hidden),
            bos_token_id=end,
            eos_token_id=end,
            pad_token_id=tokenizer.pad_token_id,
        )
        return transformers.GPT2LMHeadModel(decoder)
    encoder = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=4 * hidden,
        max_position_embeddings=setup.max_length,
        hidden_dropout_prob=setup.params.hidden_dropout,
        attention_probs_dropout_prob=setup.params.attention_dropout,
        initializer_range=_spread(hidden),
        pad_token_id=tokenizer.pad_token_id,
    )
    kind = transformers.BertForMaskedLM if setup.params.objective == "mlm" else transformers.BertForPreTraining
    return kind(encoder)


def _spread(hidden: int) -> float:
    """The standard deviation that leaves a narrow model's layers as loud as BERT's: in proportion to 1 / sqrt(width)."""
    return float(INITIAL_SPREAD * (SPREAD_WIDTH / hidden) ** 0.5)


def _continued(folder: Path, setup: Setup) -> PreTrainedModel:
    config = building.read_config(folder)
    objective = setup.params.objective
    is_encoder = config.model_type in FAMILIES
    if is_encoder == (objective == "clm"):
        kind = "guesses gaps" if is_encoder else "guesses the next word"
        raise BaseModelRefused(f"{folder.name} {kind}: the objective {objective} does not suit it")
    if objective in ("mlm_nsp", "mlm_sop") and config.model_type not in PAIRED:
        raise BaseModelRefused(
            f"A model of the type {config.model_type} does not judge pairs", hint="Choose the objective mlm."
        )
    if objective == "clm":
        loader: Any = transformers.AutoModelForCausalLM
    else:
        loader = transformers.AutoModelForMaskedLM if objective == "mlm" else transformers.AutoModelForPreTraining
    dropouts = {key: setup.params.attention_dropout for key in building.ATTENTION_DROPOUTS if hasattr(config, key)}
    return building.load_with(loader, folder, has_head=True, **dropouts)
