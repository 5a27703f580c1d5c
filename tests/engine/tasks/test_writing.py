"""Tasks that write: the same losses as transformers', only the answer is learnt, and texts come whole and piece by piece."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nlpstudio.engine.data.rows import GenerationRow, TranslationRow
from nlpstudio.engine.encoders.writing import CausalWriter, PairWriter, Writer
from nlpstudio.engine.errors import UnsuitableInput
from nlpstudio.engine.inference import writing as serving
from nlpstudio.engine.inference.predictor import Predictor, TorchForward
from nlpstudio.engine.metrics import writing as metrics
from nlpstudio.engine.spec import TrainParams
from nlpstudio.engine.tasks import TASKS, building, generation
from nlpstudio.engine.tasks.base import Setup
from nlpstudio.engine.writing import decoding
from nlpstudio.engine.writing.options import WritingOptions
from tests.engine.cast import ROWS, training
from tests.tiny_writers import base_model_for


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bases")


def loaded(task: str, bases: Path) -> tuple[Any, Any]:
    folder = base_model_for(task, bases)
    setup = Setup(labels=(), max_length=64)
    return building.build(TASKS[task], folder, setup).eval(), building.load_tokenizer(folder)


def writer_of(bases: Path) -> CausalWriter:
    model, tokenizer = loaded("generation", bases)
    return CausalWriter(model, tokenizer)


def our_loss(task: str, writer: Writer, examples: Any) -> float:
    setup = Setup(labels=(), max_length=64)
    total = TASKS[task].loss(writer.logits(examples).float(), examples, setup)  # type: ignore[attr-defined]
    return float(total) / TASKS[task].weight(examples, setup)


@pytest.mark.parametrize("prompted", [True, False])
def test_the_causal_loss_is_the_librarys(bases: Path, prompted: bool) -> None:
    model, tokenizer = loaded("generation", bases)
    rows = ROWS["generation"](12)
    if not prompted:
        rows = [GenerationRow(row_id=row.row_id, response=row.response) for row in rows]  # type: ignore[attr-defined]
    generation.TASK.begin(tokenizer, rows, TrainParams())  # type: ignore[arg-type]
    examples = generation.TASK.encode(rows, tokenizer, Setup(labels=(), max_length=64)).examples  # type: ignore[arg-type]
    writer = CausalWriter(model, tokenizer)
    ids, mask = writer.padded([example.ids for example in examples])
    labels = torch.full(ids.shape, -100)
    for at, example in enumerate(examples):
        labels[at, len(example.ids) - len(example.targets) : len(example.ids)] = ids[
            at, len(example.ids) - len(example.targets) : len(example.ids)
        ]
    with torch.no_grad():
        theirs = float(model(input_ids=ids, attention_mask=mask, labels=labels).loss)
        assert our_loss("generation", writer, examples) == pytest.approx(theirs, abs=1e-5)


def test_the_loss_of_pairs_is_the_librarys(bases: Path) -> None:
    model, tokenizer = loaded("translation", bases)
    examples = TASKS["translation"].encode(ROWS["translation"](12), tokenizer, Setup(labels=(), max_length=64)).examples
    writer = PairWriter(model, tokenizer)
    ids, mask = writer.padded([example.ids for example in examples])
    labels, real = writer.padded([example.targets for example in examples])
    with torch.no_grad():
        theirs = float(model(input_ids=ids, attention_mask=mask, labels=labels.masked_fill(real == 0, -100)).loss)
        assert our_loss("translation", writer, examples) == pytest.approx(theirs, abs=1e-5)


def test_only_the_response_and_its_end_are_targets(bases: Path) -> None:
    _, tokenizer = loaded("generation", bases)
    row = GenerationRow(
        prompt="who is anna ?", response="anna lives in paris", history=(("user", "it"), ("assistant", "we"))
    )
    generation.TASK.begin(tokenizer, [row], TrainParams())
    (example,) = generation.TASK.encode([row], tokenizer, Setup(labels=(), max_length=64)).examples
    assert tokenizer.decode(example.targets) == "anna lives in paris [SEP]"
    said = tokenizer.decode(example.ids[: -len(example.targets)])
    assert "who is anna?" in said and "we" in said


def test_a_long_text_is_cut_into_windows_in_which_each_token_is_predicted_once(bases: Path) -> None:
    _, tokenizer = loaded("generation", bases)
    row = GenerationRow(response="the film was good and we love it " * 12)
    examples = generation.TASK.encode([row], tokenizer, Setup(labels=(), max_length=16)).examples
    whole = generation._plain(tokenizer, row.response)
    assert np.concatenate([example.targets for example in examples]).tolist() == whole[1:]
    assert max(len(example) for example in examples) <= 16


def test_a_prompt_that_is_too_long_loses_its_beginning(bases: Path) -> None:
    _, tokenizer = loaded("generation", bases)
    row = GenerationRow(prompt="good " * 100, response="bad " * 5)
    generation.TASK.begin(tokenizer, [row], TrainParams())
    encoded = generation.TASK.encode([row], tokenizer, Setup(labels=(), max_length=32))
    assert encoded.truncated == 1 and len(encoded.examples[0]) == 32
    assert tokenizer.decode(encoded.examples[0].targets).startswith("bad bad")


def test_the_cache_writes_what_the_library_writes(bases: Path) -> None:
    writer = writer_of(bases)
    prompt = generation.opened(writer, "the film was")
    ours = [t.id for t in decoding.tokens(writer.model, prompt, WritingOptions(max_new_tokens=20), ends=frozenset())]
    theirs = writer.model.generate(torch.tensor([prompt]), max_new_tokens=20, do_sample=False, eos_token_id=None)
    assert ours == theirs[0, len(prompt) :].tolist()


def test_drawing_keeps_to_the_seed_and_to_what_top_k_and_top_p_leave() -> None:
    logits = torch.tensor([3.0, 2.9, -1.0, 0.0])
    random = torch.Generator().manual_seed(0)
    drawn = {
        decoding.choose(logits, WritingOptions(temperature=1.0, top_k=2), seen=(), random=random) for _ in range(200)
    }
    assert drawn == {0, 1}
    narrow = WritingOptions(temperature=5.0, top_p=0.01)
    assert {decoding.choose(logits, narrow, seen=(), random=random) for _ in range(50)} == {0}
    assert decoding.choose(logits, WritingOptions(repetition_penalty=2.0), seen=(0,), random=random) == 1


def test_a_stop_text_ends_the_answer_and_no_part_of_it_is_said(bases: Path) -> None:
    writer = writer_of(bases)
    words = ["good", "film", "the", "book", "lake"]
    ids = writer.tokenizer.convert_tokens_to_ids(words)
    said = (decoding.Token(id=token, log_probability=0.0) for token in ids)
    found = list(decoding.pieces(writer.tokenizer, said, WritingOptions(stop=("the book",)), ends=frozenset()))
    assert "".join(piece.text for piece in found) == "good film "
    assert found[-1].finish == "stop" and found[-1].tokens == 4


def test_half_characters_are_held_back() -> None:
    class Bytes:
        def decode(self, ids: list[int], **_options: Any) -> str:
            return bytes(ids).decode("utf-8", errors="replace")

    raw = "好 é!".encode()
    found = list(
        decoding.pieces(
            Bytes(), (decoding.Token(id=b, log_probability=0.0) for b in raw), WritingOptions(), ends=frozenset()
        )
    )
    assert [piece.text for piece in found if piece.text] == ["好", " ", "é", "!"]
    assert found[-1].finish == "length" and found[-1].tokens == len(raw)


def test_what_is_streamed_is_what_is_answered(bases: Path, tmp_path: Path) -> None:
    run = training("generation", base_model_for("generation", bases), tmp_path, epochs=1)
    tokenizer = run.encoder.tokenizer  # type: ignore[attr-defined]
    forward = TorchForward(run.model, run.encoder, run.hardware)
    predictor = Predictor(task=run.task, tokenizer=tokenizer, setup=run.setup, forward=forward)
    parameters = {"max_new_tokens": 12, "temperature": 0.8, "seed": 3}
    whole = predictor.predict("good film", parameters)
    pieces = list(predictor.stream("good film", parameters))
    assert "".join(piece["text"] for piece in pieces) == whole[0]["generated_text"]  # type: ignore[index]
    assert pieces[-1]["finish"] in ("stop", "length") and pieces[0]["prompt_tokens"] > 0
    chatted = predictor.stream({"messages": [{"role": "user", "content": "good film"}]}, parameters)
    assert "".join(piece["text"] for piece in chatted) == whole[0]["generated_text"]  # type: ignore[index]


@pytest.mark.parametrize(
    "inputs",
    [
        {"messages": []},
        {"messages": [{"role": "tool", "content": "x"}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
        "",
        ["a", "b"],
    ],
)
def test_odd_requests_are_refused_in_words(bases: Path, inputs: Any) -> None:
    writer = writer_of(bases)
    writer.tokenizer.chat_template = "{% for m in messages %}{{ m['content'] }}{% endfor %}"
    with pytest.raises(UnsuitableInput):
        serving.stream(writer, Setup(labels=(), max_length=64), inputs, {})


@pytest.mark.parametrize(
    "parameters", [{"temperature": -1}, {"top_p": 2}, {"max_new_tokens": 0}, {"stop": 3}, {"colour": 1}]
)
def test_odd_parameters_are_refused_in_words(parameters: dict[str, Any]) -> None:
    with pytest.raises(UnsuitableInput):
        WritingOptions.of(parameters, {}, most_tokens=100)


def test_pairs_are_written_by_beams_and_judged_beside_their_references(bases: Path, tmp_path: Path) -> None:
    run = training("translation", base_model_for("translation", bases), tmp_path, epochs=1, validated=False)
    task: Any = run.task
    written = task.write(run.encoder, ROWS["translation"](4), run.setup)
    assert len(written) == 4 and all(each.finish for each in written)
    answer = task.respond("x", [TranslationRow(source="x", target="")], written[:1], {}, run.setup)
    assert answer == [{"translation_text": written[0].text}]


def test_bleu_cuts_chinese_as_sacrebleu_does() -> None:
    found, signature = metrics.translation(["图书馆九点开门。"], ["图书馆九点开门。"])
    assert found["bleu"] == pytest.approx(100) and found["chrf"] == pytest.approx(100) and "tok:zh" in signature
    assert "tok:13a" in metrics.translation(["the cat"], ["the cat sat"])[1]


def test_rouge_counts_chinese_characters_and_english_words() -> None:
    found = metrics.summary(["图书馆开放时间"], ["图书馆的开放时间"])
    assert found["rouge1"] == pytest.approx(100 * 2 * 7 / (7 + 8))
    assert metrics.summary(["The Library opens"], ["the library opens"])["rougeL"] == pytest.approx(100)


def test_distinct_n_falls_when_a_model_repeats_itself() -> None:
    assert metrics.distinct(["a b c d"], 1) == 1.0
    assert metrics.distinct(["a a a a"], 2) == pytest.approx(1 / 3)


def test_an_encoder_that_never_wrote_is_refused(base_model: Path) -> None:
    from nlpstudio.engine.errors import BaseModelRefused

    with pytest.raises(BaseModelRefused, match="never trained to write"):
        building.build(TASKS["generation"], base_model, Setup(labels=(), max_length=64))


def test_adapters_on_a_decoder_train_and_merge(bases: Path, tmp_path: Path) -> None:
    from nlpstudio.engine.training import loop, lora

    run = training("generation", base_model_for("generation", bases), tmp_path, epochs=2, lora_rank=4)
    trained = {name for name, parameter in run.model.named_parameters() if parameter.requires_grad}
    assert trained and all(lora.MARK in name for name in trained)
    list(loop.train(run))
    run.checkpoints.restore_weights(run.progress.best_step, run.model)
    lora.merge(run.model)
    assert not any(lora.MARK in name for name in run.model.state_dict())
    assert TrainParams().lora_rank == 0
