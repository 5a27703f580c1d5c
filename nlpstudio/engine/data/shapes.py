"""The JSON shapes of labelling tools and published data sets, each turned into plain roles.

What comes out of `unfold` is one dict a row: for classification {"text", "label", …}, for ner
{"tokens", "tags"} or {"text", "spans"}, for qa {"context", "question", "answers", "key"}, for generation
{"prompt", "response", "history"}.
`spans` are (start, end, label, mention or None); `answers` are (text, start or None).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Values = dict[str, Any]


class OddShape(ValueError):
    """A record is of a known shape but something in it is not as it must be."""


def unfold(task: str, record: Mapping[str, Any], roles: Mapping[str, str]) -> Iterator[Values]:
    """The rows inside one record. Raises `OddShape` when a part of a known shape has a wrong form."""
    if task == "qa":
        yield from _questions(record, roles)
    elif task == "generation" and is_nested(task, record):
        yield from _conversation(record)
    elif isinstance(record.get("data"), dict) and ("annotations" in record or "completions" in record):
        yield _label_studio(task, record)
    else:
        values = {role: record.get(key) for role, key in roles.items()}
        yield _spans_or_tags(record, values) if task == "ner" else values


def is_nested(task: str, record: Mapping[str, Any]) -> bool:
    """Whether the record's shape itself says where everything is, so that no columns need be chosen."""
    if task == "qa":
        return "paragraphs" in record or "qas" in record
    if task == "generation":
        return isinstance(record.get("messages", record.get("conversations")), list)
    return isinstance(record.get("data"), dict) and ("annotations" in record or "completions" in record)


def has_inclusive_ends(record: Mapping[str, Any]) -> bool:
    """Whether the record's spans name their mentions and count the last character in, as CLUENER does."""
    text, marks = record.get("text"), record.get("label")
    if not isinstance(text, str) or not isinstance(marks, Mapping):
        return False
    spans = [span for span in _by_type(marks) if isinstance(span[0], int) and isinstance(span[1], int)]
    return any(text[start : end + 1] == mention != text[start:end] for start, end, _, mention in spans)


def _label_studio(task: str, record: Mapping[str, Any]) -> Values:
    """Label Studio's export: one task with its annotations; the first that was not cancelled counts."""
    data = record["data"]
    texts = [value for value in data.values() if isinstance(value, str)]
    text = data.get("text", texts[0] if texts else None)
    done = [each for each in record.get("annotations") or record.get("completions") or [] if _is_done(each)]
    results = done[0].get("result", []) if done else []
    values = [
        result["value"] for result in results if isinstance(result, dict) and isinstance(result.get("value"), dict)
    ]
    if task == "classification":
        choices = [choice for value in values for choice in _list(value.get("choices"))]
        return {"text": text, "label": choices, "split": data.get("split")}
    marked = [value for value in values if "start" in value]
    spans = [
        (value.get("start"), value.get("end"), label, value.get("text"))
        for value in marked
        for label in _list(value.get("labels") or value.get("hypertextlabels"))
    ]
    return {"text": text, "spans": spans, "split": data.get("split")}


def _is_done(annotation: Any) -> bool:
    return isinstance(annotation, dict) and not annotation.get("was_cancelled") and not annotation.get("skipped")


def _spans_or_tags(record: Mapping[str, Any], values: Values) -> Values:
    """Tokens with tags stay; a text with spans (doccano, CLUENER, JSON-min) is recognised by its form."""
    tokens, tags = values.get("tokens"), values.get("tags")
    if not isinstance(tokens, str) or isinstance(tags, str):
        return values
    marks = next((record[key] for key in ("entities", "spans", "label", "labels") if record.get(key) is not None), tags)
    kept = {"text": tokens, "split": values.get("split")}
    if isinstance(marks, Mapping):
        return {**kept, "spans": list(_by_type(marks))}
    if isinstance(marks, list) and all(isinstance(mark, Mapping | list) for mark in marks):
        return {**kept, "spans": [span for mark in marks for span in _marks(mark)]}
    return values


