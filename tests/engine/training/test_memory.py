"""Memory that does not suffice makes a run slower, and ends it only when not even one example fits."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from nlpstudio.engine import hardware, memory
from nlpstudio.engine.data.importing import import_file
from nlpstudio.engine.data.options import ImportOptions
from nlpstudio.engine.encoders import Example, PackedEncoder
from nlpstudio.engine.errors import OutOfMemory
from nlpstudio.engine.events import Event, Finished, Prepared, Saved, Step, Warned
from nlpstudio.engine.job import Job
from nlpstudio.engine.spec import TrainParams, TrainSpec
from nlpstudio.engine.training import fit, loop, session
from tests.engine.cast import training
from tests.tiny import tiny_base_model, write_sentiment_tsv

Refusal = Callable[[int], bool]


@pytest.fixture
def job(base_model: Path, tmp_path: Path) -> Job:
    import_file(write_sentiment_tsv(tmp_path / "r.tsv", 40), tmp_path / "data", ImportOptions(task="classification"))
    params = TrainParams(epochs=2, learning_rate=1e-3, batch_size=8, threads=1)
    spec = TrainSpec(task="classification", base_model="tiny", params=params)
    return Job(
        spec=spec, dataset=tmp_path / "data", base_model=base_model, work=tmp_path / "work", out=tmp_path / "out"
    )


@pytest.fixture
def scarce(monkeypatch: pytest.MonkeyPatch) -> Callable[[Refusal], None]:
    """Give the encoder an allocator that refuses: it really asks for more than any machine has."""

    def install(refused: Refusal) -> None:
        real = PackedEncoder.logits

        def logits(encoder: PackedEncoder, examples: Sequence[Example]) -> Tensor:
            if encoder.model.training and torch.is_grad_enabled() and refused(sum(map(len, examples))):
                torch.empty(1 << 60, dtype=torch.uint8)
            return real(encoder, examples)

        monkeypatch.setattr(PackedEncoder, "logits", logits)

    return install


def test_a_run_that_meets_the_limit_halves_and_goes_on_from_its_checkpoint(
    job: Job, scarce: Callable[[Refusal], None]
) -> None:
    seen: list[Event] = []
    scarce(lambda tokens: any(isinstance(event, Saved) for event in seen) and tokens > 40)
    for event in session.run(job, event_interval=0):
        seen.append(event)
    warned = [event for event in seen if isinstance(event, Warned) and not event.code.endswith(".unlearnt")]
    assert {event.code for event in warned} == {"memory.halved"}
    assert 1 <= len(warned) <= fit.HALVINGS
    assert isinstance(seen[-1], Finished)
    (prepared,) = (event for event in seen if isinstance(event, Prepared))
    steps = [event.step for event in seen if isinstance(event, Step)]
    assert steps == list(range(1, prepared.steps + 1))  # none twice: the limit was met right after the checkpoint


def test_after_three_halvings_it_is_said_in_words(job: Job, scarce: Callable[[Refusal], None]) -> None:
    seen: list[Event] = []
    scarce(lambda tokens: any(isinstance(event, Prepared) for event in seen))
    with pytest.raises(OutOfMemory) as raised:
        for event in session.run(job, event_interval=0):
            seen.append(event)
    assert "micro_batch" in raised.value.hint
    assert [event.code for event in seen if isinstance(event, Warned)] == ["memory.halved"] * fit.HALVINGS


def test_what_fits_is_measured_and_changes_no_result(base_model: Path, tmp_path: Path) -> None:
    def losses(folder: str, measured: bool) -> list[float]:
        run = training("classification", base_model, tmp_path / folder, attention_dropout=0.1)
        if measured:
            assert fit.tokens_at_once(run, 1 << 40) == run.tokens_at_once
        return [event.loss for event in loop.train(run) if isinstance(event, Step)]

    assert losses("one", False) == losses("other", True)


def test_a_smaller_memory_takes_smaller_pieces_until_none_fits(base_model: Path, tmp_path: Path) -> None:
    run = training("classification", base_model, tmp_path, batch_size=16)
    needed, longest = fit.need(run), int(run.lengths.max())
    enough = int(needed.of(2 * longest) / fit.USABLE) + 1
    tokens = fit.tokens_at_once(run, enough)
    assert longest <= tokens <= 2 * longest
    run.progress = replace(run.progress, tokens_at_once=tokens)
    assert [type(event) for event in loop.train(run)].count(Step) == 2
    with pytest.raises(OutOfMemory, match="MB are free"):
        fit.tokens_at_once(run, needed.fixed)


def test_what_is_measured_grows_as_the_memory_does(base_model: Path, tmp_path: Path) -> None:
    small = fit.need(training("classification", base_model, tmp_path))
    with_scores = fit.need(training("classification", base_model, tmp_path, attention_dropout=0.1))
    frozen = fit.need(training("classification", base_model, tmp_path, freeze_layers=1))
    assert with_scores.each_token > small.each_token > frozen.each_token > 0
    assert small.fixed > frozen.fixed > 0


LIMITED = """
import json, resource, sys
import psutil
from pathlib import Path
from nlpstudio.engine import memory
from nlpstudio.engine.errors import OutOfMemory
from nlpstudio.engine.job import Job
from nlpstudio.engine.training import session

seen = []
try:
    for event in session.run(Job.read(Path(sys.argv[1])), event_interval=0):
        seen.append(getattr(event, "code", event.kind))
        if event.kind == "prepared":
            limit = psutil.Process().memory_info().vms + (40 << 20)
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
            assert 0 < memory.free_bytes() <= 40 << 20
except OutOfMemory as error:
    seen.append(error.code)
print(json.dumps(seen))
"""


def test_a_real_limit_of_the_process_ends_in_a_model_or_in_words(job: Job, tmp_path: Path) -> None:
    lines = [f"{'the film was very good and ' * 25}{index}\t{index % 2}\n" for index in range(60)]
    (tmp_path / "long.tsv").write_text("".join(lines))
    import_file(tmp_path / "long.tsv", tmp_path / "long", ImportOptions(task="classification"))
    large = tiny_base_model(tmp_path / "large", hidden_size=256, layers=4)
    spec = replace(job.spec, params=replace(job.spec.params, batch_size=16))
    replace(job, spec=spec, dataset=tmp_path / "long", base_model=large).write(tmp_path / "job.json")
    command = [sys.executable, "-c", LIMITED, str(tmp_path / "job.json")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen[0] == "prepared"
    assert "memory.halved" in seen
    assert seen[-1] in ("finished", OutOfMemory.code)


def test_the_control_group_is_asked_too(tmp_path: Path) -> None:
    assert memory.control_group(tmp_path) == []
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("700\n")
    (tmp_path / "memory.stat").write_text("anon 500\ninactive_file 200\n")
    assert memory.control_group(tmp_path) == [500]
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.control_group(tmp_path) == []
    assert 0 < hardware.choose(1, precision="fp32").free_bytes() <= memory.free_bytes() * 2


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:128] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("std::bad_alloc"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_which_errors_mean_that_memory_is_short(error: Exception, expected: bool) -> None:
    assert fit.is_out_of_memory(error) is expected
