"""The model card: a README with the Hub's metadata, written from a manifest's facts alone; without torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from nlpstudio.engine.spec import settings_in_use

TITLES: Mapping[str, str] = {
    "accuracy": "Accuracy", "macro_f1": "Macro F1", "micro_f1": "Micro F1", "weighted_f1": "Weighted F1",
    "macro_precision": "Macro precision", "macro_recall": "Macro recall", "precision": "Precision",
    "recall": "Recall", "f1": "F1", "exact_match": "Exact match", "loss": "Loss",
    "token_accuracy": "Token accuracy", "perplexity": "Perplexity", "log_likelihood": "Log-likelihood of a token",
    "majority_accuracy": "Always the commonest token", "pair_accuracy": "Accuracy of pairs", "pair_loss": "Loss of pairs",
    "bleu": "BLEU", "chrf": "chrF", "rouge1": "ROUGE-1", "rouge2": "ROUGE-2", "rougeL": "ROUGE-L",
}  # fmt: skip


def model_card(facts: Mapping[str, Any]) -> str:
    """The README.md of an artifact, from the facts that `engine.training.artifact` puts in its manifest."""
    return f"---\n{_metadata(facts)}---\n\n{_body(facts)}"


def _metadata(facts: Mapping[str, Any]) -> str:
    """The YAML head. Every scalar is written as JSON, which YAML reads and no text can break out of."""
    base = facts["base_model"]
    lines = ["library_name: transformers", f"pipeline_tag: {_scalar(facts['pipeline_tag'])}"]
    if base.get("licence"):
        lines.append(f"license: {_scalar(base['licence'].lower())}")
    if base.get("languages"):
        lines += ["language:", *(f"- {_scalar(language)}" for language in base["languages"])]
    if not base.get("untrained"):
        lines.append(f"base_model: {_scalar(base['id'])}")
    lines += ["tags:", f"- {_scalar(facts['pipeline_tag'])}", "- nlp-studio"]
    return "\n".join([*lines, *_model_index(facts)]) + "\n"


def _model_index(facts: Mapping[str, Any]) -> list[str]:
    if not facts["metrics"]:
        return []
    lines = ["model-index:", f"- name: {_scalar(facts['name'])}", "  results:"]
    for split, metrics in facts["metrics"].items():
        lines += [
            "  - task:",
            f"      type: {_scalar(facts['pipeline_tag'])}",
            "    dataset:",
            f"      name: {_scalar(facts['dataset']['fingerprint'][:12])}",
            f"      type: {_scalar('private')}",
            f"      split: {_scalar(split)}",
            "    metrics:",
        ]
        for name, value in metrics.items():
            lines += [f"    - type: {_scalar(name)}", f"      value: {_scalar(value)}"]
    return lines


def _scalar(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _body(facts: Mapping[str, Any]) -> str:
    parts = [
        f"# {_plain(facts['name'])}",
        f"A {facts['pipeline_tag']} model, {_origin(facts['base_model'])} with NLP Studio.",
        "## Scores",
        _scores(facts["metrics"]) or "No split was held out, so there is nothing to judge this model by.",
        "## Use",
        f"```python\n{_use(facts['pipeline_tag'])}\n```",
        "## Data",
        _data(facts),
        "## Training",
        _table(("setting", "value"), _settings(facts["task"], facts["spec"]["params"])),
        f"Seed {facts['seed']}. "
        + ", ".join(f"{name} {version}" for name, version in sorted(facts["versions"].items()))
        + ". `manifest.json` has the sha256 of each file and what is needed to train it again.",
        "## Limits",
        "It knows only what its training data shows. Scores on other kinds of text may be lower: judge it on your own "
        "rows before you rely on it.",
    ]
    return "\n\n".join(parts) + "\n"


def _origin(base: Mapping[str, Any]) -> str:
    return "trained from random weights" if base.get("untrained") else f"fine-tuned from {_plain(base['id'])}"


def _use(tag: str) -> str:
    """Transformers 5 has no pipeline for an encoder with a decoder."""
    if tag not in ("translation", "summarization"):
        return f'from transformers import pipeline\n\nmodel = pipeline("{tag}", model="path/to/this/folder")'
    return (
        "from transformers import AutoModelForSeq2SeqLM, AutoTokenizer\n\n"
        'folder = "path/to/this/folder"\n'
        "tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForSeq2SeqLM.from_pretrained(folder)\n"
        'written = model.generate(**tokenizer("A text.", return_tensors="pt"), num_beams=4)\n'
        "print(tokenizer.decode(written[0], skip_special_tokens=True))"
    )


def _scores(metrics: Mapping[str, Mapping[str, float]]) -> str:
    if not metrics:
        return ""
    names = list(dict.fromkeys(name for each in metrics.values() for name in each))
    rows = [
        (TITLES.get(name, name), *(f"{each[name]:.4f}" if name in each else "" for each in metrics.values()))
        for name in names
    ]
    return _table(("metric", *metrics), rows)


def _data(facts: Mapping[str, Any]) -> str:
    splits = ", ".join(f"{count} {split}" for split, count in facts["dataset"]["splits"].items())
    labels = ", ".join(_plain(label) for label in facts["labels"])
    lines = [f"Rows: {splits}. Fingerprint `{facts['dataset']['fingerprint']}`."]
    return " ".join([*lines, *([f"Labels: {labels}."] if labels else [])])


def _settings(task: str, params: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Those that mean something for the task, by name."""
    return [(name, params[name]) for name in sorted(settings_in_use(task, params) & params.keys())]


def _table(head: tuple[str, ...], rows: Any) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(_plain(str(cell)) for cell in row) + " |" for row in rows)])


def _plain(text: str) -> str:
    """Text that cannot become markup or break a table."""
    return "".join(f"\\{c}" if c in r"\`*_{}[]<>#|!" else c for c in text.replace("\n", " "))
