"""Pages, passages and documents as the catalog keeps them: zlib-compressed JSON, unpacked within a bound."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterable
from dataclasses import replace

from mmrank import codec
from mmrank.errors import InputError, MmrankError
from mmrank.types import Document, Page, Passage

MOST_UNPACKED = 32 << 20
"""Bytes of JSON of one page, one passage, or one document without them."""
MOST_TOGETHER = 1 << 30
"""Bytes of JSON of a document with all its pages and passages."""


def pack(value: Document | Page | Passage, name: str) -> bytes:
    """The stored form of a page, a passage, or a document, whose own pages and passages are left out.

    Raises:
        InputError: when it cannot be stored: it holds no text, or more than can be read again.
    """
    try:
        data = codec.to_json(replace(value, pages=(), passages=()) if isinstance(value, Document) else value)
    except ValueError as error:
        raise InputError(f"{name}: its text cannot be stored: {error}") from error
    if len(data) > MOST_UNPACKED:
        what = type(value).__name__.lower()
        raise InputError(f"{name}: one {what} takes {len(data):,} bytes; at most {MOST_UNPACKED:,} can be stored")
    return zlib.compress(data)


def unpack(body: object, what: str, most: int = MOST_UNPACKED) -> bytes:
    """The JSON in a stored form.

    Raises:
        MmrankError: when it is damaged, or unpacks to more than mmrank stores.
    """
    if not isinstance(body, bytes):
        raise _damaged(what, "it is no bytes")
    decoder = zlib.decompressobj()
    try:
        data = decoder.decompress(body, most)
    except zlib.error as error:
        raise _damaged(what, error) from error
    if not decoder.eof:
        raise _damaged(what, f"it unpacks to more than {most:,} bytes" if len(data) >= most else "it is cut off")
    return data


def read_page(body: object, what: str) -> Page:
    """A page.

    Raises:
        MmrankError: when its stored form is damaged.
    """
    return _parsed(Page, unpack(body, what), what)


def read_passage(body: object, what: str) -> Passage:
    """A passage.

    Raises:
        MmrankError: when its stored form is damaged.
    """
    return _parsed(Passage, unpack(body, what), what)


def read_document(connection: sqlite3.Connection, number: int) -> Document:
    """A document by its number in the catalog.

    Raises:
        MmrankError: when its stored form is damaged.
    """
    what = f"document {number}"
    row = connection.execute("SELECT body FROM documents WHERE number = ?", (number,)).fetchone()
    if row is None:
        raise MmrankError(f"the catalog holds no document {number}; run `mmrank verify`")
    lists = []
    for table, column in (("pages", "page"), ("passages", "position")):
        rows = connection.execute(f"SELECT body FROM {table} WHERE document = ? ORDER BY {column}", (number,))
        lists.append(row[0] for row in rows)
    return document_of(row[0], lists[0], lists[1], what)


def document_of(head: object, pages: Iterable[object], passages: Iterable[object], what: str) -> Document:
    """A document, of its stored forms.

    Raises:
        MmrankError: when one is damaged.
    """
    head, left = unpack(head, what), MOST_TOGETHER
    lists = []
    for bodies in (pages, passages):
        whole, left = _joined(bodies, what, left)
        lists.append(whole)
    return _parsed(Document, b'{"pages":[%b],"passages":[%b],%b' % (*lists, _without_lists(head, what)), what)


def _joined(bodies: Iterable[object], what: str, left: int) -> tuple[bytes, int]:
    parts = []
    for body in bodies:
        parts.append(unpack(body, what, min(left, MOST_UNPACKED)))
        left -= len(parts[-1])
        if left <= 0:
            raise _damaged(what, f"it unpacks to more than {MOST_TOGETHER:,} bytes")
    return b",".join(parts), left


def _without_lists(head: bytes, what: str) -> bytes:
    """The JSON of a document stored without pages and passages, without its opening brace and those two keys."""
    try:
        fields = json.loads(head)
        fields.pop("pages", None)
        fields.pop("passages", None)
        return json.dumps(fields).encode()[1:]
    except (ValueError, AttributeError, RecursionError, TypeError) as error:
        raise _damaged(what, error) from error


def _parsed(kind: type[codec.Value], data: bytes, what: str) -> codec.Value:
    try:
        return codec.from_json(kind, data)
    except (MmrankError, RecursionError) as error:
        raise _damaged(what, error) from error


def _damaged(what: str, error: object) -> MmrankError:
    return MmrankError(f"the stored form of {what} is damaged ({error}); run `mmrank verify`")
