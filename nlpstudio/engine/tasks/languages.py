"""Models of many languages (mBART, NLLB): from which they read and into which they write, as the tokenizer marks it.

The mark is a token before the text (mBART-50, NLLB) or behind its end (mBART); in the latter case the decoder starts from it.
"""

from __future__ import annotations

from typing import Any

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from nlpstudio.engine.errors import InvalidSpec
from nlpstudio.engine.spec import TrainParams


def are_told(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether the tokenizer marks languages."""
    return hasattr(tokenizer, "src_lang") and hasattr(tokenizer, "tgt_lang")


def choose(tokenizer: Any, params: TrainParams) -> None:
    """Set both languages, and have them written with the tokenizer; empty ones stay what they are.

    Raises `InvalidSpec` for a language that the tokenizer does not know.
    """
    if not are_told(tokenizer):
        return
    for name, code in (("src_lang", params.source_language), ("tgt_lang", params.target_language)):
        if not code:
            continue
        if code not in tokenizer.all_special_tokens:
            raise InvalidSpec(f"The base model knows no language {code!r}", hint="Its codes look like zh_CN.")
        setattr(tokenizer, name, code)
        tokenizer.init_kwargs[name] = code


def settle(model: PreTrainedModel, tokenizer: Any) -> None:
    """Have the model write in the tokenizer's target language whenever it is asked."""
    if not are_told(tokenizer):
        return
    code = tokenizer.convert_tokens_to_ids(tokenizer.tgt_lang or tokenizer.src_lang)
    marked = tokenizer(text_target="")["input_ids"]
    settings: Any = model.generation_config
    if marked[0] == code and len(marked) > 1:
        settings.forced_bos_token_id = code
    else:
        settings.decoder_start_token_id = code
