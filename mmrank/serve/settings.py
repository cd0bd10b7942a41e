"""Settings of the service."""

from __future__ import annotations

import os

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ServeSettings(BaseSettings):
    """How the service works. Environment variables `MMRANK_SERVE_<NAME>` override defaults."""

    model_config = SettingsConfigDict(env_prefix="MMRANK_SERVE_", extra="forbid", frozen=True)

    read_only: bool = Field(default=False, description="refuse everything that would change a collection")
    searches: int = Field(default=0, ge=0, description="searches that run at the same time; 0 for one per core")
    largest_k: int = Field(default=100, ge=1, le=10_000, description="most pages that one search may ask for")

    @property
    def search_threads(self) -> int:
        """Searches that run at the same time."""
        return self.searches or (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1)
