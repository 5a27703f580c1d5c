"""T5, BART and mBART through whole runs: the library's own loss, the chosen languages, the same texts in plain transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from nlpstudio.engine.conversion import local
from nlpstudio.engine.data.importing import import_file
from nlpstudio.engine.data.options import ImportOptions
from nlpstudio.engine.data.rows import TranslationRow
from nlpstudio.engine.encoders.writing import PairWriter
from nlpstudio.engine.errors import InvalidSpec
from nlpstudio.engine.events import Finished, Step
from nlpstudio.engine.inference.predictor import Predictor
from nlpstudio.engine.job import Job
from nlpstudio.engine.spec import TrainParams, TrainSpec
from nlpstudio.engine.tasks import TASKS, building
from nlpstudio.engine.tasks.base import Setup
from nlpstudio.engine.training import session
from tests.engine.cast import ROWS
from tests.tiny_writers import PAIR_FAMILIES

TOLD = {"source_language": "en_XX", "target_language": "zh_CN"}
PARAMS = TrainParams(epochs=3, batch_size=8, max_length=48, learning_rate=3e-3, threads=1)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    rows: list[Any] = ROWS["translation"](40)
    lines = ["source\ttarget", *(f"{row.source}\t{row.target}" for row in rows)]
    (folder / "data.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    import_file(folder / "data.tsv", folder / "dataset", ImportOptions(task="translation"))
    return folder / "dataset"


@pytest.fixture(scope="module", params=sorted(PAIR_FAMILIES))
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return PAIR_FAMILIES[request.param](tmp_path_factory.mktemp("base") / request.param)


def params_for(base: Path) -> TrainParams:
    told = TOLD if local.language_codes(base) else {}
    return TrainParams.from_json({**PARAMS.to_json(), **told})


def test_its_loss_is_the_librarys(base: Path) -> None:
    setup = Setup(labels=(), max_length=48, params=params_for(base))
    task: Any = TASKS["translation"]
    model, tokenizer = building.build(task, base, setup).eval(), building.load_tokenizer(base)
    task.begin(tokenizer, [], setup.params)
    examples = task.encode(ROWS["translation"](12), tokenizer, setup).examples
    writer = PairWriter(model, tokenizer)
    ids, mask = writer.padded([example.ids for example in examples])
    labels, real = writer.padded([example.targets for example in examples])
    with torch.no_grad():
        theirs = float(model(input_ids=ids, attention_mask=mask, labels=labels.masked_fill(real == 0, -100)).loss)
        ours = float(task.loss(writer.logits(examples).float(), examples, setup)) / task.weight(examples, setup)
    assert ours == pytest.approx(theirs, abs=1e-5)


def test_a_whole_run_ends_in_a_folder_that_writes_the_same_in_plain_transformers(
    base: Path, dataset: Path, tmp_path: Path
) -> None:
    spec = TrainSpec(task="translation", base_model="tiny", params=params_for(base))
    job = Job(spec=spec, dataset=dataset, base_model=base, work=tmp_path / "work", out=tmp_path / "out", name="Pairs")
    events = list(session.run(job, event_interval=0))
    losses = [event.loss for event in events if isinstance(event, Step)]
    assert isinstance(events[-1], Finished) and losses[-1] < losses[0] / 2
    folder = tmp_path / "out" / "model"
    model, report = AutoModelForSeq2SeqLM.from_pretrained(folder, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    written = model.generate(**tokenizer("good film", return_tensors="pt"), num_beams=4, max_new_tokens=48)[0].tolist()
    ours = Predictor.load(folder).predict("good film", {})
    assert tokenizer.decode(written, skip_special_tokens=True).strip() == ours[0]["translation_text"]  # type: ignore[index]
    if "mbart" in base.name:
        assert tokenizer.convert_tokens_to_ids("zh_CN") in written[:2]


def test_what_ends_a_text_and_marks_its_language_is_never_cut_off(base: Path) -> None:
    tokenizer, task = building.load_tokenizer(base), TASKS["translation"]
    long: Any = TranslationRow(source="good film " * 40, target="很好" * 40)
    task.begin(tokenizer, [long], params_for(base))  # type: ignore[attr-defined]
    whole = task.encode([long], tokenizer, Setup(labels=(), max_length=400)).examples[0]
    encoded = task.encode([long], tokenizer, Setup(labels=(), max_length=16))
    (example,) = encoded.examples
    assert encoded.truncated == 1 and len(example.ids) == len(example.targets) == 16  # type: ignore[attr-defined]
    tail = 2 if base.name == "mbart" else 1
    for cut, given in ((example.ids, whole.ids), (example.targets, whole.targets)):  # type: ignore[attr-defined]
        assert cut[-tail:].tolist() == given[-tail:].tolist()
        assert cut[:-tail].tolist() == given[: 16 - tail].tolist()
        assert given.tolist().count(tokenizer.eos_token_id) == 1


def test_a_language_that_the_tokenizer_does_not_mark_is_refused(tmp_path: Path) -> None:
    base = PAIR_FAMILIES["mbart"](tmp_path / "mbart")
    assert {"en_XX", "zh_CN"} <= set(local.language_codes(base))
    params = TrainParams(target_language="xx_YY")
    with pytest.raises(InvalidSpec, match="xx_YY"):
        TASKS["translation"].begin(building.load_tokenizer(base), [], params)  # type: ignore[attr-defined]
