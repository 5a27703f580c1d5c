"""What the table of permissions is tried on is there for every test of this folder: all of its fixtures, whoever adds one."""

from __future__ import annotations

from _pytest.fixtures import FixtureFunctionDefinition

from tests.architecture import test_permissions
from tests.corpora import corpus, corpus_folder, tokenizer_of

__all__ = ("corpus", "corpus_folder", "tokenizer_of")

globals().update(
    {name: each for name, each in vars(test_permissions).items() if isinstance(each, FixtureFunctionDefinition)}
)
