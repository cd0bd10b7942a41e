"""A cache of finished documents, by content and options, so that an interrupted run continues where it stopped."""

from __future__ import annotations

import os
import zlib
from dataclasses import replace
from pathlib import Path

from mmrank import codec
from mmrank.errors import MmrankError
from mmrank.ingest.options import IngestOptions
from mmrank.types import Document, ImageRef, Part

OCR_VERSION = 1
"""Raised whenever the same picture would be recognised differently."""


class DocumentStore:
    """A directory of finished documents. Several processes may use it at once.

    Args:
        root: made when first written to.
        options: documents made with other options are not found.
    """

    def __init__(self, root: Path, options: IngestOptions) -> None:
        self.root = root
        self._folder = root / "documents" / options.fingerprint()

    @property
    def ocr_folder(self) -> Path:
        """Where recognised pictures are kept, whatever the options."""
        return self.root / f"ocr-{OCR_VERSION}"

    def get(self, digest: str, *, name: str, path: str) -> Document | None:
        """The finished document with this content hash under a (new) name and path, or None."""
        file = self._file(digest)
        try:
            document = codec.from_json(Document, zlib.decompress(file.read_bytes()))
        except FileNotFoundError:
            return None
        except (OSError, zlib.error, MmrankError):
            file.unlink(missing_ok=True)
            return None
        return moved(document, name=name, path=path)

    def put(self, document: Document) -> None:
        """Keep a document. The file is written whole or not at all."""
        file = self._file(document.id)
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f"{file.name}.{os.getpid()}.part")
        part.write_bytes(zlib.compress(codec.to_json(document), 3))
        part.replace(file)

    def _file(self, digest: str) -> Path:
        return self._folder / digest[:2] / f"{digest}.json.z"


def moved(document: Document, *, name: str, path: str) -> Document:
    """The same document at another path or under another name."""
    if (document.name, document.path) == (name, path):
        return document
    if document.path == path:
        return replace(document, name=name)
    passages = tuple(replace(p, parts=tuple(_moved(part, path) for part in p.parts)) for p in document.passages)
    return replace(document, name=name, path=path, passages=passages)


def _moved(part: Part, path: str) -> Part:
    return replace(part, image=ImageRef(path, part.image.page, part.image.box)) if part.image else part
