"""The tasks as everyone may know them: names, columns and scores, without torch.

`engine/tasks/` holds what each task does; this is what the pages, the API and the
readers need to know of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskInfo:
    """One task. `columns` are needed in each row, `optional` ones may be given.

    `aliases` maps header names people use to a column. `best_by` names the validation
    metric that chooses the best checkpoint (larger is better). `labelled` says whether
    rows carry labels from a closed set, `sampled` whether each evaluation shows what the model says of fixed texts,
    `writes` that its answer is a text of its own.
    """

    name: str
    columns: tuple[str, ...]
    optional: tuple[str, ...] = ()
    aliases: Mapping[str, str]
    best_by: str
    labelled: bool = True
    sampled: bool = False
    writes: bool = False


CLASSIFICATION = TaskInfo(
    name="classification",
    columns=("text", "label"),
    optional=("text_pair", "split"),
    aliases={
        "text": "text", "text_a": "text", "sentence": "text", "sentence1": "text", "review": "text", "content": "text",
        "premise": "text", "question1": "text", "文本": "text", "内容": "text", "评论": "text",
        "text_pair": "text_pair", "text_b": "text_pair", "sentence2": "text_pair", "hypothesis": "text_pair",
        "question2": "text_pair",
        "label": "label", "labels": "label", "class": "label", "category": "label", "target": "label",
        "intent": "label", "sentiment": "label", "标签": "label", "类别": "label",
        "split": "split", "划分": "split",
    },
    best_by="macro_f1",
)  # fmt: skip

NER = TaskInfo(
    name="ner",
    columns=("tokens", "tags"),
    optional=("split",),
    aliases={
        "tokens": "tokens", "token": "tokens", "words": "tokens", "word": "tokens", "text_a": "tokens", "text": "tokens",
        "tags": "tags", "tag": "tags", "ner_tags": "tags", "ner": "tags", "label": "tags", "labels": "tags",
        "split": "split", "划分": "split",
    },
    best_by="f1",
)  # fmt: skip

QA = TaskInfo(
    name="qa",
    columns=("context", "question", "answer"),
    optional=("answer_start", "split"),
    aliases={
        "context": "context", "passage": "context", "paragraph": "context", "文章": "context",
        "question": "question", "query": "question", "问题": "question",
        "answer": "answer", "answers": "answer", "答案": "answer",
        "answer_start": "answer_start", "start": "answer_start",
        "split": "split", "划分": "split",
    },
    best_by="f1",
    labelled=False,
)  # fmt: skip

PRETRAINING = TaskInfo(
    name="pretraining",
    columns=("text",),
    optional=("split",),
    aliases={
        "text": "text", "content": "text", "document": "text", "sentences": "text", "paragraphs": "text", "lines": "text",
        "文本": "text", "内容": "text", "正文": "text",
        "split": "split", "划分": "split",
    },
    best_by="log_likelihood",
    labelled=False,
    sampled=True,
)  # fmt: skip

_SPLIT = {"split": "split", "划分": "split"}
_SOURCE = {"source": "source", "src": "source", "source_text": "source", "input": "source", "原文": "source"}
_TARGET = {"target": "target", "tgt": "target", "target_text": "target", "output": "target"}

TRANSLATION = TaskInfo(
    name="translation",
    columns=("source", "target"),
    optional=("split",),
    aliases={**_SOURCE, **_TARGET, **_SPLIT, "translation": "target", "reference": "target", "译文": "target"},
    best_by="log_likelihood",
    labelled=False,
    writes=True,
)

SUMMARIZATION = TaskInfo(
    name="summarization",
    columns=("source", "target"),
    optional=("split",),
    aliases={
        **_SOURCE, **_TARGET, **_SPLIT,
        "text": "source", "document": "source", "article": "source", "dialogue": "source", "content": "source",
        "abstract": "source", "正文": "source",
        "summary": "target", "highlights": "target", "title": "target", "摘要": "target", "标题": "target",
    },
    best_by="log_likelihood",
    labelled=False,
    writes=True,
)  # fmt: skip

GENERATION = TaskInfo(
    name="generation",
    columns=("response",),
    optional=("prompt", "split"),
    aliases={
        "prompt": "prompt", "instruction": "prompt", "question": "prompt", "query": "prompt", "提示": "prompt",
        "问题": "prompt",
        "response": "response", "completion": "response", "answer": "response", "output": "response",
        "text": "response", "content": "response", "回答": "response", "答案": "response", "文本": "response",
        **_SPLIT,
    },
    best_by="log_likelihood",
    labelled=False,
    writes=True,
)  # fmt: skip

CATALOGUE: Mapping[str, TaskInfo] = {
    task.name: task for task in (CLASSIFICATION, NER, QA, PRETRAINING, TRANSLATION, SUMMARIZATION, GENERATION)
}
