"""The encoders that work by name, and how each checkpoint must be called.

Instructions are our own words. The README says which of these were run with their real weights.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from mmrank.encoders.vision import VisionOptions

Kind = Literal["text", "text-tokens", "vision", "vision-tokens"]

FIND = "Find the passage of a document that answers the question."
REPRESENT = "Represent the passage of a document for retrieval."


@dataclass(frozen=True, slots=True)
class Convention:
    """A hub checkpoint and its calling convention. `remote_code`: it brings Python code of its own."""

    checkpoint: str
    kind: Kind
    vision: VisionOptions = field(default_factory=VisionOptions)
    remote_code: bool = False


LAST_TOKEN = VisionOptions(query_instruction=FIND, passage_instruction=REPRESENT, max_tokens=4096)
PATCHES = VisionOptions(generation_prompt=False, max_tokens=2048, max_pixels=768 * 28 * 28)

CONVENTIONS: dict[str, Convention] = {
    # One vector per passage: instruction as system turn, last token of the opened assistant turn.
    "qwen3-vl-embedding-2b": Convention(
        "Qwen/Qwen3-VL-Embedding-2B",
        "vision",
        VisionOptions(
            query_instruction=FIND, passage_instruction=REPRESENT, max_tokens=8192, max_pixels=1800 * 32 * 32
        ),
    ),
    "qwen3-vl-embedding-8b": Convention(
        "Qwen/Qwen3-VL-Embedding-8B",
        "vision",
        VisionOptions(
            query_instruction=FIND, passage_instruction=REPRESENT, max_tokens=8192, max_pixels=1800 * 32 * 32
        ),
    ),
    "gme-qwen2-vl-2b": Convention("Alibaba-NLP/gme-Qwen2-VL-2B-Instruct", "vision", LAST_TOKEN),
    "gme-qwen2-vl-7b": Convention("Alibaba-NLP/gme-Qwen2-VL-7B-Instruct", "vision", LAST_TOKEN),
    # Mean over all tokens; brings its own code.
    "jina-embeddings-v4": Convention(
        "jinaai/jina-embeddings-v4",
        "vision",
        VisionOptions(pooling="mean", generation_prompt=False, max_tokens=8192, max_pixels=768 * 28 * 28),
        remote_code=True,
    ),
    # One vector per token or patch, 128 numbers each, compared by MaxSim.
    "colqwen2": Convention("vidore/colqwen2-v1.0-hf", "vision-tokens", PATCHES),
    "colqwen2.5": Convention("vidore/colqwen2.5-v0.2", "vision-tokens", PATCHES),
    "colpali": Convention("vidore/colpali-v1.3-hf", "vision-tokens", PATCHES),
    "colsmol": Convention("vidore/colSmol-500M", "vision-tokens", PATCHES),
    # Text alone.
    "bge-m3": Convention("BAAI/bge-m3", "text"),
    "qwen3-embedding-0.6b": Convention("Qwen/Qwen3-Embedding-0.6B", "text"),
}
