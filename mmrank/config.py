"""Settings, and the two profiles they come in."""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any, Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from mmrank.errors import InputError

PROFILES: dict[str, dict[str, object]] = {
    "cpu": {"encoder": "minilm"},
    "gpu": {"encoder": "qwen3-vl-embedding-2b"},
}
"""What each profile changes from the defaults. "cpu" is the embedded one: everything it needs is on PyPI."""


EMBEDDED_WEIGHT = 0.3
"""Weight beside retrieval of a reranker with embedded models, which were not trained on page rankings."""


class Settings(BaseSettings):
    """How a collection reads, encodes and searches. Environment variables `MMRANK_<NAME>` override defaults."""

    model_config = SettingsConfigDict(env_prefix="MMRANK_", extra="forbid", frozen=True)

    profile: Literal["cpu", "gpu"] = "cpu"
    encoder: str = "minilm"
    encoder_revision: str | None = Field(default=None, description="commit of the encoder's repository on the hub")
    encoder_dimension: int = Field(default=0, ge=0, description="vectors are cut to so many numbers; 0 for all")
    encoder_max_tokens: int | None = Field(default=None, ge=16, description="limit of one passage")
    encoder_max_pixels: int | None = Field(default=None, ge=784, description="limit of one picture")
    query_adapter: str = Field(
        default="auto",
        description="what questions' vectors pass through: a file of `mmrank train query_adapter`, none, or auto for"
        " the one that comes with the embedded encoder",
    )
    device: str = Field(default="auto", description="auto, cpu, cuda, cuda:N or mps")
    dtype: str | None = Field(default=None, description="what the encoder computes in; none for the device's best")
    layout: Literal["fast", "model"] = "fast"
    ocr: bool = True
    workers: int = Field(default=0, ge=0, description="parsing processes; 0 for one a core")
    passage_tokens: int = Field(
        default=160, ge=16, le=32_768, description="upper bound of a passage, in words and marks"
    )
    merge: Literal["mean", "length", "kmeans"] = Field(
        default="mean",
        description="passage vectors into a document's: their mean, weighted by length, or some centres of them",
    )
    merge_vectors: int = Field(default=4, ge=1, description="most centres of a document, for kmeans")
    token_pooling: int = Field(default=1, ge=1, description="of so many token vectors about one is kept")
    search_documents: int = Field(
        default=10,
        ge=1,
        description="documents whose passages the first stage compares; the best passages of all others compete too",
    )
    search_passages: int = Field(
        default=50, ge=1, description="passages that the first stage finds; every page of their documents is ranked"
    )
    reranker: str | None = Field(default=None, description="as load_reranker takes it; none to rank by retrieval")
    rerank_weight: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="of the reranker beside retrieval, 1 to rank by it alone; none: EMBEDDED_WEIGHT for the embedded"
        " models, which were not trained to rank, and 1 for a model that is named",
    )
    rerank_depth: int = Field(default=10, ge=1, description="pages that the reranker sees")
    rerank_passages: int = Field(default=2, ge=1, description="passages of a page that it sees, where it sees passages")
    rerank_unit: Literal["passage", "picture"] = Field(default="passage", description="what it sees of a page")
    rerank_settings: dict[str, Any] = Field(default={}, description="of the reranker, as load_reranker takes them")

    def content(self) -> dict[str, object]:
        """What decides what a collection holds: kept with it."""
        return self.model_dump(mode="json", exclude=set(FREE))

    def fingerprint(self) -> str:
        """16 hex digits that change whenever a collection would hold something else."""
        kept = {name: value for name, value in self.content().items() if name != "profile"}
        return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:16]


FREE = frozenset(
    {
        "query_adapter",
        "device",
        "dtype",
        "workers",
        "search_documents",
        "search_passages",
        "reranker",
        "rerank_weight",
        "rerank_depth",
        "rerank_passages",
        "rerank_unit",
        "rerank_settings",
    }
)
"""Settings of a machine or of a search: a collection may be opened with others than it was made with."""


def load_settings(profile: str = "cpu", **changes: object) -> Settings:
    """The settings of a profile; environment variables go over them, and changes over both.

    Raises:
        InputError: for an unknown profile, an unknown setting or a value out of range; names all of them.
    """
    if profile not in PROFILES:
        raise InputError(f"unknown profile {profile!r}; there are: {', '.join(PROFILES)}")
    environment = {name.upper() for name in os.environ}
    chosen = {name: value for name, value in PROFILES[profile].items() if f"MMRANK_{name.upper()}" not in environment}
    try:
        return Settings(**{**chosen, "profile": profile, **changes})  # type: ignore[arg-type]
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise InputError(f"these settings do not work: {faults}") from error
