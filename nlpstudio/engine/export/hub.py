"""A finished model to the Hugging Face Hub, and back again to see that it still predicts the same."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx2
from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError

from nlpstudio.engine import manifest
from nlpstudio.engine.errors import EngineError
from nlpstudio.engine.export import smoke
from nlpstudio.engine.inference.predictor import Predictor

TRIED = 3


class PushRefused(EngineError):
    """The Hub cannot be reached, or does not take the model with this token."""

    code = "push.refused"


def push(
    model: Path, repo: str, *, token: str, private: bool, say: Callable[[str], None] = lambda words: None
) -> dict[str, Any]:
    """Upload the folder as it stands to `repo` ("owner/name"), made if need be. Returns `{url, commit, tried}`.

    What was uploaded is downloaded again and asked by plain transformers. The token is used for these calls and kept
    nowhere. Raises `PushRefused`, and `AnswersDiffer` when the copy does not predict what the model does.
    """
    ours = Predictor.load(model)
    inputs = _inputs(ours, manifest.read(model).get("examples", []))
    api = HfApi(token=token)
    try:
        say("Making the repository")
        url = api.create_repo(repo, private=private, exist_ok=True)
        say("Uploading")
        done = api.upload_folder(repo_id=repo, folder_path=model, commit_message="Upload from NLP Studio")
        say("Downloading it again to compare")
        with tempfile.TemporaryDirectory() as folder:
            wanted = [name for name in manifest.read(model)["files"] if name != "README.md"]
            copy = snapshot_download(
                repo, revision=done.oid, token=token, allow_patterns=wanted, cache_dir=f"{folder}/cache"
            )
            _compare(model, Path(copy), ours.task.model_class, inputs)
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        words = {
            401: "The Hub does not know this token.",
            403: "This token may not write to that repository.",
            404: "The Hub knows no such owner, or hides it from this token.",
        }
        hint = "Make a token with the right to write on the Hub."
        raise PushRefused(words.get(status, f"The Hub answered {status or 'with an error'}."), hint=hint) from error
    except HFValidationError as error:
        raise PushRefused("The name of a repository is owner/name.") from error
    except (httpx2.HTTPError, ConnectionError, OSError) as error:
        raise PushRefused("The Hub cannot be reached.", hint="Check the network and HF_ENDPOINT.") from error
    return {"url": str(url), "commit": done.oid, "tried": len(inputs)}


def _inputs(ours: Predictor, examples: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    names = ours.task.input_names
    known = [{name: each[name] for name in names if name in each} for each in examples[:TRIED]]
    return known or [dict.fromkeys(names[: 2 if ours.task.name == "qa" else 1], "A short text.")]


def _compare(model: Path, copy: Path, model_class: Any, inputs: Sequence[Mapping[str, str]]) -> None:
    mine, theirs = (smoke.plain_logits(folder, model_class, inputs) for folder in (model, copy))
    if not smoke.same(mine, theirs):
        raise smoke.AnswersDiffer("what lies on the Hub does not predict what the model does")
