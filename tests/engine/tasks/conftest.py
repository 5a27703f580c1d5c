"""Tokenizers of the kinds that cut texts differently, built in process."""

from __future__ import annotations

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from tests.tiny import tiny_tokenizer

CORPUS = ["中国人民在北京住 anna lives in paris", "the film 很好 good bad 12345 é ö ü", "北京大学 北京 上海 中国"] * 20


def unigram_tokenizer() -> PreTrainedTokenizerFast:
    """As XLM-R's: NFKC, a bare blank before the text, pieces that join Chinese characters."""
    special = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    joined = [("▁", -2.0), *((piece, -4.0) for piece in ("中国", "北京", "中国人民", "▁anna", "▁the", "▁word"))]
    single = [(sign, -6.0) for sign in dict.fromkeys("".join(CORPUS)) if sign != " "]
    tokenizer = Tokenizer(models.Unigram([*special, *joined, *single], unk_id=3, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace("\u200b", "")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=128,
        model_input_names=["input_ids", "attention_mask"],
        bos_token="<s>",
        cls_token="<s>",
        eos_token="</s>",
        sep_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
    )


def byte_tokenizer() -> PreTrainedTokenizerFast:
    """As RoBERTa's: pieces of bytes, so that several may stand for one character."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<s>", "<pad>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=128,
        model_input_names=["input_ids", "attention_mask"],
        cls_token="<s>",
        sep_token="</s>",
        pad_token="<pad>",
    )


MAKERS = {"wordpiece": tiny_tokenizer, "unigram": unigram_tokenizer, "bytes": byte_tokenizer}
TOKENIZERS = {name: make() for name, make in MAKERS.items()}


@pytest.fixture(params=sorted(TOKENIZERS))
def tokenizer(request: pytest.FixtureRequest) -> PreTrainedTokenizerFast:
    return TOKENIZERS[request.param]
