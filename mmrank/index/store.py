"""The store of one collection on disk: create, open, write, read."""

from __future__ import annotations

import secrets
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import Any, Self

import numpy as np

from mmrank.errors import InputError, MmrankError
from mmrank.index import catalog
from mmrank.index.beneath import CACHE, CATALOG, SEGMENTS, delete, is_segment_name, names_in
from mmrank.index.connections import Connections
from mmrank.index.creation import create, is_vacant
from mmrank.index.faiss_gpu import load_faiss
from mmrank.index.loaded_version import LiveSegment, LoadedVersion
from mmrank.index.lookups import Lookups
from mmrank.index.properties import Properties, read_properties, read_property, read_version
from mmrank.index.records import EncoderIdentity
from mmrank.index.remote import is_remote
from mmrank.index.rows import damaged
from mmrank.index.segment_data import SegmentData
from mmrank.index.segments import SegmentInfo
from mmrank.index.snapshot import Snapshot
from mmrank.index.vector_index import CachedIndex, cache_name, is_cache_name
from mmrank.index.writer import Step, Writer


class Store:
    """A collection's documents, vectors and words. Made by `create` and `open`.

    Any number of processes and threads may read while one writes. What `snapshot()` returns is always the newest
    committed version.
    """

    def __init__(self, path: Path, properties: Properties, read_only: bool) -> None:
        self.path = path
        self.encoder = properties.encoder
        self.settings = properties.settings
        self.read_only = read_only
        self.mapped = True
        """Whether segments are mapped into memory. Read instead, they can be cut by others without ending the process,
        which matters on network disks; opening then takes as long as reading them does."""
        self._identity = properties.identity
        self._lock = threading.Lock()
        self._connections = Connections(path, read_only)
        self._lookups = Lookups()
        self._loaded: LoadedVersion | None = None
        self._replaced = 0

    @classmethod
    def create(
        cls,
        path: str | Path,
        *,
        encoder: EncoderIdentity,
        settings: Mapping[str, Any] | None = None,
        index: str = "auto",
    ) -> Store:
        """Make an empty collection.

        Args:
            path: a folder that is absent or empty, or that a creation left which was cut off.
            encoder: what makes the vectors; opening with another one is refused.
            settings: any JSON, kept with the collection.
            index: a FAISS factory string for segments too large to scan ("HNSW32", "IVF1024,SQ8", …), "Flat" to scan
                always, or "auto" to choose by size.

        Raises:
            InputError: when something is there already or cannot be written, or FAISS does not know such an index.
        """
        path = Path(path)
        check_factory(index, encoder.dimension)
        create(path, Properties(0, encoder, dict(settings or {}), index, secrets.token_hex(16)))
        return cls.open(path, encoder=encoder)

    @classmethod
    def open(cls, path: str | Path, *, encoder: EncoderIdentity | None = None, read_only: bool = False) -> Store:
        """Open a collection.

        Args:
            path: its folder.
            encoder: when given, it must be the one the collection was made with.
            read_only: never write; the indexes of large segments are mapped, so that opening is instant and processes
                share the memory; otherwise they are read into memory, where searching is somewhat faster.

        Raises:
            InputError: when there is none, or something else, or it was made by another format or with another encoder.
            MmrankError: when it is damaged.
        """
        path = Path(path)
        check_there(path)
        if is_remote(path):
            raise InputError(f"{path} keeps its documents in Milvus; open it with Collection.open")
        return cls(path, cls._stored(path, encoder, read_only), read_only)

    @staticmethod
    def _stored(path: Path, encoder: EncoderIdentity | None, read_only: bool) -> Properties:
        """What the catalog says of a collection, checked; see `open`."""
        connection = catalog.connect(path, read_only=read_only)
        try:
            properties = read_properties(connection)
            catalog.committed_segments(connection)  # so that what they are called is known to be harmless
        except sqlite3.Error as error:
            raise catalog.translated(error, path) from error
        except MmrankError as error:
            raise MmrankError(f"{path}: {error}; `mmrank verify` checks all of it") from error
        finally:
            connection.close()
        version = properties.version
        if encoder is not None:
            check_encoder(path, properties.encoder, encoder)
        noted = catalog.read_head(path)
        if noted is not None and noted > version:
            raise MmrankError(
                f"{path} stands at version {version}, but version {noted} was committed: {CATALOG}-wal was"
                " damaged, or not copied along; restore it from a copy, or accept the loss with `mmrank repair`"
            )
        return properties

    @contextmanager
    def write(self, wait: float = 0.0, on_step: Step = lambda _: None) -> Iterator[Writer]:
        """Change the collection: everything done to the writer is committed together when the block ends.

        On an exception nothing is changed. Files that an interrupted writer left behind are cleared away.

        Args:
            wait: seconds to wait for another writer to finish.
            on_step: called with the name of each step as it is reached.

        Raises:
            StoreLockedError: when another writer is (still) at work.
            MmrankError: when the collection cannot be written, or the disk is full; nothing was changed.
        """
        if self.read_only:
            raise InputError(f"{self.path} was opened read-only")
        with self._change(wait, on_step) as writer:
            yield writer

    @contextmanager
    def _change(self, wait: float, on_step: Step) -> Iterator[Writer]:
        connection = catalog.connect(self.path, read_only=False)
        try:
            catalog.begin_write(connection, self.path, wait)
            try:
                self._check_identity(read_properties(connection).identity)
                self._clear_away(connection)
                writer = self._writer(connection, on_step)
                on_step("begun")
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            try:
                yield writer
                writer.commit()
            except BaseException:
                writer.abandon()
                raise
        except sqlite3.Error as error:
            raise catalog.translated(error, self.path) from error
        except OSError as error:
            reason = f"{error.strerror} ({error.filename})" if error.filename else error.strerror or error
            raise MmrankError(f"{self.path} cannot be written: {reason}; nothing was changed") from error
        finally:
            connection.close()

    def _writer(self, connection: sqlite3.Connection, on_step: Step) -> Writer:
        return Writer(self.path, connection, self.encoder, on_step, self.mapped)

    def check_encoder(self, encoder: EncoderIdentity) -> None:
        """Refuse an encoder that did not make the vectors.

        Raises:
            InputError: says in what it differs.
        """
        check_encoder(self.path, self.encoder, encoder)

    def compact(self, index: str | None = None, wait: float = 0.0, on_step: Step = lambda _: None) -> None:
        """Rewrite the segments as one of each kind, without removed rows, and index them. Readers continue meanwhile.

        Args:
            index: change the FAISS index of large segments, see `create`.
            wait: seconds to wait for another writer to finish.
            on_step: called with the name of each step as it is reached.

        Raises:
            InputError: when FAISS does not know such an index.
            StoreLockedError: when another writer is (still) at work.
            MmrankError: when the collection cannot be written, or the disk is full; nothing was changed.
        """
        if index is not None:
            check_factory(index, self.encoder.dimension)
        with self.write(wait, on_step) as writer:
            writer.compact(index)
        connection = catalog.connect(self.path, read_only=False)
        try:
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):  # another writer has begun: the space is reclaimed next time
                raise catalog.translated(error, self.path) from error
        finally:
            connection.close()
        on_step("vacuumed")

    def snapshot(self) -> Snapshot:
        """The newest version, for reading."""
        for _ in range(10):
            connection = self._connections.borrow()
            try:
                connection.execute("BEGIN")
                catalog.check_tables(connection, self.path)
                self._check_identity(read_property(connection, "identity"))
                return self._shown(connection, self._load(read_version(connection), connection))
            except SegmentGoneError:
                self._connections.give_back(connection)  # compaction deleted a segment since the read began: try again
            except sqlite3.Error as error:
                connection.close()
                raise catalog.translated(error, self.path) from error
            except BaseException:
                self._connections.give_back(connection)
                raise
        raise MmrankError(f"{self.path}: segments are missing; run `mmrank verify`")

    def _shown(self, connection: catalog.CatalogConnection, loaded: LoadedVersion) -> Snapshot:
        return Snapshot(
            connection,
            loaded,
            dimension=self.encoder.dimension,
            connections=self._connections,
            lookups=self._lookups,
        )

    def close(self) -> None:
        """Close idle connections. The store can still be used."""
        self._connections.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check_identity(self, found: object) -> None:
        """Notice that another collection has taken the place of the one that was opened.

        Raises:
            MmrankError: when it has.
        """
        if self._identity is None and isinstance(found, str):
            self._identity = found  # of a collection made before there were identities, which a writer gave one
        if found != self._identity:
            raise MmrankError(
                f"another collection has taken the place of {self.path} since it was opened; open it again"
            )
        with self._lock:
            if self._connections.replaced != self._replaced:  # a copy, or an earlier state, lies in its place
                self._replaced = self._connections.replaced
                self._loaded, self._lookups = None, Lookups()

    def _load(self, version: int, connection: sqlite3.Connection) -> LoadedVersion:
        """A version, with the segments that it shares with the one loaded last taken from there."""
        loaded = self._loaded
        if loaded is not None and loaded.version == version:
            loaded.check_lengths()
            return loaded
        with self._lock:
            known = self._loaded
            if known is not None and known.version == version:
                return known
            removed = catalog.removed_runs(connection)
            segments: dict[int, LiveSegment] = {}
            for info in catalog.committed_segments(connection):
                before = known.segments.get(info.number) if known else None
                if before and before.data.info != info:
                    before = None
                segments[info.number] = self._live(info, tuple(removed.get(info.number, ())), before, version)
            loaded = LoadedVersion(version, segments)
            loaded.check_lengths()
            if known is None or version > known.version:
                self._loaded = loaded
            return loaded

    def _live(
        self, info: SegmentInfo, gone: tuple[tuple[int, int], ...], before: LiveSegment | None, version: int
    ) -> LiveSegment:
        """A segment of a version, taken from the version before where it is in it."""
        if before and before.removed == gone:
            return before
        alive = None
        if gone:
            alive = np.ones(info.rows, np.bool_)
            for start, rows in gone:
                if start + rows > info.rows:
                    raise damaged("removed", "rows", rows)
                alive[start : start + rows] = False
        if before:
            return LiveSegment(before.data, before.index, gone, alive)
        if not (self.path / SEGMENTS / info.file).exists() and self._moved_on(version):
            raise SegmentGoneError
        dimension = None if info.kind == "words" else self.encoder.dimension
        data = SegmentData(self.path, info, mapped=self.mapped, dimension=dimension)
        index = CachedIndex(self.path / CACHE / cache_name(info.file), info.rows, self.read_only and self.mapped)
        return LiveSegment(data, index, gone, alive)

    def _moved_on(self, version: int) -> bool:
        connection = catalog.connect(self.path, read_only=self.read_only)
        try:
            return read_version(connection) != version
        finally:
            connection.close()

    def _clear_away(self, connection: sqlite3.Connection) -> None:
        """Delete segment files that no version knows. Nothing else is deleted, and nothing through a link."""
        known = {info.file for info in catalog.committed_segments(connection)}
        for folder in (SEGMENTS, CACHE):
            if names_in(self.path, folder) is None:
                (self.path / folder).mkdir()
        for name in names_in(self.path, SEGMENTS) or []:
            if name not in known and is_segment_name(name):
                delete(self.path, SEGMENTS, name)
        caches = {cache_name(file) for file in known}
        for name in names_in(self.path, CACHE) or []:
            if is_cache_name(name) and str(Path(name).with_suffix(".faiss")) not in caches:
                delete(self.path, CACHE, name)


