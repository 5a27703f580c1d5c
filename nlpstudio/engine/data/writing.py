"""The checkers of texts to write: translations, summaries, and answers to prompts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nlpstudio.engine.data.checking import scalar, text_of
from nlpstudio.engine.data.options import ImportOptions
from nlpstudio.engine.data.problems import Problem
from nlpstudio.engine.data.rows import GenerationRow, Row, SummaryRow, TranslationRow


class TranslationChecker:
    """A text and its translation."""

    def __init__(self, options: ImportOptions) -> None:
        pass

    def check(self, values: Mapping[str, Any], line: int) -> tuple[Row, list[Problem]]:
        source, target = text_of(values, "source", line), text_of(values, "target", line)
        return TranslationRow(line=line, source=source.strip(), target=target.strip()), []


class SummaryChecker:
    """A text and its summary."""

    def __init__(self, options: ImportOptions) -> None:
        pass

    def check(self, values: Mapping[str, Any], line: int) -> tuple[Row, list[Problem]]:
        source, target = text_of(values, "source", line), text_of(values, "target", line)
        return SummaryRow(line=line, source=source.strip(), target=target.strip()), []


class GenerationChecker:
    """A text; with a prompt before it, and what was said before that, when the rows have one."""

    def __init__(self, options: ImportOptions) -> None:
        pass

    def check(self, values: Mapping[str, Any], line: int) -> tuple[Row, list[Problem]]:
        response = text_of(values, "response", line)
        prompt = text_of(values, "prompt", line) if scalar(values.get("prompt"), "prompt", line) else None
        history = tuple((role, content) for role, content in values.get("history", ()))
        return GenerationRow(line=line, prompt=prompt, response=response, history=history), []
