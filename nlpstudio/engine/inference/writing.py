"""What a request to write may look like, and its text piece by piece."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nlpstudio.engine.encoders.writing import Writer
from nlpstudio.engine.errors import UnsuitableInput
from nlpstudio.engine.shapes import Parameters
from nlpstudio.engine.tasks import generation
from nlpstudio.engine.tasks.base import Setup
from nlpstudio.engine.writing import chat

ALIASES = {"developer": "system"}


def stream(writer: Writer, setup: Setup, inputs: Any, parameters: Parameters) -> Iterator[dict[str, Any]]:
    """The pieces of a text: {"text", "tokens"}, the last with "finish"; each has "prompt_tokens".

    `inputs` is a prompt as the model's data has them, {"prompt": a text to write on} or {"messages": a conversation}.
    Raises `UnsuitableInput` at once.
    """
    prompt = _prompt(writer, inputs)
    pieces = generation.TASK.stream(writer, prompt, generation.TASK.adapt(setup, parameters))

    def told() -> Iterator[dict[str, Any]]:
        try:
            for piece in pieces:
                told = {"text": piece.text, "tokens": piece.tokens, "prompt_tokens": len(prompt)}
                told |= {"token_id": piece.token_id, "log_probability": piece.log_probability}
                yield {**told, "finish": piece.finish} if piece.finish else told
        finally:
            pieces.close()  # type: ignore[attr-defined]  # a generator

    return told()


def _prompt(writer: Writer, inputs: Any) -> list[int]:
    if isinstance(inputs, Mapping) and set(inputs) == {"messages"}:
        messages = _messages(inputs["messages"])
        if writer.tokenizer.chat_template is None:
            raise UnsuitableInput(
                "this model was not trained to converse", hint="Give it a text to write on instead of messages."
            )
        return chat.ids_of(writer.tokenizer, chat.prompt_text(writer.tokenizer, messages))
    if isinstance(inputs, Mapping) and set(inputs) == {"prompt"} and isinstance(inputs["prompt"], str):
        return generation.opened(writer, inputs["prompt"])
    (row, *others) = generation.TASK.parse(inputs)
    if others:
        raise UnsuitableInput("one text at a time can be streamed")
    return generation.TASK.prompt_of(writer, row)


def _messages(given: Any) -> list[dict[str, str]]:
    if not isinstance(given, list) or not given:
        raise UnsuitableInput("messages must be a list of at least one message")
    return [_message(each) for each in given]


def _message(given: Any) -> dict[str, str]:
    """A role and a text; content in parts, as newer clients send it, is joined."""
    role = given.get("role") if isinstance(given, Mapping) else None
    content = given.get("content") if isinstance(given, Mapping) else None
    role = ALIASES.get(str(role), role)
    if isinstance(content, list):
        parts = [
            part.get("text") if isinstance(part, Mapping) and part.get("type") == "text" else None for part in content
        ]
        content = None if None in parts else "".join(map(str, parts))
    if role not in chat.ROLES or not isinstance(content, str):
        raise UnsuitableInput(
            "a message must have a role (system, user or assistant) and a text as content",
            hint="Pictures, sounds and tools are not understood.",
        )
    return {"role": str(role), "content": content}
