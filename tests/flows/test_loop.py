"""The loop over the API of a running studio: a file goes in, a model that answers and that anyone can load comes out."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch
from huggingface_hub import InferenceClient
from transformers import AutoModelForQuestionAnswering, AutoTokenizer, pipeline
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from nlpstudio.engine.catalogue import CATALOGUE
from tests.flows.program import PARAMS, PATIENCE_SECONDS, Program

TASKS = ("classification", "ner", "qa")


def bearer(program: Program) -> dict[str, str]:
    return {"Authorization": program.api.headers["Authorization"]}


def listen(program: Program, run: str, *, after: int = 0) -> list[dict[str, Any]]:
    """The events from the socket after `after`, to the one that ends the run."""
    address = f"{program.studio.address.replace('http', 'ws', 1)}/ws/runs/{run}/events/?after={after}"
    heard: list[dict[str, Any]] = []
    with connect(address, additional_headers=bearer(program)) as opened:
        while not heard or heard[-1]["kind"] not in ("finished", "failed"):
            heard.append(json.loads(opened.recv(timeout=PATIENCE_SECONDS)))
    return heard


def test_a_run_is_followed_over_the_socket_from_its_start_to_its_end_without_a_gap(program: Program) -> None:
    version = program.upload("classification")
    assert (
        version["rows"] == 160
        and version["problems"]["count"] == 0
        and set(version["labels"]) == {"positive", "negative"}
    )
    run = program.runs["classification"] = program.start(version["id"], **PARAMS)
    heard = listen(program, run)
    assert [event["seq"] for event in heard] == list(range(1, len(heard) + 1))
    kinds = [event["kind"] for event in heard]
    assert kinds[0] == "prepared" and kinds[-1] == "finished" and {"step", "evaluated", "saved"} < set(kinds)
    assert program.ended(run)["state"] == "finished"
    assert program.events(run) == heard
    assert listen(program, run, after=3) == heard[3:]


def test_the_socket_is_shut_to_a_wrong_token_and_to_another_origin(program: Program) -> None:
    run = program.finished("classification")["id"]
    address = f"{program.studio.address.replace('http', 'ws', 1)}/ws/runs/{run}/events/"
    with (
        connect(address, additional_headers={"Authorization": "Bearer nlps_wrong"}) as opened,
        pytest.raises(Exception) as shut,
    ):
        opened.recv(timeout=10)
    assert "4401" in str(shut.value)
    with (
        pytest.raises(InvalidStatus),
        connect(address, origin="http://elsewhere.example", additional_headers=bearer(program)),
    ):
        pass


@pytest.mark.parametrize("task", TASKS)
def test_a_finished_run_says_what_it_reached_and_where_its_model_is(program: Program, task: str) -> None:
    run = program.finished(task)
    assert run["progress"] == 1.0 and run["error"] is None and run["attempt"] == 1
    assert run["metrics"]["split"] == "test" and run["best"]["split"] == "validation"
    assert len(run["weights_sha256"]) == 64 and run["environment"]["device"] == "cpu"
    version = program.get(f"model-versions/{run['model_version']}")
    assert (
        version["run"] == run["id"] and version["weights_sha256"] == run["weights_sha256"] and version["task"] == task
    )
    report = program.get(f"model-versions/{run['model_version']}/evaluation")
    assert set(report["splits"]) >= {"validation", "test"}


def ask(program: Program, run: dict[str, Any]) -> InferenceClient:
    address = f"{program.studio.address}/api/v1/model-versions/{run['model_version']}/predict"
    return InferenceClient(
        model=address, token=program.api.headers["Authorization"].removeprefix("Bearer "), timeout=60
    )


def test_hugging_faces_client_gets_labels_from_the_classifier(program: Program) -> None:
    answer = ask(program, program.finished("classification")).text_classification("the film was good")
    assert {each.label for each in answer} == {"positive", "negative"}
    assert answer[0].label == "positive" and abs(sum(each.score for each in answer) - 1) < 1e-4


@pytest.mark.skipif("ner" not in CATALOGUE, reason="no such task")
def test_hugging_faces_client_gets_entities_at_their_places(program: Program) -> None:
    text = "anna lake lives in paris 🙂"
    found = ask(program, program.finished("ner")).token_classification(text)
    assert {each.entity_group for each in found} <= {"PER", "LOC"} and found
    assert all(text[each.start : each.end].lower() == each.word.lower() for each in found)


@pytest.mark.skipif("qa" not in CATALOGUE, reason="no such task")
def test_hugging_faces_client_gets_an_answer_from_the_text(program: Program) -> None:
    context = "anna 7 🙂 lives in paris and works at a lake."
    answer = ask(program, program.finished("qa")).question_answering(question="where is anna 7", context=context)
    assert context[answer.start : answer.end] == answer.answer and 0 <= answer.score <= 1


@pytest.mark.parametrize("task", TASKS)
def test_the_download_is_a_folder_that_plain_transformers_loads_and_that_predicts_the_same(
    program: Program, task: str, tmp_path: Path
) -> None:
    run = program.finished(task)
    answer = program.api.get(f"model-versions/{run['model_version']}/download").raise_for_status()
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        archive.extractall(tmp_path)
    (folder,) = [path.parent for path in tmp_path.rglob("model.safetensors") if path.parent.name != "onnx"]
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".bin", ".pkl", ".pt")]
    SAME[task](folder, ask(program, run))


def same_scores(folder: Path, client: InferenceClient) -> None:
    theirs = pipeline("text-classification", model=str(folder), top_k=None)(["这家酒店好"])[0]
    ours = {each.label: each.score for each in client.text_classification("这家酒店好")}
    assert ours == pytest.approx({each["label"]: each["score"] for each in theirs}, abs=1e-4)


def same_entities(folder: Path, client: InferenceClient) -> None:
    text = "anna lives in paris"
    theirs = pipeline("token-classification", model=str(folder), aggregation_strategy="simple")(text)
    ours = [(each.entity_group, each.start, each.end) for each in client.token_classification(text)]
    assert ours == [(each["entity_group"], each["start"], each["end"]) for each in theirs]


def same_answer(folder: Path, client: InferenceClient) -> None:
    """Transformers 5 has no pipeline for it: the span with the highest sum of its two logits is the answer."""
    question, context = "where is anna 7", "anna 7 🙂 lives in paris and works at a lake."
    tokenizer = AutoTokenizer.from_pretrained(folder)
    encoded = tokenizer(question, context, return_tensors="pt", return_offsets_mapping=True)
    places, of_context = encoded.pop("offset_mapping")[0].tolist(), encoded.sequence_ids(0)
    with torch.inference_mode():
        output = AutoModelForQuestionAnswering.from_pretrained(folder)(**encoded)
    inside = [index for index, sequence in enumerate(of_context) if sequence == 1]
    spans = [(first, last) for first in inside for last in inside if first <= last < first + 15]
    first, last = max(spans, key=lambda span: float(output.start_logits[0, span[0]] + output.end_logits[0, span[1]]))
    ours = client.question_answering(
        question=question, context=context, handle_impossible_answer=False, max_answer_len=15
    )
    assert (ours.start, ours.end) == (places[first][0], places[last][1])


SAME = {"classification": same_scores, "ner": same_entities, "qa": same_answer}


def test_an_unknown_token_opens_nothing(program: Program) -> None:
    answer = httpx.get(f"{program.studio.address}/api/v1/me", headers={"Authorization": "Bearer nlps_wrong"})
    assert answer.status_code == 401 and answer.json()["error"]["code"]
