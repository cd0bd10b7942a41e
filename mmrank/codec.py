"""Documents to bytes and back: the one form in which they are cached and stored."""

from __future__ import annotations

from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from mmrank.errors import MmrankError
from mmrank.types import Document, Page, Passage

Value = TypeVar("Value", Document, Page, Passage)


@cache
def _adapters() -> dict[type[Any], TypeAdapter[Any]]:
    return {kind: TypeAdapter(kind) for kind in (Document, Page, Passage)}


def to_json(value: Document | Page | Passage) -> bytes:
    """UTF-8 JSON of a value."""
    return _adapters()[type(value)].dump_json(value, exclude_defaults=True)


def from_json(kind: type[Value], data: bytes) -> Value:
    """The value that `to_json` wrote.

    Raises:
        MmrankError: when the bytes are not such a value.
    """
    try:
        value: Value = _adapters()[kind].validate_json(data)
    except ValidationError as error:
        raise MmrankError(f"these bytes are not a stored {kind.__name__}: {error.errors()[0]['msg']}") from error
    return value
