"""Adapters are really trained, alone with the head, resume exactly, and leave a model that plain transformers loads."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification

from nlpstudio.engine import manifest
from nlpstudio.engine.data.importing import import_file
from nlpstudio.engine.data.options import ImportOptions
from nlpstudio.engine.encoders import PackedEncoder, PaddedEncoder, choose
from nlpstudio.engine.errors import InvalidSpec
from nlpstudio.engine.events import Finished, Saved
from nlpstudio.engine.job import Job
from nlpstudio.engine.spec import TrainParams, TrainSpec
from nlpstudio.engine.training import loop, lora, session
from nlpstudio.engine.training.checkpoint import MODEL, OPTIMIZER
from tests.engine.cast import training
from tests.tiny import write_sentiment_tsv

LORA = {"lora_rank": 4, "lora_alpha": 32, "learning_rate": 1e-2}


@pytest.mark.parametrize("task", ["classification", "ner", "qa"])
def test_both_forward_passes_go_through_the_adapters(base_model: Path, tmp_path: Path, task: str) -> None:
    run = training(task, base_model, tmp_path, **LORA)
    fresh = PaddedEncoder(run.model.eval()).logits(run.train)
    list(loop.train(run))
    run.model.eval()
    ours, theirs = PackedEncoder(run.model).logits(run.train), PaddedEncoder(run.model).logits(run.train)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)
    with torch.no_grad():
        for name, parameter in run.model.named_parameters():
            if "lora_B" in name:
                assert parameter.abs().sum() > 0, name
                parameter.zero_()
    assert (PackedEncoder(run.model).logits(run.train) - ours).abs().max() > 1e-4
    assert fresh.shape == ours.shape


def test_merged_weights_answer_as_the_adapters_did(base_model: Path, tmp_path: Path) -> None:
    run = training("classification", base_model, tmp_path, **LORA, lora_dropout=0.1)
    list(loop.train(run))
    run.model.eval()
    before = run.encoder.logits(run.train)
    lora.merge(run.model)
    assert not lora.is_in(run.model)
    torch.testing.assert_close(choose(run.model).logits(run.train), before, atol=1e-5, rtol=1e-5)


def test_checkpoints_hold_only_what_is_trained(base_model: Path, tmp_path: Path) -> None:
    run = training("classification", base_model, tmp_path, **LORA)
    list(loop.train(run))
    checkpoint = run.checkpoints.latest()
    assert checkpoint is not None
    trained = {name for name, parameter in run.model.named_parameters() if parameter.requires_grad}
    assert all("lora_" in name or name.startswith(("classifier", "bert.pooler")) for name in trained)
    assert set(load_file(checkpoint.folder / MODEL)) == trained
    assert {key.split("/", 1)[1] for key in load_file(checkpoint.folder / OPTIMIZER)} == trained


def test_the_artifact_is_a_plain_model_and_a_killed_run_ends_in_the_same_bytes(
    base_model: Path, tmp_path: Path
) -> None:
    import_file(write_sentiment_tsv(tmp_path / "r.tsv", 40), tmp_path / "data", ImportOptions(task="classification"))
    params = TrainParams(epochs=2, batch_size=8, threads=1, lora_dropout=0.1, **LORA)  # type: ignore[arg-type]  # numbers of two types

    def job(name: str) -> Job:
        spec = TrainSpec(task="classification", base_model="tiny", params=params)
        folder = tmp_path / name
        return Job(
            spec=spec, dataset=tmp_path / "data", base_model=base_model, work=folder / "work", out=folder / "out"
        )

    *_, whole = session.run(job("whole"))
    events = session.run(job("killed"), event_interval=0, save_after=0)
    next(event for event in events if isinstance(event, Saved))
    events.close()
    *_, resumed = session.run(job("killed"))
    assert isinstance(whole, Finished) and isinstance(resumed, Finished)
    assert whole.weights_sha256 == resumed.weights_sha256
    folder = tmp_path / "whole" / "out" / "model"
    assert not [name for name in manifest.verify(folder)["files"] if "adapter" in name]
    model, report = AutoModelForSequenceClassification.from_pretrained(folder, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"]
    base = load_file(base_model / MODEL)
    query = "encoder.layer.0.attention.self.query.weight"
    assert not torch.equal(model.bert.get_parameter(query), base[query])
    key = "encoder.layer.0.attention.self.key.weight"
    assert torch.equal(model.bert.get_parameter(key), base[key])


def test_an_architecture_without_known_layers_is_refused(base_model: Path, tmp_path: Path) -> None:
    run = training("classification", base_model, tmp_path)
    run.model.config.model_type = "mpnet"
    with pytest.raises(InvalidSpec, match="mpnet"):
        lora.put_in(run.model, TrainParams(lora_rank=4))
