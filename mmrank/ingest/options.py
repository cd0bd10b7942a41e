"""How files are read, and how much one file may cost."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from typing import Literal

from mmrank.errors import InputError
from mmrank.setting_models import read_ocr

INGEST_VERSION = 23
"""Raised whenever the same file would become a different document. Cached documents of other versions are not used."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may cost. A file that needs more is reported and left out."""

    seconds: float = 240.0
    """Wall clock and processor time for one page, and for opening a file."""
    file_seconds: float = 3600.0
    """Wall clock for one file, all its pages together; for long files 10 seconds per page, if that is more. The pages
    that are left then are not read."""
    lost_seconds: float = 600.0
    """Wall clock for pages of one file that killed or stopped their worker. After it, no more are tried."""
    turn_seconds: float = 10.0
    """Wall clock after which a file lets others be read, between two pages, and what was read of it is kept."""
    memory: int = 4 << 30
    """Address space of a worker process, in bytes."""
    pages: int = 20_000
    pixels: int = 400_000_000
    """Width × height of one picture in a file; larger ones are not decoded."""
    objects: int = 5_000_000
    """Objects in a file's cross-reference table."""
    decoded_bytes: int = 256 << 20
    """Size of one page's content once decompressed."""
    pages_per_task: int = 32
    """Longer files are read by several workers at once, this many pages each."""


@dataclass(frozen=True, slots=True)
class IngestOptions:
    """How files are read.

    Attributes:
        layout: "fast" finds regions by geometry alone, "model" asks the layout model of pymupdf_layout.
        ocr: "auto" recognises text in scans, raster figures and outlines, and where the file's own cannot be right;
            "always" recognises all pages and does not use the file's; "never" none. "auto;always:3-5,9" names pages,
            counted from 1. True is "auto", False "never".
        ocr_language: what is recognised: "default", or another language whose model is installed (`mmrank doctor`).
        passage_tokens: upper bound of a passage, in words and punctuation marks.
        limits: what one file may cost.
    """

    layout: Literal["fast", "model"] = "fast"
    ocr: str | bool = "auto"
    ocr_language: str = "default"
    passage_tokens: int = 160
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if self.layout not in {"fast", "model"}:
            raise InputError(f"unknown layout {self.layout!r}; there are: fast, model")
        try:
            object.__setattr__(self, "ocr", read_ocr(self.ocr))
        except ValueError as error:
            raise InputError(str(error)) from error
        if self.passage_tokens < 16:
            raise InputError(f"passage_tokens must be at least 16, got {self.passage_tokens}")

    def fingerprint(self) -> str:
        """16 hex digits that change whenever the same file would become a different document."""
        fields = asdict(self)
        limits = fields.pop("limits")
        fields["limits"] = {name: limits[name] for name in ("pages", "pixels", "objects", "decoded_bytes")}
        fields["version"] = INGEST_VERSION
        return hashlib.sha256(repr(sorted(fields.items())).encode()).hexdigest()[:16]
