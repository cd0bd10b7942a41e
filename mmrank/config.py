"""Settings, and the two profiles they come in."""

from __future__ import annotations

import hashlib
import json
from typing import Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from mmrank.errors import InputError

PROFILES: dict[str, dict[str, object]] = {
    "cpu": {"encoder": "minilm"},
    "gpu": {"encoder": "qwen3-vl-embedding-2b"},
}
"""What each profile changes from the defaults. "cpu" is the embedded one: everything it needs is on PyPI."""


class Settings(BaseSettings):
    """How a collection reads, encodes and searches. Environment variables `MMRANK_<NAME>` override defaults."""

    model_config = SettingsConfigDict(env_prefix="MMRANK_", extra="forbid", frozen=True)

    profile: Literal["cpu", "gpu"] = "cpu"
    encoder: str = "minilm"
    device: str = Field(default="auto", description="auto, cpu, cuda, cuda:N or mps")
    layout: Literal["fast", "model"] = "fast"
    ocr: bool = True
    workers: int = Field(default=0, ge=0, description="parsing processes; 0 for one a core")
    passage_tokens: int = Field(
        default=160, ge=16, le=32_768, description="upper bound of a passage, in words and marks"
    )

    def fingerprint(self) -> str:
        """16 hex digits that change whenever a collection would hold something else."""
        kept = self.model_dump(mode="json", exclude={"profile", "device", "workers"})
        return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:16]


def load_settings(profile: str = "cpu", **changes: object) -> Settings:
    """The settings of a profile, with changes.

    Raises:
        InputError: for an unknown profile, an unknown setting or a value out of range; names all of them.
    """
    if profile not in PROFILES:
        raise InputError(f"unknown profile {profile!r}; there are: {', '.join(PROFILES)}")
    try:
        return Settings(**{**PROFILES[profile], "profile": profile, **changes})  # type: ignore[arg-type]
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise InputError(f"these settings do not work: {faults}") from error
