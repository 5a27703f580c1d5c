"""Training a tokenizer on a corpus with Hugging Face `tokenizers`, and judging it beside others. Loads no torch.

A tokenizer is a folder with `tokenizer.json` and `tokenizer_config.json`, which `AutoTokenizer` loads, and a manifest.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from nlpstudio.engine.data.rows import CorpusRow
from nlpstudio.engine.data.store import DatasetFolder
from nlpstudio.engine.errors import InvalidSpec, UnusableData
from nlpstudio.engine.jsonable import Jsonable

KINDS = ("wordpiece", "bpe", "byte_bpe", "unigram")
SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
END = "[EOS]"
HAN = "[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]"
SAMPLE_CHARACTERS = 200_000
LONGEST = 1_000_000
"""Stands for any length: a tokenizer alone limits nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizerSpec(Jsonable):
    """How to train a tokenizer.

    `vocabulary` counts the special tokens too. `normalisation` is Unicode's NFC, NFKC (full-width forms become plain) or
    none. `split_chinese` makes each Chinese character a word of its own, as BERT does. `added` are further special tokens.
    """

    kind: str = "wordpiece"
    vocabulary: int = 8000
    lowercase: bool = True
    strip_accents: bool = False
    split_chinese: bool = True
    normalisation: str = "nfkc"
    least_count: int = 2
    added: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "added", tuple(self.added))
        if self.kind not in KINDS:
            raise InvalidSpec(f"kind must be one of {', '.join(KINDS)}, not {self.kind!r}")
        if self.normalisation not in ("none", "nfc", "nfkc"):
            raise InvalidSpec(f"normalisation must be none, nfc or nfkc, not {self.normalisation!r}")
        if not 300 <= self.vocabulary <= 250_000:
            raise InvalidSpec(f"vocabulary must be between 300 and 250000, not {self.vocabulary!r}")
        if not 1 <= self.least_count <= 1000:
            raise InvalidSpec(f"least_count must be between 1 and 1000, not {self.least_count!r}")

    @classmethod
    def names(cls) -> tuple[str, ...]:
        return tuple(field.name for field in fields(cls))


def train(dataset: Path, spec: TokenizerSpec, folder: Path, say: Callable[[str], None] = lambda _words: None) -> None:
    """Train on the training documents of the corpus `dataset` and write the tokenizer's files into `folder`.

    Raises `UnusableData` when the corpus has no text to train on.
    """
    corpus = DatasetFolder.open(dataset)
    if corpus.info.task != "pretraining" or not corpus.count("train"):
        raise UnusableData("The data set is no corpus with training documents", hint="Import a text first.")
    say("Reading the corpus and counting words")
    tokenizer = trained(_lines(corpus), spec)
    say("Writing the tokenizer")
    write(tokenizer, _config(spec), folder)


def trained(texts: Iterable[Sequence[str]], spec: TokenizerSpec) -> Tokenizer:
    """A tokenizer trained on lists of texts, each a batch."""
    tokenizer = _empty(spec)
    tokenizer.train_from_iterator(iter(texts), trainer=_trainer(spec))
    _finish(tokenizer, spec)
    return tokenizer


def write(tokenizer: Tokenizer, config: Mapping[str, Any], folder: Path) -> None:
    """The files that `AutoTokenizer` loads."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def write_for_pairs(tokenizer: Tokenizer, folder: Path) -> None:
    """Likewise, for an encoder with a decoder: every text is its tokens and an end (Marian's and T5's way), without types.

    Raises `InvalidSpec` for a tokenizer that has no token for the end.
    """
    end = tokenizer.token_to_id(END)
    if end is None:
        raise InvalidSpec(f"The tokenizer has no {END}", hint="Train another tokenizer.")
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"$A {END}", pair=f"$A $B {END}", special_tokens=[(END, end)]
    )
    if isinstance(tokenizer.model, models.WordPiece):
        tokenizer.decoder = decoders.Sequence([decoders.WordPiece(), *_closing_up()])
    write(tokenizer, {**_config(TokenizerSpec()), "model_input_names": ["input_ids", "attention_mask"]}, folder)


def _closing_up() -> list[Any]:
    """What takes the blanks out between Chinese characters, which WordPiece's decoder puts between all words."""
    sign = r"[\u3000-\u303f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uffef]"
    return [decoders.Fuse(), decoders.Replace(Regex(f"(?<={sign}) (?={sign})"), "")]


def _lines(corpus: DatasetFolder) -> Iterator[list[str]]:
    for row in corpus.rows("train"):
        assert isinstance(row, CorpusRow)
        yield row.lines


def _empty(spec: TokenizerSpec) -> Tokenizer:
    unknown = "[UNK]"
    if spec.kind == "wordpiece":
        tokenizer = Tokenizer(models.WordPiece(unk_token=unknown, max_input_chars_per_word=100))
    elif spec.kind == "unigram":
        tokenizer = Tokenizer(models.Unigram())
    elif spec.kind == "byte_bpe":
        tokenizer = Tokenizer(models.BPE())
    else:
        tokenizer = Tokenizer(models.BPE(unk_token=unknown))
    tokenizer.normalizer = normalizers.Sequence(_normalisers(spec))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(_cutters(spec))
    return tokenizer


