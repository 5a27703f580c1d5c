"""A fine-tune in memory for any task: rows that a tiny model learns by heart, and a training set up on them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from nlpstudio.engine import seeding
from nlpstudio.engine.catalogue import CATALOGUE
from nlpstudio.engine.data.rows import (
    ClassificationRow,
    CorpusRow,
    GenerationRow,
    PairRow,
    QARow,
    Row,
    SummaryRow,
    TaggedRow,
    TranslationRow,
)
from nlpstudio.engine.data.tokens import join_tokens
from nlpstudio.engine.hardware import Hardware
from nlpstudio.engine.spec import TrainParams
from nlpstudio.engine.tasks import TASKS, building
from nlpstudio.engine.tasks.base import Setup
from nlpstudio.engine.tasks.writing import as_writing
from nlpstudio.engine.training import loop, lora, optim
from nlpstudio.engine.training.checkpoint import Checkpoints
from nlpstudio.engine.training.evaluate import Split
from nlpstudio.engine.training.meter import Meter, SaveClock
from tests.tiny import sentiment_lines

CPU = Hardware(device=torch.device("cpu"), precision="fp32", threads=1)


def classification_rows(count: int = 16) -> list[Row]:
    return [
        ClassificationRow(row_id=index, line=index + 1, text=text, labels=(label,))
        for index, (text, label) in enumerate(sentiment_lines(count))
    ]


def tagged_rows(count: int = 16) -> list[Row]:
    """Sentences with persons and places, in English and in Chinese, one with a character that tokenizers drop."""
    frames = (
        "{PER} lives in {LOC} .",
        "who is {PER} ?",
        "{LOC} is nice \u200b and {PER} works at the {LOC} river",
        "{PER} 住 在 {LOC} ， 我 也 喜 欢 {LOC} 。",
    )
    names = {"PER": ("anna", "anna london", "tom b.", "李 一"), "LOC": ("paris", "the lake", "北 京", "上 海")}
    rows: list[Row] = []
    for index in range(count):
        tokens: list[str] = []
        tags: list[str] = []
        for word in frames[index % 4].split(" "):
            kind = word.strip("{}")
            found = names[kind][(index // 4 + len(tokens)) % 4].split() if kind in names else [word]
            tags += [f"{'BI'[at > 0]}-{kind}" if kind in names else "O" for at in range(len(found))]
            tokens += found
        text, offsets = join_tokens(tokens)
        rows.append(TaggedRow(row_id=index, line=index + 1, text=text, tokens=offsets, tags=tuple(tags)))
    return rows


def qa_rows(count: int = 16) -> list[Row]:
    """Questions on English and Chinese texts, longer than a window of 64 tokens; every fourth has no answer."""
    rows: list[Row] = []
    for index in range(count):
        who, where = ("anna", "we", "tom", "it")[index % 4], ("paris", "the lake", "london")[index % 3]
        if index % 2:
            context = f"我喜欢看书，也喜欢电影。{who}住在{where}。" + "这家酒店很好，服务不错！" * (index % 5)
            question = f"{who}住在哪里？" if index % 4 == 1 else "spam ? 电影 ?"
        else:
            context = "the film was very good . " * (index % 5) + f"{who} lives in {where} , and i love it ."
            question = f"where is {who} ?"
        answers = () if index % 4 == 3 else ((where, context.index(where)),)
        rows.append(QARow(row_id=index, line=index + 1, context=context, question=question, answers=answers))
    return rows


def corpus_rows(count: int = 16) -> list[Row]:
    """Documents of three sentences, in English and in Chinese by turns."""
    lines = (
        "the film was very good",
        "we love the book",
        "anna lives in paris",
        "我喜欢看电影",
        "这家酒店很好",
        "他住在北京",
    )
    return [
        CorpusRow(row_id=i, line=i, text="\n".join(lines[(i + k * (1 + i % 2)) % 6] for k in range(3)))
        for i in range(count)
    ]


TURNS = (
    ("good film", "很好"),
    ("bad meal", "很差"),
    ("who is anna ?", "anna lives in paris"),
    ("你 好", "hello we love it"),
)


def pair_rows(kind: type[PairRow]) -> Callable[[int], list[Row]]:
    def rows(count: int = 16) -> list[Row]:
        return [
            kind(row_id=at, line=at + 1, source=TURNS[at % 4][0] + " the" * (at // 4), target=TURNS[at % 4][1])
            for at in range(count)
        ]

    return rows


def generation_rows(count: int = 16) -> list[Row]:
    """Prompts with answers, and every fourth with something said before."""
    rows: list[Row] = []
    for at in range(count):
        prompt, response = TURNS[at % 4]
        history = (("user", "it was"), ("assistant", "fine")) if at % 4 == 3 else ()
        rows.append(
            GenerationRow(row_id=at, line=at + 1, prompt=prompt + " !" * (at // 4), response=response, history=history)
        )
    return rows


ROWS: Mapping[str, Callable[[int], list[Row]]] = {
    "classification": classification_rows,
    "ner": tagged_rows,
    "qa": qa_rows,
    "pretraining": corpus_rows,
    "translation": pair_rows(TranslationRow),
    "summarization": pair_rows(SummaryRow),
    "generation": generation_rows,
}
LABELS: Mapping[str, tuple[str, ...]] = {
    "classification": ("negative", "positive"),
    "ner": ("B-LOC", "B-PER", "I-PER", "O"),
    "qa": (),
    "pretraining": (),
    "translation": (),
    "summarization": (),
    "generation": (),
}


def training(
    task_name: str,
    base_model: Path,
    work: Path,
    *,
    rows: Sequence[Row] | None = None,
    labels: Sequence[str] | None = None,
    stop: Callable[[], bool] = lambda: False,
    validated: bool = True,
    save_each_step: bool = False,
    multilabel: bool = False,
    **params: Any,
) -> loop.Training:
    """A training of `task_name` on its rows, which are its validation split too."""
    task = TASKS[task_name]
    rows = ROWS[task_name](16) if rows is None else rows
    chosen = TrainParams(**{"epochs": 2, "batch_size": 4, "learning_rate": 1e-3, "max_length": 64, **params})
    tokenizer = building.load_tokenizer(base_model)
    writes = CATALOGUE[task_name].writes
    if writes:
        as_writing(task).begin(tokenizer, rows, chosen)
    outputs = task.outputs(labels or LABELS[task_name])
    setup = Setup(labels=outputs, max_length=chosen.max_length, multilabel=multilabel, params=chosen)
    examples = task.encode(rows, tokenizer, setup).examples
    seeding.seed_everything(chosen.seed)
    model = building.build(task, base_model, setup)
    lora.put_in(model, chosen)
    depth_of = optim.depths(model, None if writes else model.base_model_prefix)
    optim.freeze(model, depth_of, chosen, has_head=not writes)
    return loop.Training(
        task=task,
        model=model,
        encoder=building.encoder(task, model, tokenizer, seed=chosen.seed),
        optimizer=optim.adamw(model, depth_of, chosen),
        setup=setup,
        hardware=CPU,
        train=examples,
        validation=Split(name="validation", rows=rows, examples=examples) if validated else None,
        checkpoints=Checkpoints(work, job="a job"),
        stop=stop,
        meter=Meter(interval=0.0),
        clock=SaveClock(after=0.0, share=math.inf) if save_each_step else SaveClock(after=math.inf),
    )