def check_there(path: Path) -> None:
    """Refuse a folder that is absent or empty, or whose creation was cut off: no collection can be opened there.

    Raises:
        InputError: says how one is made.
    """
    if is_vacant(path):
        raise InputError(f"there is no collection {path}; make one with: mmrank index FOLDER -c {quote(str(path))}")


def check_encoder(path: Path, stored: EncoderIdentity, encoder: EncoderIdentity) -> None:
    """Refuse an encoder that is not the one that made the vectors of a collection.

    Raises:
        InputError: says in what they differ.
    """
    if encoder != stored:
        raise InputError(
            f"{path} was made with the encoder {stored}, not with {encoder}"
            f" (they differ in {'; '.join(stored.differences(encoder))}): open it with the one it was made with,"
            " or make a new collection"
        )


def check_factory(index: str, dimension: int) -> None:
    """Refuse an index that FAISS cannot make, before there are enough vectors to make it.

    Raises:
        InputError: says what is wrong with it.
    """
    if index in ("auto", "Flat"):
        return
    faiss = load_faiss()
    try:
        faiss.index_factory(dimension, index, faiss.METRIC_INNER_PRODUCT)
    except RuntimeError as error:
        reason = str(error).rpartition(": ")[2]
        if reason.startswith("could not parse"):
            raise InputError(f"could not parse index string {index!r}") from error
        raise InputError(f"the index {index!r} does not work for vectors of {dimension}: {reason}") from error


class SegmentGoneError(MmrankError):
    """Compaction deleted a file after a read began and before the file was opened."""
