"""A collection beyond one machine: its documents are in Milvus, and each machine keeps a replica of what is small.

Vectors of passages, pages, passages, what was prepared of them and token vectors are in Milvus, once. Records of the
documents, their own vectors and the words are there too, and each machine that asks keeps a copy in its folder, which
follows the changes: so filters, words and documents are ranked here, exactly as in a `Store`, by the same code.

A change is written row by row and becomes whole by one row that lists it, so that it is seen whole or not at all. One
writer is at work at a time, over all machines. Milvus keeps rows of removed documents for five minutes, so that a
search that began before finds them.
"""

from __future__ import annotations

import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from mmrank.errors import InputError, MmrankError
from mmrank.index.catalog import CatalogConnection
from mmrank.index.creation import check_vacant, create
from mmrank.index.loaded_version import LoadedVersion
from mmrank.index.milvus_changes import Change, kept_of, listed_after, told
from mmrank.index.milvus_checks import check_made, missing
from mmrank.index.milvus_failures import TOKEN
from mmrank.index.milvus_index import change_index, index_name
from mmrank.index.milvus_lock import Lease, writing
from mmrank.index.milvus_server import SETTLED, MilvusServer
from mmrank.index.milvus_snapshot import Fetched, MilvusSnapshot
from mmrank.index.milvus_writer import MilvusWriter, clear_away
from mmrank.index.properties import Properties
from mmrank.index.records import EncoderIdentity
from mmrank.index.remote import Pointer, read_pointer
from mmrank.index.replica import ReplicaWriter
from mmrank.index.snapshot import Snapshot
from mmrank.index.store import Store, check_encoder
from mmrank.index.verification import Problem
from mmrank.index.writer import Step, Writer

TOGETHER = 200
"""Documents that a replica takes in at once."""
REPLICA_WAIT = 600.0
"""Seconds to wait for another process of this machine that brings the replica up to date."""


