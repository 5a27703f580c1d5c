"""A damaged checkpoint is never resumed, whatever happened to which of its files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from nlpstudio.engine import manifest
from nlpstudio.engine.training import durable, loop
from nlpstudio.engine.training.checkpoint import MODEL, OPTIMIZER, RANDOM, STATE, Checkpoints
from tests.engine.cast import training


def remove(path: Path) -> None:
    path.unlink()


def truncate(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) - 2])  # the manifest's last byte is but a line end


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.fixture(scope="module")
def work(base_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("work")
    list(loop.train(training("classification", base_model, folder, save_each_step=True)))
    return folder


@pytest.fixture
def checkpoints(work: Path, tmp_path: Path) -> Checkpoints:
    for source in work.rglob("*"):
        if source.is_file():
            target = tmp_path / source.relative_to(work)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    return Checkpoints(tmp_path, job="a job")


@pytest.mark.parametrize("harm", [remove, truncate, flip])
@pytest.mark.parametrize("name", [MODEL, OPTIMIZER, RANDOM, STATE, manifest.NAME])
def test_the_one_before_is_taken_when_any_file_is_harmed(
    checkpoints: Checkpoints, name: str, harm: Callable[[Path], None]
) -> None:
    newest = checkpoints.latest()
    assert newest is not None
    harm(newest.folder / name)
    before = checkpoints.latest()
    assert before is None or before.progress.step < newest.progress.step


def test_a_checkpoint_whose_best_is_harmed_is_not_resumed(checkpoints: Checkpoints) -> None:
    newest = checkpoints.latest()
    assert newest is not None
    flip(checkpoints.root / f"step-{newest.progress.best_step:09d}" / MODEL)
    assert checkpoints.latest() is None or checkpoints.latest() != newest


def test_the_newest_two_and_the_best_are_kept(checkpoints: Checkpoints) -> None:
    newest = checkpoints.latest()
    assert newest is not None
    steps = {int(folder.name.removeprefix("step-")) for folder in checkpoints.root.glob("step-*")}
    assert steps == {8, 7, newest.progress.best_step}


def test_another_job_does_not_resume_it(checkpoints: Checkpoints) -> None:
    assert Checkpoints(checkpoints.root, job="another job").latest() is None


def test_nothing_but_the_finished_folder_is_ever_seen(tmp_path: Path) -> None:
    target = tmp_path / "model"
    with pytest.raises(KeyboardInterrupt), durable.whole_folder(target, {}) as draft:
        (draft / "half").write_text("written")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
    with durable.whole_folder(target, {"fact": 1}) as draft:
        (draft / "file").write_text("one")
        assert not target.exists()
    with durable.whole_folder(target, {"fact": 2}) as draft:
        (draft / "file").write_text("two")
    assert manifest.verify(target)["fact"] == 2
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert (target / "file").stat().st_mode & 0o777 == 0o644


def test_what_a_killed_process_left_is_swept(tmp_path: Path) -> None:
    (tmp_path / f"{durable.DRAFT}model-x1").mkdir()
    (tmp_path / "step-000000001").mkdir()
    durable.sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["step-000000001"]
