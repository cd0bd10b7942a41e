"""Settings of the service."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from mmrank.errors import InputError
from mmrank.setting_models import wrong_values

Names = Annotated[tuple[str, ...], NoDecode]
"""Several texts; in an environment variable with commas between them."""
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


class ServeSettings(BaseSettings):
    """How the service works. Environment variables `MMRANK_SERVE_<NAME>` override defaults."""

    model_config = SettingsConfigDict(env_prefix="MMRANK_SERVE_", extra="forbid", frozen=True)

    keys: Path | None = Field(
        default=None, description="file of keys (`mmrank keys`), of which each request must show one; none for no keys"
    )
    read_only: bool = Field(default=False, description="refuse everything that would change a collection")
    hosts: Names = Field(
        default=LOOPBACK,
        description="names that the service may be called by, without port; `*` for any. Others are refused, so that a"
        " web page cannot reach it by a name of its own",
    )
    origins: Names = Field(
        default=(), description="web pages of which addresses may call it from a browser (CORS), as https://host:port"
    )
    models: Names = Field(
        default=("smollm2",), description="language models that clients may name, as `load_chat_model` takes them"
    )
    rerankers: Names = Field(
        default=(), description="rerankers, as family:model, that clients may name beside those with embedded models"
    )
    searches: int = Field(default=0, ge=0, description="searches that run at the same time; 0 for one per core")
    waiting: int = Field(default=200, ge=1, description="requests that wait for their turn; more are told to come back")
    request_seconds: float = Field(default=60.0, ge=0.1, description="longest time that one answer may take")
    write_seconds: float = Field(
        default=10.0, ge=0, description="longest time that a change waits for another writer of the collection"
    )
    idle_seconds: float = Field(
        default=30.0, ge=0.1, description="longest time that a client may send nothing, or read nothing"
    )
    requests_per_minute: int = Field(
        default=0, ge=0, description="requests that one key, or one address without keys, may make; 0 for any number"
    )
    largest_body: int = Field(default=1 << 20, ge=1024, description="most bytes of a request other than an upload")
    largest_upload: int = Field(default=1 << 30, ge=1, description="most bytes of one uploaded file")
    most_files: int = Field(default=100, ge=1, description="most files of one upload")

    @field_validator("hosts", "origins", "models", "rerankers", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if value.lstrip().startswith("["):
            return json.loads(value)  # as other settings of several values are written
        return [part.strip() for part in value.split(",") if part.strip()]

    @property
    def search_threads(self) -> int:
        """Searches that run at the same time."""
        return self.searches or (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1)


def load_serve_settings(**changes: object) -> ServeSettings:
    """The settings of environment variables, with changes.

    Raises:
        InputError: for a wrong value; names all of them.
    """
    try:
        return ServeSettings(**changes)  # type: ignore[arg-type]
    except ValidationError as error:
        raise InputError("; ".join(wrong_values(ServeSettings, error))) from error
