"""What every table of routes is tried with: a published model, a corpus and its tokenizer."""

from __future__ import annotations

from tests.corpora import corpus, corpus_folder, tokenizer_of

__all__ = ("corpus", "corpus_folder", "tokenizer_of")
