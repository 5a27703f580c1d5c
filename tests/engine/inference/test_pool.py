"""The pool loads on demand, batches what waits, bounds what it keeps, and lets no model harm another."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nlpstudio.engine import manifest
from nlpstudio.engine.errors import DamagedArtifact, UnsuitableInput
from nlpstudio.engine.inference.batcher import PART_MOST, QueueFull, TooLate
from nlpstudio.engine.inference.pool import OVERHEAD_BYTES, Pool, UnknownModel


class Echo:
    """A model that answers a text with its length, and counts how it was called."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.closed = False
        self.gate = threading.Event()
        self.gate.set()

    def predict(self, inputs: Any, parameters: dict[str, Any]) -> Any:
        self.calls.append(inputs)
        assert self.gate.wait(10)
        given = inputs if isinstance(inputs, list) else [inputs]
        if "bad" in given:
            raise UnsuitableInput("bad is not taken")
        if "bug" in given:
            raise ZeroDivisionError
        return [[{"label": text, "score": float(len(text))}] for text in given]

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("a", "b", "c"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(b"x" * 1000)
        manifest.write(folder, {"task": "classification"})
    return tmp_path


@pytest.fixture
def models() -> dict[str, Echo]:
    return {name: Echo() for name in ("a", "b", "c")}


MakePool = Callable[..., Pool]


@pytest.fixture
def make_pool(root: Path, models: dict[str, Echo]) -> MakePool:
    def make(*, held: int = 3, **options: Any) -> Pool:
        budget = held * (1000 + OVERHEAD_BYTES)
        return Pool(root, lambda folder, engine: models[folder.name], budget_bytes=budget, **options)

    return make


def ask(pool: Pool, name: str, text: Any, **parameters: Any) -> Any:
    return pool.submit(name, text, parameters, seconds=10).result(10)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_requests_that_wait_are_answered_together_and_each_gets_its_own(
    make_pool: MakePool, models: dict[str, Echo]
) -> None:
    pool, model = make_pool(), models["a"]
    model.gate.clear()
    first = pool.submit("a", "first", {}, seconds=10)
    until(lambda: model.calls == ["first"])
    others = [pool.submit("a", "x" * size, {}, seconds=10) for size in range(1, 6)]
    model.gate.set()
    assert first.result(10) == [[{"label": "first", "score": 5.0}]]
    assert [each.result(10) for each in others] == [[[{"label": "x" * n, "score": float(n)}]] for n in range(1, 6)]
    assert model.calls == ["first", ["x", "xx", "xxx", "xxxx", "xxxxx"]]


def test_other_parameters_and_lists_are_not_mixed(make_pool: MakePool, models: dict[str, Echo]) -> None:
    pool, model = make_pool(), models["a"]
    model.gate.clear()
    pool.submit("a", "first", {}, seconds=10)
    until(lambda: model.calls == ["first"])
    waiting = [
        pool.submit("a", inputs, parameters, seconds=10)
        for inputs, parameters in [("p", {}), ("q", {"top_k": 1}), (["r", "s"], {}), ("t", {})]
    ]
    model.gate.set()
    for each in waiting:
        each.result(10)
    assert model.calls[1:] == [["p", "t"], "q", ["r", "s"]]


def test_one_unsuitable_input_fails_alone(make_pool: MakePool, models: dict[str, Echo]) -> None:
    pool, model = make_pool(), models["a"]
    model.gate.clear()
    pool.submit("a", "first", {}, seconds=10)
    until(lambda: model.calls == ["first"])
    good, bad, fine = (pool.submit("a", text, {}, seconds=10) for text in ("good", "bad", "fine"))
    model.gate.set()
    assert good.result(10)[0][0]["label"] == "good" and fine.result(10)[0][0]["label"] == "fine"
    with pytest.raises(UnsuitableInput):
        bad.result(10)


def test_a_bug_in_one_model_leaves_it_and_the_others_alive(make_pool: MakePool) -> None:
    pool = make_pool()
    with pytest.raises(ZeroDivisionError):
        ask(pool, "a", "bug")
    assert ask(pool, "a", "still here") and ask(pool, "b", "me too")


def test_a_full_queue_refuses_and_says_when_to_come_back(make_pool: MakePool, models: dict[str, Echo]) -> None:
    pool, model = make_pool(waiting_most=3), models["a"]
    model.gate.clear()
    pool.submit("a", "first", {}, seconds=10)
    until(lambda: model.calls == ["first"])
    waiting = [pool.submit("a", "more", {}, seconds=10) for _ in range(3)]
    with pytest.raises(QueueFull) as refused:
        pool.submit("a", "too many", {}, seconds=10)
    assert refused.value.retry_after >= 1
    assert ask(pool, "b", "another model is not held up")
    model.gate.set()
    assert all(each.result(10) for each in waiting)


def test_a_request_whose_time_is_over_is_not_computed(make_pool: MakePool, models: dict[str, Echo]) -> None:
    pool, model = make_pool(), models["a"]
    model.gate.clear()
    pool.submit("a", "first", {}, seconds=10)
    until(lambda: model.calls == ["first"])
    late = pool.submit("a", "late", {}, seconds=0.01)
    time.sleep(0.05)
    model.gate.set()
    with pytest.raises(TooLate):
        late.result(10)
    assert model.calls == ["first"]


def test_the_least_recently_used_model_leaves_when_memory_is_short(make_pool: MakePool) -> None:
    pool = make_pool(held=2)
    for name in ("a", "b", "a", "c"):
        ask(pool, name, "hello")
    assert [each["model"] for each in pool.describe()] == ["a", "c"]
    assert ask(pool, "b", "back again")
    assert [each["model"] for each in pool.describe()] == ["c", "b"]


def test_a_model_larger_than_the_budget_is_loaded_alone(make_pool: MakePool) -> None:
    pool = make_pool(held=0)
    ask(pool, "a", "hello")
    ask(pool, "b", "hello")
    assert [each["model"] for each in pool.describe()] == ["b"]


def test_a_model_that_is_sent_away_answers_what_it_had_accepted(make_pool: MakePool, models: dict[str, Echo]) -> None:
    pool, model = make_pool(held=1), models["a"]
    model.gate.clear()
    accepted = pool.submit("a", "first", {}, seconds=10)
    until(lambda: model.calls == ["first"])
    behind = pool.submit("a", "second", {}, seconds=10)
    other = pool.submit("b", "other", {}, seconds=10)
    model.gate.set()
    assert accepted.result(10) and behind.result(10) and other.result(10)


def test_the_state_is_loading_until_the_model_is_there(root: Path) -> None:
    gate = threading.Event()

    def load(folder: Path, *, engine: str) -> Echo:
        assert gate.wait(10)
        return Echo()

    pool = Pool(root, load, budget_bytes=1 << 40)
    assert pool.warm("a") == "loading"
    coming = pool.submit("a", "asked early", {}, seconds=10)
    gate.set()
    assert coming.result(10)
    assert pool.warm("a") == "ready"
    assert pool.describe()[0]["requests"] == 1


def test_a_damaged_model_says_so_and_can_be_mended(root: Path) -> None:
    (root / "a" / "model.safetensors").write_bytes(b"changed")
    pool = Pool(root, lambda folder, engine: Echo(), budget_bytes=1 << 40)
    for _ in range(2):
        with pytest.raises(DamagedArtifact, match=r"model\.safetensors"):
            ask(pool, "a", "hello")
    (root / "a" / "model.safetensors").write_bytes(b"x" * 1000)
    assert ask(pool, "a", "hello")


@pytest.mark.parametrize("name", ["", "missing", "../a", "a/../../b", "/etc", "a/../a"])
def test_only_folders_below_the_root_are_models(make_pool: MakePool, root: Path, name: str) -> None:
    with pytest.raises(UnknownModel):
        make_pool().submit(name, "hello", {}, seconds=1)


def test_a_link_that_leads_outside_is_no_model(make_pool: MakePool, root: Path, tmp_path_factory: Any) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "manifest.json").write_text(json.dumps({"files": {}}))
    (root / "link").symlink_to(outside)
    with pytest.raises(UnknownModel):
        make_pool().submit("link", "hello", {}, seconds=1)


