"""Settings of a collection, and the two profiles they come in."""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any, Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from mmrank.errors import InputError
from mmrank.setting_models import read_ocr, read_text, wrong_values

PROFILES: dict[str, dict[str, object]] = {
    "cpu": {"encoder": "minilm"},
    "gpu": {"encoder": "qwen3-vl-embedding-2b"},
}
"""What each profile changes from the defaults. "cpu" is the embedded one: everything it needs is on PyPI."""

EMBEDDED_WEIGHT = 0.3
"""Weight, relative to retrieval, of a reranker with embedded models, which were not trained on page rankings."""


class Settings(BaseSettings):
    """How a collection reads, encodes and searches. Environment variables `MMRANK_<NAME>` override defaults."""

    model_config = SettingsConfigDict(env_prefix="MMRANK_", extra="forbid", frozen=True)

    profile: Literal["cpu", "gpu"] = Field(
        default="cpu", description="set of defaults: cpu runs on any computer, gpu has a larger, multimodal encoder"
    )
    encoder: str = Field(
        default="minilm",
        description="what turns passages and questions into vectors: minilm and minilm-tokens come with mmrank; others"
        " are a known name, a folder, or a repository on the hub (owner/name)",
    )
    encoder_revision: str | None = Field(
        default=None, description="commit of the encoder's repository on the hub; none for the newest"
    )
    encoder_dimension: int = Field(
        default=0, ge=0, description="vectors are cut to this many numbers, for encoders trained for it; 0 for all"
    )
    encoder_max_tokens: int | None = Field(
        default=None,
        ge=16,
        description="longest passage that a vision-language encoder reads, in tokens; none for its own limit",
    )
    encoder_max_pixels: int | None = Field(
        default=None,
        ge=784,
        description="a vision-language encoder scales larger pictures down to this many pixels; none for its own limit",
    )
    query_adapter: str = Field(
        default="auto",
        description="a trained change of questions' vectors: a file that `mmrank train query_adapter` wrote, none, or"
        " auto for the one that comes with the embedded encoder",
    )
    device: str = Field(default="auto", description="where the encoder runs: auto, cpu, cuda, cuda:N or mps")
    dtype: str | None = Field(
        default=None,
        description="number format that the encoder computes in: float32, bfloat16 or float16; none for what the device"
        " is fastest in",
    )
    layout: Literal["fast", "model"] = Field(
        default="fast",
        description="how regions of a page (columns, tables, figures) are found: fast by geometry, model by a neural"
        " network (slower)",
    )
    ocr: str = Field(
        default="auto",
        description="recognise text: auto in scans, figures and where the file's own cannot be right, always on all"
        " pages, or never; `auto;always:3-5,9` names pages",
    )
    ocr_language: str = Field(
        default="default",
        description="what is recognised: default reads Chinese, Japanese and Latin letters; `mmrank doctor` lists what"
        " else is installed",
    )
    workers: int = Field(default=0, ge=0, description="processes that read files at the same time; 0 for one per core")
    passage_tokens: int = Field(
        default=160, ge=16, le=32_768, description="longest passage, counted in words and punctuation marks"
    )
    merge: Literal["mean", "length", "kmeans"] = Field(
        default="mean",
        description="how a document's vector is made of its passages': their mean, their mean weighted by length, or"
        " several centres of them",
    )
    merge_vectors: int = Field(default=4, ge=1, description="most vectors per document, for `merge=kmeans`")
    token_pooling: int = Field(
        default=1,
        ge=1,
        description="an encoder with one vector per token keeps about one in this many, each the mean of similar ones;"
        " 1 keeps all",
    )
    mapped: bool = Field(
        default=True,
        description="map the files of vectors and words into memory, which opens them at once; no reads them instead,"
        " for a network disk or a folder where others write: a file that is cut while it is mapped ends the program",
    )
    search_documents: int = Field(
        default=10,
        ge=1,
        description="documents whose pages are ranked; more finds pages in less likely documents, and takes longer",
    )
    search_passages: int = Field(
        default=50, ge=1, description="how many of the best passages are used to find documents"
    )
    reranker: str | None = Field(
        default=None,
        description="what ranks the first pages again, as family or family:model ([rerankers](rerankers.md)); none for"
        " retrieval alone",
    )
    rerank_weight: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="weight of the reranker beside retrieval, 1 to rank by it alone; none for"
        f" {EMBEDDED_WEIGHT} where it runs an embedded model and 1 where a model is named",
    )
    rerank_depth: int | None = Field(
        default=None,
        ge=1,
        description="pages that the reranker reads; none for 3 with `reader`, and 10 with the others",
    )
    rerank_passages: int = Field(
        default=2, ge=1, description="passages per page that the reranker reads, for `rerank_unit=passage`"
    )
    rerank_unit: Literal["passage", "page", "picture"] | None = Field(
        default=None,
        description="what the reranker reads of a page: its best passages one by one, the page as one text, or its"
        " picture; none for page with `reader`, and passage with the others",
    )
    rerank_confidence: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="the reranker is not asked where retrieval's confidence in its first page is at least this, which"
        " saves its time; 1 asks always; none for .7 with `reader`, and 1 with the others",
    )
    rerank_settings: dict[str, Any] = Field(
        default={}, description="settings of the reranker by name, see below; as JSON in the environment variable"
    )

    @field_validator("*", mode="before")
    @classmethod
    def _read_text(cls, value: Any, info: ValidationInfo) -> Any:
        return read_text(cls, str(info.field_name), value)

    @field_validator("ocr", mode="before")
    @classmethod
    def _read_ocr(cls, value: Any) -> str:
        return read_ocr(value)

    def content(self) -> dict[str, object]:
        """Settings that decide what a collection holds; they are kept with it."""
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
        "mapped",
        "search_documents",
        "search_passages",
        "reranker",
        "rerank_weight",
        "rerank_depth",
        "rerank_passages",
        "rerank_unit",
        "rerank_confidence",
        "rerank_settings",
    }
)
"""Settings of a machine or of a search: a collection may be opened with others than it was made with."""


def load_settings(profile: str = "cpu", **changes: object) -> Settings:
    """The settings of a profile. Environment variables override them, and `changes` override both.

    Raises:
        InputError: for an unknown profile, an unknown setting or a wrong value; names all of them.
    """
    if not isinstance(profile, str) or profile not in PROFILES:
        raise InputError(f"unknown profile {profile!r}; there are: {', '.join(PROFILES)}")
    environment = {name.upper() for name in os.environ}
    chosen = {name: value for name, value in PROFILES[profile].items() if f"MMRANK_{name.upper()}" not in environment}
    unknown = sorted(changes.keys() - Settings.model_fields.keys())
    known = {name: value for name, value in changes.items() if name not in unknown}
    faults = []
    try:
        settings = Settings(**{**chosen, "profile": profile, **known})  # type: ignore[arg-type]
    except ValidationError as error:
        faults += wrong_values(Settings, error)
    except SettingsError as error:
        faults.append(f"MMRANK_RERANK_SETTINGS is not JSON: {error}")
    if unknown:
        faults.append(
            f"there is no setting {', '.join(map(repr, unknown))}; there are: {', '.join(Settings.model_fields)}"
        )
    if faults:
        raise InputError("; ".join(faults))
    return settings
