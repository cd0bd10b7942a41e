"""From files to documents: opening in a sandbox, layout, tables, figures, OCR, sections, passages.

Importing this package loads neither PyMuPDF nor the recognition models.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmrank.ingest.draw import draw_page
    from mmrank.ingest.handles import resolve
    from mmrank.ingest.opening import FileError
    from mmrank.ingest.options import INGEST_VERSION, IngestOptions, Limits
    from mmrank.ingest.pipeline import Outcome, read_documents
    from mmrank.ingest.reading import read_document
    from mmrank.ingest.tables import table_rows

_HOMES = {
    "FileError": "opening",
    "INGEST_VERSION": "options",
    "IngestOptions": "options",
    "Limits": "options",
    "Outcome": "pipeline",
    "draw_page": "draw",
    "read_document": "reading",
    "read_documents": "pipeline",
    "resolve": "handles",
    "table_rows": "tables",
}

__all__ = [
    "INGEST_VERSION",
    "FileError",
    "IngestOptions",
    "Limits",
    "Outcome",
    "draw_page",
    "read_document",
    "read_documents",
    "resolve",
    "table_rows",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"mmrank.ingest.{_HOMES[name]}"), name)
