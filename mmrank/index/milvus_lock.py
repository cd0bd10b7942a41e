"""The one writer of a collection in Milvus, over all machines: something that only one can make, and signs of life.

Milvus has no locks. But a Milvus collection of one name can be made once only (`MilvusServer.claim`). Whoever makes
`<name>_lock` writes; while it does, it changes the property "writer" every few seconds. A writer of which nothing was
heard for `LEASE` seconds, by the clock of the one who waits, is taken for dead, and the lock is taken from it; so is
one whose process is gone from this machine. A writer that comes back too late finds another's token in the property,
and changes nothing.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmrank.errors import MmrankError
from mmrank.index.milvus_server import HEIR, LOCK, READING, MilvusServer
from mmrank.index.records import StoreLockedError

LEASE = 20.0
"""Seconds without a sign of life after which a writer is taken for dead."""
BEAT = 3.0
"""Seconds between signs of life."""
POLL = 0.25


class Lease:
    """The right to write.

    Attributes:
        token: names this change; 16 hex digits.
        left: the token of a writer that died before it finished, whose rows may be there; "" for none.
    """

    def __init__(self, server: MilvusServer, token: str, left: str) -> None:
        self.token, self.left = token, left
        self._server = server
        self._heard = time.monotonic()
        self._ended = threading.Event()
        self._beats = 0
        self._beat()
        self._lost = False
        self._thread = threading.Thread(target=self._live, name="mmrank-writer", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Make sure that nobody else writes.

        Raises:
            MmrankError: when nothing was heard of this writer for so long that another may have begun.
        """
        if (
            self._lost
            or time.monotonic() - self._heard > LEASE / 2
            or _token(self._server.said("writer")) != self.token
        ):
            raise MmrankError(
                f"{self._server.uri} was out of reach for too long, and another writer may have begun; nothing was"
                " changed, run it again"
            )

    def end(self) -> None:
        """Let others write."""
        self._ended.set()
        self._thread.join()
        # Where nobody is there to tell, the lease runs out.
        with contextlib.suppress(MmrankError), self._server.patient(READING):
            if _token(self._server.said("writer")) == self.token:
                self._server.say(READING, writer="")
                self._server.release(LOCK)

    def _beat(self) -> None:
        self._beats += 1
        sent = time.monotonic()
        self._server.say(BEAT, writer=f"{self.token} {_process()} {self._beats}")
        self._heard = sent

    def _live(self) -> None:
        while not self._ended.wait(BEAT):
            with contextlib.suppress(MmrankError):
                if _token(self._server.said("writer")) != self.token:
                    self._lost = True
                    return
                self._beat()


@contextmanager
def writing(server: MilvusServer, wait: float) -> Iterator[Lease]:
    """Become the one writer, while the block lasts.

    Args:
        server: holds the collection.
        wait: seconds to wait for another writer to finish.

    Raises:
        StoreLockedError: when another writer is (still) at work.
    """
    end = time.monotonic() + wait
    seen, since = "", time.monotonic()
    token = secrets.token_hex(8)
    while not server.claim(LOCK, token):
        now = server.said("writer")
        if now != seen:
            seen, since = now, time.monotonic()
        if time.monotonic() - since > LEASE or _is_gone(now):
            _take(server, now, token)
        elif time.monotonic() > end:
            waited = f" (waited {wait:g} s)" if wait else ""
            raise StoreLockedError(
                f"another writer is at work on {server.name!r} at {server.uri}{waited}, or died in the last"
                f" {LEASE:g} s; try again, or wait for longer"
            )
        else:
            time.sleep(POLL)
    lease = Lease(server, token, _token(server.said("writer")))
    try:
        yield lease
    finally:
        lease.end()


def _take(server: MilvusServer, seen: str, token: str) -> None:
    """Take the lock from a dead writer. Of several who try, one does."""
    if not server.claim(HEIR, token):
        time.sleep(POLL)
        # An heir that died holds its name for no longer than a moment, unless it died in it.
        if _stuck(server, seen, token):
            server.release(HEIR)
        return
    try:
        if server.said("writer") == seen:
            server.release(LOCK)
    finally:
        server.release(HEIR)


def _stuck(server: MilvusServer, seen: str, token: str) -> bool:
    end = time.monotonic() + LEASE
    while time.monotonic() < end:
        if server.claim(HEIR, token):
            server.release(HEIR)
            return False
        if server.said("writer") != seen:
            return False
        time.sleep(POLL)
    return True


def _token(said: str) -> str:
    return said.partition(" ")[0]


def _process() -> str:
    return f"{_machine()}/{os.getpid()}"


def _is_gone(said: str) -> bool:
    """Whether a writer was a process of this machine and is none any more."""
    parts = said.split(" ")
    if len(parts) != 3 or not parts[1].startswith(f"{_machine()}/"):
        return False
    try:
        os.kill(int(parts[1].rpartition("/")[2]), 0)
    except ProcessLookupError:
        return True
    except (OSError, ValueError, OverflowError):
        return False
    return False


def _machine() -> str:
    """Names this machine until it is started again, and on it the container; "" where that is not known."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}-{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return secrets.token_hex(8)