def test_a_bug_over_one_input_does_not_fail_those_asked_with_it(make_pool: MakePool, models: dict[str, Echo]) -> None:
    pool, model = make_pool(), models["a"]
    model.gate.clear()
    pool.submit("a", "first", {}, seconds=10)
    until(lambda: model.calls == ["first"])
    good, bug = (pool.submit("a", text, {}, seconds=10) for text in ("good", "bug"))
    model.gate.set()
    assert good.result(10)[0][0]["label"] == "good"
    with pytest.raises(ZeroDivisionError):
        bug.result(10)


def test_a_long_list_is_answered_in_parts_until_its_time_is_over(make_pool: MakePool, models: dict[str, Echo]) -> None:
    pool, model = make_pool(), models["a"]
    texts = [f"text {number}" for number in range(2 * PART_MOST + 1)]
    answers = pool.submit("a", texts, {}, seconds=10, in_parts=True).result(10)
    assert [each[0]["label"] for each in answers] == texts
    assert [len(call) for call in model.calls] == [PART_MOST, PART_MOST, 1]
    model.calls.clear()
    model.gate.clear()
    late = pool.submit("a", texts, {}, seconds=0.2, in_parts=True)
    until(lambda: len(model.calls) == 1)
    time.sleep(0.2)
    model.gate.set()
    with pytest.raises(TooLate):
        late.result(10)
    assert len(model.calls) == 1
    pool.submit("a", texts, {}, seconds=10).result(10)
    assert len(model.calls[-1]) == len(texts), "what compares the first text with the others is asked whole"