def _marks(mark: Any) -> Iterator[tuple[Any, Any, Any, str | None]]:
    if isinstance(mark, list):
        if len(mark) < 3:
            raise OddShape("a span must be [start, end, label]")
        yield mark[0], mark[1], mark[2], None
        return
    start = _first(mark, "start", "start_offset", "start_idx", "begin")
    end = _first(mark, "end", "end_offset", "end_idx")
    label = _first(mark, "label", "type", "entity_group", "entity", "labels")
    for each in _list(label):
        yield start, end, each, _first(mark, "text", "word", "mention")


def _by_type(marks: Mapping[str, Any]) -> Iterator[tuple[Any, Any, Any, str | None]]:
    """CLUENER: {type: {mention: [[start, end], …]}}."""
    for label, mentions in marks.items():
        if not isinstance(mentions, Mapping):
            raise OddShape(f"the spans of {label!r} must be an object of mentions")
        for mention, places in mentions.items():
            for place in _list(places):
                if not isinstance(place, list) or len(place) != 2:
                    raise OddShape(f"the places of {mention!r} must be [start, end] pairs")
                yield place[0], place[1], label, mention


def _questions(record: Mapping[str, Any], roles: Mapping[str, str]) -> Iterator[Values]:
    if "paragraphs" in record:  # SQuAD, CMRC, DRCD: an article
        for paragraph in _list(record["paragraphs"]):
            if not isinstance(paragraph, Mapping):
                raise OddShape("a paragraph must be an object")
            yield from _questions(paragraph, roles)
    elif "qas" in record:  # one paragraph; CMRC 2018's own files call it context_text
        context = _first(record, "context", "context_text")
        for question in _list(record["qas"]):
            if not isinstance(question, Mapping):
                raise OddShape("a question must be an object")
            yield {
                "context": context,
                "question": _first(question, "question", "query_text"),
                "answers": _answers(question),
                "key": _first(question, "id", "query_id"),
            }
    else:
        yield _flat_question(record, roles)


_ROLES = {"system": "system", "user": "user", "human": "user", "assistant": "assistant", "gpt": "assistant"}


def _conversation(record: Mapping[str, Any]) -> Iterator[Values]:
    """Chat messages (OpenAI's and ShareGPT's shapes): one row for each answer, with what was said before it."""
    said: list[tuple[str, str]] = []
    for message in _list(record.get("messages", record.get("conversations"))):
        if not isinstance(message, Mapping):
            raise OddShape("a message must be an object with role and content")
        role = _ROLES.get(str(_first(message, "role", "from")))
        content = _first(message, "content", "value")
        if role is None or not isinstance(content, str):
            raise OddShape("a message must have a role (system, user or assistant) and a text as content")
        if role == "assistant":
            if not said or said[-1][0] != "user":
                raise OddShape("an answer must follow a message of the user")
            yield {"prompt": said[-1][1], "response": content, "history": said[:-1], "split": record.get("split")}
        said.append((role, content))


def _flat_question(record: Mapping[str, Any], roles: Mapping[str, str]) -> Values:
    values: Values = {role: record.get(key) for role, key in roles.items()}
    if isinstance(values.get("answer"), Mapping | list):
        values["answers"] = _answers({**record, "answers": values.pop("answer")})
    values["key"] = record.get("id", "")
    return values


def _answers(question: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    """(text, start) pairs; none when the question is marked as impossible."""
    if question.get("is_impossible") is True:
        return []
    answers = question.get("answers", [])
    if isinstance(answers, Mapping):  # {"text": […], "answer_start": […]}
        texts, starts = _list(answers.get("text")), _list(answers.get("answer_start"))
        if starts and len(starts) != len(texts):
            raise OddShape(f"there are {len(texts)} answers and {len(starts)} starts")
        return list(zip(texts, starts or [None] * len(texts), strict=True))
    found = []
    for answer in _list(answers):
        if isinstance(answer, Mapping):
            found.append((answer.get("text"), answer.get("answer_start")))
        else:
            found.append((answer, None))
    return found


def _first(record: Mapping[str, Any], *keys: str) -> Any:
    return next((record[key] for key in keys if key in record), None)


def _list(value: Any) -> list[Any]:
    return [] if value is None else list(value) if isinstance(value, list | tuple) else [value]
