"""What the encoder families differ in, as one table: where each part lies in the Hugging Face model.

Paths are attribute paths, below the base model (`layers`) or below one layer (all others). MiniLM and
most Chinese BERTs (MacBERT, RoBERTa-wwm-ext) are plain "bert" models.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One family; the defaults describe BERT.

    `positions_skip_padding`: positions count from the padding id + 1, over tokens that are not the padding token.
    `pooling` is how a sequence classifier reads the first token: through the base model's "pooler", inside the
    classifier ("head"), or through a "pre_classifier" with ReLU.
    """

    layers: str = "encoder.layer"
    query: str = "attention.self.query"
    key: str = "attention.self.key"
    value: str = "attention.self.value"
    attention_out: str = "attention.output.dense"
    attention_norm: str = "attention.output.LayerNorm"
    attention_out_dropout: bool = True
    ffn_in: str = "intermediate.dense"
    activation: str = "intermediate.intermediate_act_fn"
    ffn_out: str = "output.dense"
    ffn_norm: str = "output.LayerNorm"
    hidden_dropout: str = "hidden_dropout_prob"
    attention_dropout: str = "attention_probs_dropout_prob"
    positions_skip_padding: bool = False
    pooling: str = "pooler"


BERT = Family()
ROBERTA = replace(BERT, positions_skip_padding=True, pooling="head")
ELECTRA = replace(BERT, pooling="head")
DISTILBERT = Family(
    layers="transformer.layer",
    query="attention.q_lin",
    key="attention.k_lin",
    value="attention.v_lin",
    attention_out="attention.out_lin",
    attention_norm="sa_layer_norm",
    attention_out_dropout=False,
    ffn_in="ffn.lin1",
    activation="ffn.activation",
    ffn_out="ffn.lin2",
    ffn_norm="output_layer_norm",
    hidden_dropout="dropout",
    attention_dropout="attention_dropout",
    pooling="pre_classifier",
)

FAMILIES: Mapping[str, Family] = {
    "bert": BERT,
    "ernie": BERT,
    "roberta": ROBERTA,
    "xlm-roberta": ROBERTA,
    "camembert": ROBERTA,
    "electra": ELECTRA,
    "distilbert": DISTILBERT,
}
