"""The properties of a collection: JSON values in its catalog, each with a checksum."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from mmrank.errors import InputError, MmrankError
from mmrank.index.records import EncoderIdentity
from mmrank.index.rows import shown

LONGEST = 4 << 20
"""Bytes of the JSON of one property."""
WIDEST = 1 << 20
"""Dimensions of a vector."""


@dataclass(frozen=True, slots=True)
class Properties:
    """What a collection says of itself.

    Attributes:
        version: counts the changes.
        encoder: what made the vectors.
        settings: how it was made.
        index: FAISS factory of large segments, or "auto".
        identity: random, made with the collection; None in collections made before there were identities.
    """

    version: int
    encoder: EncoderIdentity
    settings: Mapping[str, Any]
    index: str
    identity: str | None

    def written(self) -> dict[str, Any]:
        """By key, as they are kept."""
        return {**asdict(self), "encoder": asdict(self.encoder), "settings": dict(self.settings)}


def write_property(connection: sqlite3.Connection, key: str, value: Any) -> None:
    """Keep a JSON value, with a checksum.

    Raises:
        InputError: when it is too long, or has no JSON form.
    """
    try:
        text = json.dumps(value, sort_keys=True)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"the property {key!r} has no JSON form: {error}") from error
    if len(text) > LONGEST:
        raise InputError(f"the property {key!r} takes {len(text):,} bytes; at most {LONGEST:,} can be kept")
    connection.execute("INSERT OR REPLACE INTO properties VALUES (?, ?, ?)", (key, text, _crc(key, text)))


def read_property(connection: sqlite3.Connection, key: str) -> Any:
    """One property; None where there is none.

    Raises:
        MmrankError: when it does not match its checksum, or is no JSON.
    """
    row = connection.execute("SELECT value, crc FROM properties WHERE key = ?", (key,)).fetchone()
    return None if row is None else _read(key, *row)


def read_version(connection: sqlite3.Connection) -> int:
    """The version that a catalog stands at.

    Raises:
        MmrankError: when it cannot be read.
    """
    return _version(read_property(connection, "version"))


def read_properties(connection: sqlite3.Connection) -> Properties:
    """What a collection says of itself.

    Raises:
        MmrankError: when something is missing, does not match its checksum, or is not what mmrank writes.
    """
    keys = ("version", "encoder", "settings", "index", "identity")
    version, encoder, settings, index, identity = (read_property(connection, key) for key in keys)
    if not isinstance(settings, dict):
        raise _unusable("settings", settings)
    if not isinstance(index, str):
        raise _unusable("index", index)
    if identity is not None and not (isinstance(identity, str) and len(identity) <= 64):
        raise _unusable("identity", identity)
    return Properties(_version(version), encoder_from(encoder), settings, index, identity)


def _version(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**62:
        raise _unusable("version", value)
    return value


def encoder_from(value: Any) -> EncoderIdentity:
    """The identity of an encoder, of its JSON.

    Raises:
        MmrankError: when it is something else.
    """
    types = {"name": str, "revision": str, "dimension": int, "dtype": str, "pooling": str}
    types |= {"max_tokens": int, "max_pixels": int, "multi_vector": bool}
    if not isinstance(value, dict) or not {"name", "revision", "dimension"} <= value.keys() <= types.keys():
        raise _unusable("encoder", value)
    if any(type(held) is not types[key] for key, held in value.items()) or not 1 <= value["dimension"] <= WIDEST:
        raise _unusable("encoder", value)
    return EncoderIdentity(**value)


def _read(key: str, text: Any, crc: Any) -> Any:
    if type(text) is not str or len(text) > LONGEST or crc != _crc(key, text):
        raise MmrankError(f"the property {key!r} does not match its checksum")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MmrankError(f"the property {key!r} is no JSON ({error})") from error


def _unusable(key: str, value: Any) -> MmrankError:
    return MmrankError(f"the property {key!r} is {shown(value)}")


def _crc(key: str, text: str) -> int:
    return zlib.crc32(f"{key}={text}".encode())
