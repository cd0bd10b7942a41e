"""Messages between a worker process and its parent, over pipes.

A message is one line of JSON (its header) followed by as many bytes as the header's "size" says.
"""

from __future__ import annotations

import json
import os
import selectors
import time
from typing import Any

from mmrank.errors import MmrankError

Message = tuple[dict[str, Any], bytes]

LARGEST = 1 << 30
"""No message is larger, in bytes."""
LONGEST_HEADER = 1 << 20


def send(descriptor: int, header: dict[str, Any], body: bytes = b"") -> None:
    """Write one message, whole."""
    left = memoryview(json.dumps({**header, "size": len(body)}).encode() + b"\n" + body)
    while left:
        left = left[os.write(descriptor, left) :]


class Inbox:
    """Messages that arrive at a file descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._held = bytearray()

    def receive(self, seconds: float | None = None) -> Message | None:
        """The next message; None at the end of the stream.

        Raises:
            TimeoutError: when none arrived within `seconds`.
            MmrankError: when something else than a message arrived.
        """
        end = None if seconds is None else time.monotonic() + seconds
        while b"\n" not in self._held:
            if len(self._held) > LONGEST_HEADER:
                raise MmrankError("a worker process sent something that is not a message")
            if not self._fill(end):
                return None
        line, _, rest = self._held.partition(b"\n")
        try:
            header: dict[str, Any] = json.loads(line)
            size = int(header["size"])
        except (ValueError, KeyError, TypeError) as error:
            raise MmrankError("a worker process sent something that is not a message") from error
        if not 0 <= size <= LARGEST:
            raise MmrankError(f"a worker process announced a message of {size} bytes")
        self._held = bytearray(rest)
        while len(self._held) < size:
            if not self._fill(end):
                return None
        body = bytes(self._held[:size])
        del self._held[:size]
        return header, body

    def _fill(self, end: float | None) -> bool:
        """Take in what has arrived; False at the end of the stream."""
        if end is not None:
            with selectors.DefaultSelector() as selector:
                selector.register(self._descriptor, selectors.EVENT_READ)
                while not selector.select(max(0.0, end - time.monotonic())):
                    if time.monotonic() >= end:
                        raise TimeoutError
        data = os.read(self._descriptor, 1 << 16)
        self._held += data
        return bool(data)
