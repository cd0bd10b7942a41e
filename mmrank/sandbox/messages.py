"""Messages between processes, over pipes.

A message is one line of JSON (its header) followed by as many bytes as the header's "size" says.
"""

from __future__ import annotations

import json
import os
import selectors
import time
from typing import Any, NoReturn

from mmrank.errors import MmrankError

Message = tuple[dict[str, Any], bytes]

LARGEST = 1 << 30
"""No message is larger, in bytes."""
LONGEST_HEADER = 1 << 20


class NotAMessageError(MmrankError):
    """What arrived is not a message."""


def encoded(header: dict[str, Any], body: bytes = b"") -> bytes:
    """One message as bytes."""
    return json.dumps({**header, "size": len(body)}).encode() + b"\n" + body


def send(descriptor: int, header: dict[str, Any], body: bytes = b"", *, seconds: float | None = None) -> None:
    """Write one message, whole.

    Raises:
        TimeoutError: when it could not be written within `seconds`; the descriptor must not block then.
    """
    end = None if seconds is None else time.monotonic() + seconds
    left = memoryview(encoded(header, body))
    while left:
        if end is not None:
            _wait(descriptor, selectors.EVENT_WRITE, end)
        left = left[os.write(descriptor, left) :]


class Unpacker:
    """Takes in bytes, gives out messages."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._header: dict[str, Any] | None = None

    @property
    def holds(self) -> bool:
        """Whether part of a message has arrived that was not given out."""
        return bool(self._held or self._header)

    def feed(self, data: bytes) -> None:
        """Take in what arrived."""
        self._held += data

    def next(self) -> Message | None:
        """The next message; None until it has arrived whole.

        Raises:
            NotAMessageError: when something else arrived.
        """
        if self._header is None:
            end = self._held.find(b"\n")
            if max(end, len(self._held) if end < 0 else 0) > LONGEST_HEADER:
                raise NotAMessageError("sent something that is not a message")
            if end < 0:
                return None
            self._header = _header(bytes(self._held[:end]))
            del self._held[: end + 1]
        size = self._header["size"]
        if len(self._held) < size:
            return None
        message = self._header, bytes(memoryview(self._held)[:size])
        self._header = None
        del self._held[:size]
        return message


class Inbox:
    """Messages that arrive at a file descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._unpacker = Unpacker()

    def receive(self, seconds: float | None = None) -> Message | None:
        """The next message; None at the end of the stream.

        Raises:
            TimeoutError: when none arrived within `seconds`.
            NotAMessageError: when something else than a message arrived.
        """
        end = None if seconds is None else time.monotonic() + seconds
        while (message := self._unpacker.next()) is None:
            if end is not None:
                _wait(self._descriptor, selectors.EVENT_READ, end)
            data = os.read(self._descriptor, 1 << 20)
            if not data:
                return None
            self._unpacker.feed(data)
        return message


def _header(line: bytes) -> dict[str, Any]:
    try:
        header = json.loads(line, parse_constant=_refuse)
        size = header["size"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise NotAMessageError("sent something that is not a message") from error
    if not isinstance(header, dict) or type(size) is not int or not 0 <= size <= LARGEST:
        raise NotAMessageError(f"announced a message of {str(size)[:40]} bytes")
    return header


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")


def _wait(descriptor: int, event: int, end: float) -> None:
    """Wait until the descriptor is ready.

    Raises:
        TimeoutError: when it was not by `end`.
    """
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, event)
        while not selector.select(max(0.0, end - time.monotonic())):
            if time.monotonic() >= end:
                raise TimeoutError