class MilvusStore(Store):
    """A collection in Milvus. Made by `create`, `attach` and `open`."""

    def __init__(self, path: Path, properties: Properties, read_only: bool, server: MilvusServer, index: str) -> None:
        super().__init__(path, properties, read_only)
        self._server, self._milvus_index = server, index
        self._fetched = Fetched()
        self._syncing = threading.Lock()
        self._known: tuple[int, str] = (-1, "")
        self._changed = time.monotonic()
        self._lease: Lease | None = None

    @property
    def identity(self) -> str | None:
        """Of the collection, so that another one in its place is noticed."""
        return self._identity

    @property
    def uri(self) -> str:
        """Of the server, or the path of the file of Milvus Lite."""
        return self._server.uri

    @classmethod
    def create(  # type: ignore[override]
        cls,
        path: str | Path,
        *,
        uri: str,
        name: str,
        encoder: EncoderIdentity,
        settings: Mapping[str, Any] | None = None,
        index: str = "auto",
        whole: bool = True,
    ) -> MilvusStore:
        """Make an empty collection in Milvus, and its folder on this machine.

        Args:
            path: a folder that is absent or empty.
            uri: "http://host:19530" of a server, or the path of a file of Milvus Lite, which ends in ".db".
            name: of the collection in Milvus: letters, digits and "_".
            encoder: what makes the vectors.
            settings: any JSON, kept with the collection.
            index: Milvus's of the passages' vectors: AUTOINDEX, FLAT, HNSW, IVF_FLAT, IVF_SQ8, DISKANN, …; "auto" for
                AUTOINDEX.
            whole: whether others may open it at once; else once `finish` was called.

        Raises:
            InputError: when something is at `path` or in Milvus already, or Milvus knows no such index.
            MmrankError: when Milvus cannot be reached.
            MissingExtraError: when pymilvus is not installed.
        """
        path, uri = Path(path), absolute(uri)
        index = index_name(index)
        check_vacant(path)  # so that nothing is made in Milvus where nothing can be made here
        server = MilvusServer(uri, name)
        try:
            if server.exists():
                raise InputError(f"{uri} holds a collection {name!r} already; open it, or choose another name")
            properties = Properties(0, encoder, dict(settings or {}), index, secrets.token_hex(16))
            server.create(properties, index)
            if whole:
                server.finish()
            return cls._join(path, server, properties)
        except BaseException:
            server.close()
            raise

    @staticmethod
    def holds(uri: str, name: str) -> bool:
        """Whether Milvus holds such a collection.

        Raises:
            MmrankError: when Milvus cannot be reached.
        """
        server = MilvusServer(absolute(uri), name)
        try:
            return server.exists()
        finally:
            server.close()

    @classmethod
    def attach(cls, path: str | Path, *, uri: str, name: str, encoder: EncoderIdentity | None = None) -> MilvusStore:
        """Make a folder on this machine for a collection that is in Milvus already.

        Raises:
            InputError: when something is at `path`, Milvus holds no such collection, or it was made with another
                encoder or by a later mmrank.
            MmrankError: when Milvus cannot be reached, or something else is in the collection's place.
        """
        path = Path(path)
        server = MilvusServer(absolute(uri), name)
        try:
            held = server.properties()
            check_made(server, held)
            if encoder is not None:
                check_encoder(path, held.encoder, encoder)
            return cls._join(path, server, held)
        except BaseException:
            server.close()
            raise

    @classmethod
    def _join(cls, path: Path, server: MilvusServer, held: Properties) -> MilvusStore:
        pointer = Pointer(server.uri, server.name, held.identity or "")
        create(path, replace(held, version=0, index="auto"), pointer.written())
        return cls(path, held, False, server, held.index)

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        encoder: EncoderIdentity | None = None,
        read_only: bool = False,
        uri: str | None = None,
    ) -> MilvusStore:
        """Open a collection by its folder on this machine.

        Args:
            path: the folder.
            encoder: when given, it must be the one the collection was made with.
            read_only: refuse to change it.
            uri: where the server is now, if it moved.

        Raises:
            InputError: when it was made with another encoder or by a later mmrank, or is not in Milvus any more.
            MmrankError: when Milvus cannot be reached, or holds another collection of this name.
        """
        path = Path(path)
        pointer = read_pointer(path)
        server = MilvusServer(absolute(uri) if uri else pointer.uri, pointer.name)
        try:
            held = server.properties()
            check_made(server, held)
            if held.identity != pointer.identity:
                raise MmrankError(
                    f"{server.uri} holds another collection {pointer.name!r} than the one that {path} belongs to;"
                    " nothing was read"
                )
            cls._stored(path, encoder, read_only)
            if server.uri != pointer.uri:
                _write_pointer(path, replace(pointer, uri=server.uri))
            return cls(path, held, read_only, server, held.index)
        except BaseException:
            server.close()
            raise

    @contextmanager
    def write(self, wait: float = 0.0, on_step: Step = lambda _: None) -> Iterator[Writer]:
        """Change the collection; see `Store.write`. One writer is at work at a time, over all machines.

        Raises:
            StoreLockedError: when another writer is (still) at work, here or on another machine.
            UnreachableError: when Milvus does not answer for minutes.
            MmrankError: when something cannot be written; nothing was changed.
        """
        if self.read_only:
            raise InputError(f"{self.path} was opened read-only")
        with self._server.patient(), writing(self._server, wait) as lease:
            self._take_over(lease)
            self._lease = lease
            try:
                with self._change(REPLICA_WAIT, on_step) as writer:
                    yield writer
            finally:
                self._lease = None
        self._noted()

    def compact(self, index: str | None = None, wait: float = 0.0, on_step: Step = lambda _: None) -> None:
        """Free what removed documents take, in Milvus and here, and change Milvus's index; see `Store.compact`.

        Until another index is loaded, questions wait for it, and fail after 15 seconds.

        Raises:
            InputError: for what is no index of Milvus; nothing was changed.
        """
        if index is not None:
            self._reindex(index_name(index), wait)
        with self.write(wait, on_step) as writer:
            assert isinstance(writer, MilvusWriter)
            writer.purge(older=0.0)
            writer.compact()  # as a version of its own: readers know segments by it
        self._server.compact()

    def _reindex(self, index: str, wait: float) -> None:
        if self.read_only:
            raise InputError(f"{self.path} was opened read-only")
        with self._server.patient(), writing(self._server, wait) as lease:
            self._take_over(lease)
            change_index(self._server, index, self.encoder.dimension)
        self._milvus_index = index

    def snapshot(self) -> Snapshot:
        """The newest version, for reading."""
        self.sync()
        return super().snapshot()

    def finish(self) -> None:
        """Let others open a collection that was made with `whole=False`."""
        self._server.finish()

    def drop(self) -> None:
        """Delete the collection in Milvus. Its folder on this machine stays."""
        self._server.drop()

    def close(self) -> None:
        """Close the connection."""
        super().close()
        self._server.close()

    def sync(self) -> None:
        """Bring the replica up to the last change in Milvus."""
        head = self._server.head()
        if head == self._known:
            return
        with self._syncing:
            if head != self._standing():
                self._follow(head)
            self._known = head

    def problems(self) -> list[Problem]:
        """What Milvus lacks of the documents that are listed."""
        self.sync()
        with super().snapshot() as snapshot:
            listed = snapshot.read("SELECT number, name, passages, body FROM documents ORDER BY name")
        return list(missing(self._server, listed))

    # What follows keeps the replica up to date

    def _standing(self) -> tuple[int, str]:
        """Which change the replica stands at."""
        with super().snapshot() as snapshot:
            return snapshot.version, str(snapshot.property("change") or "")

    def _follow(self, head: tuple[int, str]) -> None:
        """Apply the changes that the replica lacks."""
        version, token = self._standing()
        listed = listed_after(self._server, version)
        if version > head[0] or (listed and listed[0].before != token) or (version == head[0] and token != head[1]):
            # Milvus was set back to an earlier state, or this is one that it never had.
            self._start_again()
            listed = listed_after(self._server, 0)
        changes = [told(self._server, one) for one in listed]
        gone = {o["remove"] for change in changes for o in change.operations if "remove" in o}
        while changes:
            taken, count = 0, 0
            while taken < len(changes) and (not taken or count < TOGETHER):
                count += sum("put" in operation for operation in changes[taken].operations)
                taken += 1
            self._apply(changes[:taken], gone)
            changes = changes[taken:]
        self._changed = time.monotonic()

    def _start_again(self) -> None:
        with self._change(REPLICA_WAIT, lambda _: None) as writer:
            assert isinstance(writer, ReplicaWriter)
            writer.clear()
            writer.stand_at(0, "")

    def _apply(self, changes: Sequence[Change], gone: set[int]) -> None:
        wanted = {
            operation["put"]: operation["rows"]
            for change in changes
            for operation in change.operations
            if "put" in operation and operation["put"] not in gone
        }
        kept = kept_of(self._server, wanted, self.encoder.dimension)
        with self._change(REPLICA_WAIT, lambda _: None) as writer:
            assert isinstance(writer, ReplicaWriter)
            if writer.version > changes[0].number:  # another process of this machine was faster
                return
            for change in changes:
                writer.apply(change.operations, kept, change.at)
            writer.stand_at(changes[-1].number, changes[-1].token)

    def _take_over(self, lease: Lease) -> None:
        """Finish what a writer that died had listed, delete what it had not, and bring the replica up to date."""
        head = self._server.head()
        later = listed_after(self._server, head[0])
        if later:
            head = later[-1].number, later[-1].token
            self._server.say(head=f"{head[0]} {head[1]}")
        elif lease.left and lease.left != head[1]:
            clear_away(self._server, lease.left)
        self.sync()

    def _noted(self) -> None:
        """After a change of our own, which the replica has."""
        self._changed = time.monotonic()
        self._known = self._standing()

    def _strong(self) -> bool:
        return time.monotonic() - self._changed < SETTLED

    def _writer(self, connection: sqlite3.Connection, on_step: Step) -> Writer:
        if self._lease is None:
            return ReplicaWriter(self.path, connection, self.encoder, on_step, self.mapped)
        before = self._known[1]
        return MilvusWriter(
            self.path,
            connection,
            self.encoder,
            on_step,
            self.mapped,
            server=self._server,
            lease=self._lease,
            before=before,
        )

    def _shown(self, connection: CatalogConnection, loaded: LoadedVersion) -> Snapshot:
        return MilvusSnapshot(
            connection,
            loaded,
            dimension=self.encoder.dimension,
            connections=self._connections,
            lookups=self._lookups,
            server=self._server,
            fetched=self._fetched,
            strong=self._strong,
            index=self._milvus_index,
        )


def absolute(uri: str) -> str:
    """An address as it is kept: that of a file of Milvus Lite in full.

    Raises:
        InputError: when it is neither an address nor such a file, or holds a password.
    """
    if "://" in uri:
        if not uri.startswith(("http://", "https://", "tcp://", "unix:")):
            raise InputError(f"{uri!r} is no address of Milvus; it looks like http://host:19530")
        if "@" in uri:
            raise InputError(
                "the address of Milvus is stored and shown, so it must hold no password: leave out what stands before"
                f" the @, and set the environment variable {TOKEN} to user:password"
            )
        return uri
    if not uri.endswith(".db"):
        raise InputError(f"{uri!r} is no address of Milvus: http://host:19530, or a file of Milvus Lite ending in .db")
    return str(Path(uri).absolute())


def _write_pointer(path: Path, pointer: Pointer) -> None:
    from mmrank.index.beneath import POINTER

    draft = path / f"{POINTER}.{secrets.token_hex(4)}.new"
    try:
        draft.write_bytes(pointer.written())
        draft.replace(path / POINTER)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise MmrankError(f"{path / POINTER} cannot be written: {error.strerror or error}") from error
