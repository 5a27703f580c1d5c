"""Conversations as token ids, by the tokenizer's own chat template, and a plain template for one that has none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinja2.exceptions import TemplateError

from nlpstudio.engine.errors import UnsuitableInput

ROLES = ("system", "user", "assistant")
PLAIN = (
    "{% for message in messages %}"
    "{% if message['role'] == 'user' %}{{ 'User: ' + message['content'] + '\\n' }}"
    "{% elif message['role'] == 'assistant' %}{{ 'Assistant: ' + message['content'] + eos_token + '\\n' }}"
    "{% else %}{{ message['content'] + '\\n' }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)
"""For base models that never saw a conversation."""

Messages = Sequence[Mapping[str, str]]


def messages_of(history: Sequence[tuple[str, str]], prompt: str) -> list[dict[str, str]]:
    """A conversation that waits for its answer."""
    return [*({"role": role, "content": content} for role, content in history), {"role": "user", "content": prompt}]


def prompt_text(tokenizer: Any, messages: Messages) -> str:
    """The conversation up to where the answer begins. Raises `UnsuitableInput` when the template refuses it."""
    try:
        text = tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=True)
    except TemplateError as error:
        raise UnsuitableInput(f"the model's chat template refuses the messages: {error}") from error
    return str(text)


def ids_of(tokenizer: Any, text: str) -> list[int]:
    """The ids of a text that has its special tokens written out."""
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def answered(tokenizer: Any, messages: Messages, response: str) -> tuple[list[int], list[int]]:
    """(prompt, response) as ids. The response ends with the template's end of a turn, else with the end token."""
    before = prompt_text(tokenizer, messages)
    whole = str(tokenizer.apply_chat_template([*messages, {"role": "assistant", "content": response}], tokenize=False))
    said = whole[len(before) :] if whole.startswith(before) else response
    after = ids_of(tokenizer, said.rstrip("\n"))
    end = tokenizer.eos_token_id
    if end is not None and (not after or after[-1] != end):
        after.append(end)
    return ids_of(tokenizer, before), after
