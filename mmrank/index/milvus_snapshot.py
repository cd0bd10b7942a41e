"""One version of a collection in Milvus: what the replica holds is read here, the rest is fetched when it is needed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmrank.errors import InputError, MmrankError
from mmrank.index.bodies import MOST_TOGETHER, document_of, read_page, read_passage, unpack
from mmrank.index.catalog import CatalogConnection
from mmrank.index.connections import Connections
from mmrank.index.filters import Filter
from mmrank.index.loaded_version import LoadedVersion
from mmrank.index.lookups import Lookups, Recent
from mmrank.index.milvus_blobs import Blob, Layout, bodies_of, joined, keys
from mmrank.index.milvus_server import MOST, MilvusServer
from mmrank.index.records import Level, Match
from mmrank.index.replica import DOOMED
from mmrank.index.rows import blob, check_rows, number, text
from mmrank.index.segment_checks import check_offsets
from mmrank.index.snapshot import Snapshot, Vectors
from mmrank.types import Document, Page, Passage

NUMBERS = 20_000
"""Documents that one search in Milvus is bounded to, or kept from."""


class Fetched:
    """What the snapshots of a store fetched lately."""

    def __init__(self) -> None:
        self.vectors: Recent[Vectors] = Recent(128)
        """By number of the document: its passages'."""
        self.blobs: Recent[bytes] = Recent(256)
        """By key of its first row."""
        self.passing: dict[str, bytes] = {}
        """Arrays that were fetched beforehand, until they are asked for."""
        self.bounds: Recent[list[int]] = Recent(64)
        """Numbers of the documents that a filter leaves, by version and filter."""


