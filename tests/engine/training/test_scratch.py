"""Translation and summarisation from nothing: a tokenizer of the rows' own, random weights, a folder for plain transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, MarianMTModel

from nlpstudio.engine import manifest, tokenizing
from nlpstudio.engine.data.importing import import_file
from nlpstudio.engine.data.options import ImportOptions
from nlpstudio.engine.errors import InvalidSpec
from nlpstudio.engine.events import Event, Finished
from nlpstudio.engine.inference.predictor import Predictor
from nlpstudio.engine.job import Job
from nlpstudio.engine.spec import SCRATCH, TrainParams, TrainSpec
from nlpstudio.engine.tokenizing import TokenizerSpec
from nlpstudio.engine.training import scratch, session

WORDS = (("the film", "这部电影"), ("the Book", "这本书"), ("this meal", "这顿饭"), ("a room", "一个房间"))
ENDS = (("is good.", "很好。"), ("is bad!", "不好！"))
SHAPE = {"architecture": "custom", "layers": 1, "hidden_size": 64, "heads": 4, "vocabulary": 400}


def rows() -> list[tuple[str, str]]:
    return [(f"{subject} {end}", f"{word}{so}") for subject, word in WORDS for end, so in ENDS]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    splits = ["train"] * 4 + ["validation", "test"]  # what is learnt by heart is asked again
    lines = [
        "source\ttarget\tsplit",
        *(f"{source}\t{target}\t{split}" for split in splits for source, target in rows()),
    ]
    (folder / "data.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    import_file(folder / "data.tsv", folder / "dataset", ImportOptions(task="translation"))
    return folder / "dataset"


def job_in(folder: Path, dataset: Path, *, base: tuple[str, Path] | None = None, **params: Any) -> Job:
    chosen = TrainParams(
        **{"epochs": 120, "learning_rate": 3e-3, "batch_size": 16, "max_length": 32, "threads": 1, "hidden_dropout": 0.0,
           "early_stopping": 0, **SHAPE, **params}
    )  # fmt: skip
    name, path = base or (SCRATCH, folder / "work")
    spec = TrainSpec(task="translation", base_model=name, params=chosen)
    return Job(spec=spec, dataset=dataset, base_model=path, work=folder / "work", out=folder / "out", name="Pairs")


@pytest.fixture(scope="module")
def done(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Job, list[Event]]:
    torch.set_num_threads(1)
    job = job_in(tmp_path_factory.mktemp("done"), dataset, label_smoothing=0.1)
    return job, list(session.run(job))


def test_it_learns_to_translate_and_is_judged(done: tuple[Job, list[Event]]) -> None:
    last = done[1][-1]
    assert isinstance(last, Finished)
    assert last.metrics["test"]["bleu"] > 90 and last.metrics["test"]["chrf"] > 90


def test_plain_transformers_loads_it_and_writes_the_same(done: tuple[Job, list[Event]]) -> None:
    folder = done[0].out / "model"
    model, report = AutoModelForSeq2SeqLM.from_pretrained(folder, output_loading_info=True)
    assert isinstance(model, MarianMTModel) and not report["missing_keys"] and not report["unexpected_keys"]
    shared = model.get_input_embeddings().weight
    assert model.model.decoder.embed_tokens.weight is shared and model.get_output_embeddings().weight is shared
    tokenizer = AutoTokenizer.from_pretrained(folder)
    given = tokenizer("the Book is good.", return_tensors="pt")
    assert set(given) == {"input_ids", "attention_mask"}
    said = tokenizer.decode(model.generate(**given, num_beams=4, max_new_tokens=32)[0], skip_special_tokens=True)
    ours = Predictor.load(folder).predict("the Book is good.", {})
    assert said == "这本书很好。" == ours[0]["translation_text"]  # type: ignore[index]
    assert "trained from random weights" in (folder / "README.md").read_text()
    assert "base_model:" not in (folder / "README.md").read_text().split("---")[1]


def test_a_run_that_goes_on_keeps_its_tokenizer(dataset: Path, tmp_path: Path) -> None:
    first = scratch.begin(job_in(tmp_path, dataset))
    (first.base_model / "tokenizer.json").touch()
    before = (first.base_model / "tokenizer.json").stat().st_mtime_ns
    again = scratch.begin(job_in(tmp_path, dataset))
    assert again == first and (again.base_model / "tokenizer.json").stat().st_mtime_ns == before
    (first.base_model / manifest.NAME).unlink()  # killed half-way
    torn = scratch.begin(job_in(tmp_path, dataset))
    assert manifest.verify(torn.base_model)["from"] == SCRATCH


def test_it_knows_as_many_tokens_as_were_asked_for_and_gives_texts_back_as_they_were(
    dataset: Path, tmp_path: Path
) -> None:
    job = scratch.begin(job_in(tmp_path, dataset, vocabulary=350))
    tokenizer = AutoTokenizer.from_pretrained(job.base_model)
    assert len(tokenizer) <= 350
    for text in ("the Book  is GOOD, isn't it?", "这本书 很好！ＡＢＣ", "🙂 ünknown 𠮷"):
        ids = tokenizer(text)["input_ids"]
        assert ids[-1] == tokenizer.eos_token_id and tokenizer.decode(ids, skip_special_tokens=True) == text


def test_a_given_tokenizer_ends_texts_and_closes_chinese_up(dataset: Path, tmp_path: Path) -> None:
    given = tokenizing.trained(map(list, rows()), TokenizerSpec(vocabulary=400, least_count=1))
    tokenizing.write(given, {"tokenizer_class": "PreTrainedTokenizerFast"}, tmp_path / "given")
    job = scratch.begin(job_in(tmp_path, dataset, base=("given", tmp_path / "given")))
    tokenizer = AutoTokenizer.from_pretrained(job.base_model)
    ids = tokenizer("这本书 is good 很好")["input_ids"]
    assert tokenizer.convert_ids_to_tokens(ids)[-1] == "[EOS]" and tokenizer.cls_token_id not in ids
    assert tokenizer.decode(ids, skip_special_tokens=True) == "这本书 is good 很好"


def test_other_tasks_and_odd_shapes_are_refused_in_words(dataset: Path, tmp_path: Path) -> None:
    odd = TrainSpec(task="classification", base_model=SCRATCH)
    job = Job(spec=odd, dataset=dataset, base_model=tmp_path, work=tmp_path / "w", out=tmp_path / "o")
    with pytest.raises(InvalidSpec, match="cannot begin"):
        scratch.begin(job)
    with pytest.raises(InvalidSpec, match="5 heads"):
        list(session.run(job_in(tmp_path / "odd", dataset, heads=5)))