def _normalisers(spec: TokenizerSpec) -> list[Any]:
    parts: list[Any] = []
    if spec.normalisation != "none":
        parts.append(normalizers.NFKC() if spec.normalisation == "nfkc" else normalizers.NFC())
    if spec.lowercase:
        parts.append(normalizers.Lowercase())
    if spec.strip_accents:
        parts += [normalizers.NFD(), normalizers.StripAccents()]
    parts.append(normalizers.Replace(Regex(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"), ""))
    return parts


def _cutters(spec: TokenizerSpec) -> list[Any]:
    """How a text is cut into the words that pieces never cross."""
    chinese = [pre_tokenizers.Split(Regex(HAN), "isolated")] if spec.split_chinese else []
    if spec.kind == "byte_bpe":
        return [*chinese, pre_tokenizers.ByteLevel(add_prefix_space=False)]
    if spec.kind == "wordpiece":
        return [pre_tokenizers.BertPreTokenizer() if spec.split_chinese else pre_tokenizers.WhitespaceSplit(), *chinese,
                pre_tokenizers.Punctuation()]  # fmt: skip
    return [pre_tokenizers.Metaspace(prepend_scheme="first"), *chinese, pre_tokenizers.Punctuation()]


def _trainer(spec: TokenizerSpec) -> Any:
    specials = [*SPECIALS, END, *spec.added]
    common: dict[str, Any] = {"vocab_size": spec.vocabulary, "special_tokens": specials, "show_progress": False}
    if spec.kind == "wordpiece":
        return trainers.WordPieceTrainer(min_frequency=spec.least_count, **common)
    if spec.kind == "unigram":
        return trainers.UnigramTrainer(unk_token="[UNK]", max_piece_length=16, **common)
    alphabet = pre_tokenizers.ByteLevel.alphabet() if spec.kind == "byte_bpe" else []
    return trainers.BpeTrainer(min_frequency=spec.least_count, initial_alphabet=alphabet, **common)


def _finish(tokenizer: Tokenizer, spec: TokenizerSpec) -> None:
    start, end = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", start), ("[SEP]", end)],
    )
    if spec.kind == "byte_bpe":
        tokenizer.decoder = decoders.ByteLevel()
    elif spec.kind == "wordpiece":
        tokenizer.decoder = decoders.WordPiece()
    else:
        tokenizer.decoder = decoders.Metaspace()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in (*SPECIALS, END, *spec.added)])


def _config(spec: TokenizerSpec) -> dict[str, Any]:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": LONGEST,
        "model_input_names": ["input_ids", "token_type_ids", "attention_mask"],
        "clean_up_tokenization_spaces": False,
        "pad_token": "[PAD]",
        "unk_token": "[UNK]",
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
        "mask_token": "[MASK]",
        "eos_token": END,
        "extra_special_tokens": list(spec.added),
    }


def load(folder: Path) -> Tokenizer:
    """The tokenizer in a folder, ours or a base model's, without truncation and padding."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def unknown_id(tokenizer: Tokenizer) -> int | None:
    """The id that stands for what a tokenizer cannot spell; none for a byte-level one."""
    ids = (tokenizer.token_to_id(name) for name in ("[UNK]", "<unk>"))
    return next((token for token in ids if token is not None), None)


def sample(dataset: Path, characters: int = SAMPLE_CHARACTERS) -> list[str]:
    """Whole documents spread over the corpus (of the validation split when there is one), of about so many characters."""
    corpus = DatasetFolder.open(dataset)
    split = "validation" if corpus.count("validation") else "train"
    mean = max(corpus.info.statistics.get("characters", {}).get("mean", 1000), 1)
    stride = max(1, int(corpus.count(split) * mean / characters))
    found: list[str] = []
    taken = 0
    for number, row in enumerate(corpus.rows(split)):
        assert isinstance(row, CorpusRow)
        if number % stride == 0:
            found.append(row.text[:characters])
            taken += len(row.text)
        if taken >= characters:
            break
    return found


def judge(tokenizer: Tokenizer, texts: Iterable[str]) -> dict[str, Any]:
    """How a tokenizer fares on texts: `characters_a_token` (compression), `unknown_share` of the tokens, `coverage` (the share of
    the different characters that it can spell), `used` (how many of its tokens occur), `tokens`, `vocabulary`."""
    unknown = unknown_id(tokenizer)
    tokens = unknowns = characters = 0
    used: set[int] = set()
    signs: set[str] = set()
    for text in texts:
        encoding = tokenizer.encode(text, add_special_tokens=False)
        tokens += len(encoding.ids)
        unknowns += encoding.ids.count(unknown) if unknown is not None else 0
        characters += len(text) - sum(map(text.count, " \n"))
        used.update(encoding.ids)
        signs.update(text)
    signs = {sign for sign in signs if not sign.isspace()}
    spelled = sum(_can_spell(tokenizer, sign, unknown) for sign in signs)
    return {
        "tokens": tokens,
        "characters": characters,
        "characters_a_token": characters / max(tokens, 1),
        "unknown_share": unknowns / max(tokens, 1),
        "coverage": spelled / max(len(signs), 1),
        "used": len(used),
        "vocabulary": tokenizer.get_vocab_size(),
    }


def _can_spell(tokenizer: Tokenizer, sign: str, unknown: int | None) -> bool:
    ids = tokenizer.encode(sign, add_special_tokens=False).ids
    return unknown is None or unknown not in ids


def compare(dataset: Path, folders: Mapping[str, Path]) -> dict[str, dict[str, Any]]:
    """`judge` of each named folder's tokenizer on one sample of the corpus; those without tokenizer.json are left out."""
    texts = sample(dataset)
    return {
        name: judge(load(folder), texts) for name, folder in folders.items() if (folder / "tokenizer.json").is_file()
    }
