"""What a model with random weights that writes pairs begins with: its tokenizer, trained on the training rows or a given one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from tokenizers import Tokenizer

from nlpstudio.engine import manifest, tokenizing
from nlpstudio.engine.data.rows import PairRow
from nlpstudio.engine.data.store import DatasetFolder
from nlpstudio.engine.errors import DamagedArtifact, InvalidSpec
from nlpstudio.engine.job import Job
from nlpstudio.engine.spec import PAIRS, SCRATCH
from nlpstudio.engine.tasks import building
from nlpstudio.engine.tokenizing import TokenizerSpec
from nlpstudio.engine.training import durable

TOKENIZER = "tokenizer"
ROWS_AT_ONCE = 1000


def begin(job: Job) -> Job:
    """The same job on a tokenizer of its own in `work`, made on first use; any other job as it is.

    Raises `InvalidSpec` when the given tokenizer has no token for the end, and for a task that needs a base model.
    """
    own = job.spec.base_model == SCRATCH
    if own and job.spec.task not in PAIRS:
        raise InvalidSpec(f"{job.spec.task} cannot begin {SCRATCH}", hint="Choose a base model or a tokenizer.")
    if job.spec.task not in PAIRS or (building.has_weights(job.base_model) and not own):
        return job
    folder = job.work / TOKENIZER
    if not _is_sound(folder):
        with durable.whole_folder(folder, {"kind": "tokenizer", "from": job.spec.base_model}) as draft:
            tokenizing.write_for_pairs(_tokenizer(job), draft)
    return replace(job, base_model=folder)


def _tokenizer(job: Job) -> Tokenizer:
    """Bytes can spell everything and give it back as it was; a Chinese character is a word of its own."""
    if job.spec.base_model != SCRATCH:
        return tokenizing.load(job.base_model)
    spec = TokenizerSpec(kind="byte_bpe", vocabulary=job.spec.params.vocabulary, lowercase=False, normalisation="none")
    return tokenizing.trained(_texts(DatasetFolder.open(job.dataset)), spec)


def _texts(dataset: DatasetFolder) -> Iterator[Sequence[str]]:
    rows = dataset.rows("train")
    while some := list(islice(rows, ROWS_AT_ONCE)):
        yield [text for row in some if isinstance(row, PairRow) for text in (row.source, row.target)]


def _is_sound(folder: Path) -> bool:
    """A run that goes on has it already."""
    try:
        manifest.verify(folder)
    except DamagedArtifact:
        return False
    return True