class MilvusSnapshot(Snapshot):
    """Made by `MilvusStore.snapshot`. Shows one version for as long as it is open, but no longer than removed documents
    stay in Milvus: five minutes.
    """

    __slots__ = ("_fetched", "_index", "_server", "_strong")

    def __init__(
        self,
        connection: CatalogConnection,
        loaded: LoadedVersion,
        *,
        dimension: int,
        connections: Connections,
        lookups: Lookups,
        server: MilvusServer,
        fetched: Fetched,
        strong: Callable[[], bool],
        index: str,
    ) -> None:
        """Show a version; the first arguments are those of `Snapshot`.

        Args:
            server: holds the collection.
            fetched: shared by the snapshots of a store.
            strong: whether something changed so lately that Milvus has to be asked for its very last state.
            index: Milvus's, of the passages' vectors.
        """
        super().__init__(connection, loaded, dimension=dimension, connections=connections, lookups=lookups)
        self._server, self._fetched, self._strong, self._index = server, fetched, strong, index

    def __enter__(self) -> MilvusSnapshot:
        return self

    def index_factory(self) -> str:
        """Milvus's index of the passages' vectors."""
        return self._index

    def count(self, level: Level = "document") -> int:
        """Documents, or passages, in the collection."""
        what = {"document": "count(*)", "passage": "coalesce(sum(passages), 0)"}[level]
        return int(self._rows(f"SELECT {what} FROM documents")[0][0])

    def document(self, document_id: str) -> Document:
        """A document; see `Snapshot.document`."""
        at, layout = self._laid_out(document_id)
        found = self._lookups.documents.get(at)
        if found is None:
            pages, passages = layout.runs("pages", at), layout.runs("passages", at)
            head = (at, "head", layout.head)
            held = self._get([head, *pages, *passages])
            found = document_of(
                held[head],
                (body for run in pages for body in bodies_of(held[run])),
                (body for run in passages for body in bodies_of(held[run])),
                f"document {document_id}",
            )
            self._lookups.documents.put(at, found)
        [(title,)] = rows = self._rows("SELECT title FROM documents WHERE number = ?", (at,))
        check_rows("documents", rows, title=text)
        return found if found.title == title else replace(found, title=title)

    def page(self, document_id: str, page: int) -> Page:
        """One page; see `Snapshot.page`."""
        at, layout = self._laid_out(document_id)
        cached = self._lookups.pages.get((at, page))
        if cached is not None:
            return cached
        body = self._of_run(layout, "pages", at, page)
        if body is None:
            raise InputError(f"document {document_id} has no page {page + 1}")
        found = read_page(body, f"page {page + 1} of {document_id}")
        self._lookups.pages.put((at, page), found)
        return found

    def run_of_passages(self, document_id: str, positions: range) -> tuple[Passage, ...]:
        """Passages that follow one another; see `Snapshot.run_of_passages`."""
        at, layout = self._laid_out(document_id)
        found: list[Passage] = []
        for position in positions:
            passage = self._lookups.passages.get((at, position))
            if passage is None:
                body = self._of_run(layout, "passages", at, position)
                if body is None:
                    raise InputError(f"there is no passage {document_id}/{position}")
                passage = read_passage(body, f"{document_id}/{position}")
                self._lookups.passages.put((at, position), passage)
            found.append(passage)
        return tuple(found)

    def passages(self, ids: Iterable[str]) -> list[Passage]:
        """Passages by id; see `Snapshot.passages`."""
        found: list[Passage] = []
        for passage_id in ids:
            document_id, _, position = passage_id.rpartition("/")
            if not position.isdigit() or not self._rows("SELECT 1 FROM documents WHERE id = ?", (document_id,)):
                raise InputError(f"there is no passage {passage_id}")
            found += self.run_of_passages(document_id, range(int(position), int(position) + 1))
        return found

    def arrays(self, document_id: str, version: str) -> Mapping[str, NDArray[Any]] | None:
        """What was prepared of a document; see `Snapshot.arrays`."""
        at, layout = self._laid_out(document_id)
        wanted = _arrays_of(at, layout, version)
        if wanted is None:
            return None
        data = self._fetched.passing.pop(keys(wanted)[0], None)
        if data is None:
            data = self._get([wanted], keep=False)[wanted]
        return _arrays(data, f"the arrays of {document_id}")

    def arrays_version(self, document_id: str) -> str | None:
        """The version of the arrays that are kept of a document; None where there are none."""
        _, layout = self._laid_out(document_id)
        return layout.arrays_version if layout.arrays else None

    def without_arrays(self, version: str) -> list[str]:
        """Ids of the documents that have no arrays of this version, by name."""
        rows = self._rows("SELECT id, body FROM documents ORDER BY name")
        check_rows("documents", rows, id=text, body=blob)
        return [identifier for identifier, body in rows if _arrays_of(0, Layout.from_json(body), version) is None]

    def passage_vectors(self, document_id: str) -> Vectors:
        """(passages, dimension) in the order of the passages."""
        at = self._number(document_id)
        found = self._fetched.vectors.get(at)
        if found is None:
            self._fetch_vectors([document_id])
            found = self._fetched.vectors.get(at)
            assert found is not None
        return found

    def prefetch(self, vectors: Sequence[str], arrays: Sequence[str], version: str) -> None:
        """Fetch what is about to be asked for in two calls; see `Snapshot.prefetch`."""
        missing = [each for each in vectors if self._fetched.vectors.get(self._number(each)) is None]
        if len(missing) > 1:
            self._fetch_vectors(missing)
        wanted = [_arrays_of(*self._laid_out(each), version) for each in arrays]
        blobs = [each for each in wanted if each is not None]
        if len(blobs) > 1:
            if len(self._fetched.passing) > 1000:
                self._fetched.passing.clear()
            self._fetched.passing |= {keys(one)[0]: data for one, data in self._get(blobs, keep=False).items()}

    def search_dense(
        self, vector: Vectors, k: int, level: Level = "passage", where: Filter | None = None
    ) -> list[Match]:
        """The `k` best passages or documents; see `Snapshot.search_dense`. At most 16,384 passages."""
        if level == "document":
            return super().search_dense(vector, k, level, where)
        query = self._checked(vector, k).tolist()
        found: list[tuple[int, int, float]] = []
        if where is None:
            found = self._search_all(query, k, set())
        else:
            allowed = self._bounds(where)
            others = self._others(allowed)
            if others is not None:
                found = self._search_all(query, k, others)
            else:
                for begin in range(0, len(allowed), NUMBERS):
                    chosen = f"number in {allowed[begin : begin + NUMBERS]}"
                    found += self._server.search(query, k, chosen, strong=self._strong())
        found.sort(key=lambda match: (-match[2], match[0], match[1]))
        return self._matches(found[:k], "passage")

    def _search_all(self, query: list[float], k: int, without: set[int]) -> list[tuple[int, int, float]]:
        """The best passages of all documents but some: those of documents that are not (or no longer) there, too."""
        doomed = self.property(DOOMED.removeprefix("user:")) or []
        without = without | {int(each) for each, _ in doomed[:NUMBERS]}
        while True:
            chosen = f"number not in {sorted(without)}" if without else ""
            found = self._server.search(query, k, chosen, strong=self._strong())
            numbers = sorted({match[0] for match in found})
            rows = self._rows(
                "SELECT number FROM documents WHERE number IN (SELECT value FROM json_each(?))", (json.dumps(numbers),)
            )
            unknown = set(numbers) - {row[0] for row in rows}
            if not unknown:
                return found
            without |= unknown  # they took some of the k places

    def _bounds(self, where: Filter) -> list[int]:
        """Numbers of the documents that a filter leaves."""
        key = (self.version, where.key)
        found = self._fetched.bounds.get(key)
        if found is None:
            self._check_keys(where)
            condition, values = where.sql()
            rows = self._rows(
                f"SELECT number FROM documents WHERE passages > 0 AND {condition} ORDER BY number", values
            )
            check_rows("documents", rows, number=number)
            found = [row[0] for row in rows]
            self._fetched.bounds.put(key, found)
        return found

    def _others(self, allowed: list[int]) -> set[int] | None:
        """The documents that a filter leaves out, where these are few and the rest is not."""
        if len(allowed) <= NUMBERS or self.count() - len(allowed) > NUMBERS:
            return None
        return {row[0] for row in self._rows("SELECT number FROM documents")} - set(allowed)

    def _tokens(self, document_id: str) -> tuple[NDArray[np.int8], Vectors, NDArray[np.int64]]:
        at, layout = self._laid_out(document_id)
        if not layout.tokens:
            raise InputError(f"the collection holds no token vectors of {document_id}")
        wanted = (at, "tokens", layout.tokens)
        held = _arrays(self._get([wanted])[wanted], f"the token vectors of {document_id}")
        codes, scales, offsets = held.get("codes"), held.get("scales"), held.get("offsets")
        if codes is None or scales is None or offsets is None or codes.shape != (len(scales), self._dimension):
            raise MmrankError(f"the token vectors of {document_id} are damaged; run `mmrank verify`")
        check_offsets(offsets, len(codes))
        return codes, scales, offsets

    def _laid_out(self, document_id: str) -> tuple[int, Layout]:
        at = self._number(document_id)
        rows = self._rows("SELECT body FROM documents WHERE number = ?", (at,))
        check_rows("documents", rows, body=blob)
        return at, Layout.from_json(rows[0][0])

    def _of_run(self, layout: Layout, kind: str, document: int, at: int) -> bytes | None:
        """The packed form of a page or passage; None where there is none."""
        if at < 0 or not getattr(layout, kind):
            return None
        run = layout.run(kind, document, at)
        bodies = bodies_of(self._get([run])[run])
        within = at - int(run[1].rpartition(".")[2])
        return bodies[within] if within < len(bodies) else None

    def _get(self, blobs: Sequence[Blob], *, keep: bool = True) -> dict[Blob, bytes]:
        """Blobs, fetched together where they were not fetched lately.

        Raises:
            MmrankError: when one is not there.
        """
        found: dict[Blob, bytes] = {}
        for one in blobs:
            held = self._fetched.blobs.get(keys(one)[0])
            if held is not None:
                found[one] = held
        for strong in (False, True):
            missing = [one for one in blobs if one not in found]
            if not missing:
                return found
            rows = self._server.by_key("blobs", [key for one in missing for key in keys(one)], ["body"], strong=strong)
            bodies = {row["key"]: row["body"] for row in rows}
            for one in missing:
                data = joined(one, bodies)
                if data is not None:
                    found[one] = data
                    if keep:
                        self._fetched.blobs.put(keys(one)[0], data)
        gone = [one for one in blobs if one not in found]
        if gone:
            raise self._gone(gone[0][0])
        return found

    def _fetch_vectors(self, documents: Sequence[str]) -> None:
        wanted = dict(
            self._rows(
                "SELECT number, passages FROM documents WHERE id IN (SELECT value FROM json_each(?))",
                (json.dumps(list(documents)),),
            )
        )
        for strong in (False, True):
            for chosen in _grouped(wanted):
                rows = self._vector_rows(chosen, strong)
                for one in chosen:
                    vectors = np.array([vector for _, vector in sorted(rows.get(one, {}).items())], np.float32)
                    if len(vectors) == wanted[one]:
                        self._fetched.vectors.put(one, vectors.reshape(-1, self._dimension))
                        del wanted[one]
            if not wanted:
                return
        raise self._gone(next(iter(wanted)))

    def _vector_rows(self, documents: Sequence[int], strong: bool) -> dict[int, dict[int, Any]]:
        """By document and position."""
        found: dict[int, dict[int, Any]] = {}
        last = -1
        while True:  # an answer is bounded; one document may have more passages
            chosen = f"number in {list(documents)}" + (f" and position > {last}" if last >= 0 else "")
            rows = self._server.query("passages", chosen, ["number", "position", "vector"], strong=strong)
            for row in rows:
                found.setdefault(row["number"], {})[row["position"]] = row["vector"]
            if len(rows) < MOST or len(documents) > 1:
                return found
            held = found[documents[0]]
            last = next(at for at in range(len(held) + 1) if at not in held) - 1

    def _gone(self, document: int) -> MmrankError:
        if self._rows("SELECT 1 FROM documents WHERE number = ?", (document,)):
            return MmrankError(
                f"Milvus at {self._server.uri} lacks rows of document {document:x}: it was removed a while ago, and a"
                " new search sees that; or rows were lost, which `mmrank verify` finds"
            )
        return MmrankError(f"there is no document {document:x}")


def _grouped(wanted: Mapping[int, int]) -> list[list[int]]:
    """Documents whose passages come in one answer."""
    groups: list[list[int]] = []
    room = 0
    for document, passages in wanted.items():
        if passages > room or not groups:
            groups.append([])
            room = MOST
        groups[-1].append(document)
        room -= passages
    return groups


def _arrays_of(document: int, layout: Layout, version: str) -> Blob | None:
    if not layout.arrays or layout.arrays_version != version:
        return None
    return document, layout.arrays_name, layout.arrays


def _arrays(data: bytes, what: str) -> dict[str, NDArray[Any]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return dict(load(unpack(data, what, MOST_TOGETHER)))
    except (SafetensorError, ValueError, KeyError) as error:
        raise MmrankError(f"{what} are damaged ({error}); run `mmrank repair`") from error
