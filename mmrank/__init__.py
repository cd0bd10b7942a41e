"""Finds the right page, and the right spot on it, in collections of PDFs.

Importing this package loads neither torch nor faiss nor pymupdf: they come in when they are used.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmrank.answer import Answer as Answer
    from mmrank.collection import Collection as Collection
    from mmrank.errors import InputError as InputError
    from mmrank.errors import MissingExtraError as MissingExtraError
    from mmrank.errors import MmrankError as MmrankError
    from mmrank.hits import Hits as Hits
    from mmrank.types import BBox as BBox
    from mmrank.types import Document as Document
    from mmrank.types import Hit as Hit
    from mmrank.types import Passage as Passage
    from mmrank.types import Query as Query

# Libraries read these when they are imported, here and in processes that are started from here.
for _name, _value in {
    "ORT_DISABLE_TELEMETRY": "1",  # ONNX Runtime would write a device id and a queue of events into the user's cache
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HAYSTACK_TELEMETRY_ENABLED": "False",
    "DO_NOT_TRACK": "1",
}.items():
    os.environ.setdefault(_name, _value)

__version__ = "0.1.0"

_HOMES = {
    "Answer": "answer",
    "Collection": "collection",
    **dict.fromkeys(("InputError", "MissingExtraError", "MmrankError"), "errors"),
    "Hits": "hits",
    **dict.fromkeys(("BBox", "Document", "Hit", "Passage", "Query"), "types"),
}

__all__ = [
    "Answer",
    "BBox",
    "Collection",
    "Document",
    "Hit",
    "Hits",
    "InputError",
    "MissingExtraError",
    "MmrankError",
    "Passage",
    "Query",
    "__version__",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'mmrank' has no attribute {name!r}")
    return getattr(import_module(f"mmrank.{_HOMES[name]}"), name)
