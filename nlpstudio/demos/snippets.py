"""The same question as code: for a shell and for Python."""

from __future__ import annotations

import json
import shlex
from typing import Any

from nlpstudio.demos.forms import DEMOS


def curl(url: str, inputs: Any, parameters: dict[str, Any]) -> str:
    """A command that asks the API; the token is read from the environment."""
    body = json.dumps({"inputs": inputs, **({"parameters": parameters} if parameters else {})}, ensure_ascii=False)
    return "\n".join([
        f"curl {shlex.quote(url)} \\",
        '  -H "Authorization: Bearer $STUDIO_TOKEN" \\',
        '  -H "Content-Type: application/json" \\',
        f"  -d {shlex.quote(body)}",
    ])  # fmt: skip


def python(url: str, task: str, inputs: Any, parameters: dict[str, Any]) -> str:
    """The same with huggingface_hub's client where it takes these inputs, with plain HTTP where it does not."""
    if (task in ("classification", "pretraining") and not isinstance(inputs, str)) or "perplexity" in parameters:
        return _plain_python(url, inputs, parameters)
    given = inputs if isinstance(inputs, dict) else {"text": inputs}
    arguments = [f"    {name}={value!r}," for name, value in {**given, **parameters}.items()]
    return "\n".join([
        "import os",
        "",
        "from huggingface_hub import InferenceClient",
        "",
        f'client = InferenceClient(model={url!r}, token=os.environ["STUDIO_TOKEN"])',
        f"answer = client.{DEMOS[task].client}(",
        *arguments,
        ")",
        "print(answer)",
    ])  # fmt: skip


def _plain_python(url: str, inputs: Any, parameters: dict[str, Any]) -> str:
    body = {"inputs": inputs, **({"parameters": parameters} if parameters else {})}
    return "\n".join([
        "import os",
        "",
        "import httpx",
        "",
        "answer = httpx.post(",
        f"    {url!r},",
        '    headers={"Authorization": "Bearer " + os.environ["STUDIO_TOKEN"]},',
        f"    json={body!r},",
        ")",
        "print(answer.json())",
    ])  # fmt: skip
