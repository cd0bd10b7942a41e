"""Adapters that come with mmrank: trained by the recipes of `train/`, each beside a card of the same name."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

LATE_INTERACTION = "late-interaction-minilm"
"""Which words of a question count, for MiniLM's token vectors, by `mmrank train token_weights`."""
QUERY_ADAPTER = "query-adapter-minilm"
"""Questions' vectors of the embedded encoder, tuned for documents, by `mmrank train query_adapter`."""
LISTWISE = "listwise-smollm2"
"""SmolLM2 as a reasoning reranker of passages, by `mmrank train mm_r5 --variant smollm2`."""


def shipped(name: str) -> Path:
    """The adapter's file, for `mmrank.adapters.read_adapter`."""
    return Path(str(files(__name__) / f"{name}.safetensors"))
