"""The same question as code: for a shell, for Python and for JavaScript."""

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
    """The same with huggingface_hub's client where it takes all of this, with plain HTTP where it does not."""
    is_bare = isinstance(inputs, str) and not (task == "classification" and parameters)
    if (task in ("classification", "pretraining") and not is_bare) or "perplexity" in parameters:
        return _plain_python(url, inputs, parameters)
    name = "prompt" if task == "generation" else "text"
    given = inputs if isinstance(inputs, dict) else {name: inputs}
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


def javascript(url: str, inputs: Any, parameters: dict[str, Any]) -> str:
    """The same in JavaScript that needs no package: Node 18 and newer, Deno, Bun."""
    body = {"inputs": inputs, **({"parameters": parameters} if parameters else {})}
    return "\n".join([
        f"const answer = await fetch({json.dumps(url)}, {{",
        '  method: "POST",',
        "  headers: {",
        "    Authorization: `Bearer ${process.env.STUDIO_TOKEN}`,",
        '    "Content-Type": "application/json",',
        "  },",
        f"  body: JSON.stringify({json.dumps(body, ensure_ascii=False)}),",
        "});",
        "console.log(await answer.json());",
    ])  # fmt: skip


def openai(base_url: str, model: str) -> str:
    """A conversation by OpenAI's client, streamed."""
    return "\n".join([
        "import os",
        "",
        "from openai import OpenAI",
        "",
        f'client = OpenAI(base_url={base_url!r}, api_key=os.environ["STUDIO_TOKEN"])',
        "stream = client.chat.completions.create(",
        f"    model={model!r},",
        '    messages=[{"role": "user", "content": "Hello!"}],',
        "    stream=True,",
        ")",
        "for chunk in stream:",
        '    print(chunk.choices[0].delta.content or "", end="", flush=True)',
    ])  # fmt: skip
