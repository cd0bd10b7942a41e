"""One mmrank collection on a Milvus server, or in a file of Milvus Lite: three Milvus collections, read and written.

- `<name>_passages`: a row per passage, with its vector.
- `<name>_blobs`: everything else of the documents, in rows of at most 65,535 letters (`mmrank.index.milvus_blobs`).
- `<name>_changes`: a row per change, in their order. Its properties say what the collection is, and which change was
  the last; Milvus keeps properties with its metadata, where every reader sees a new value at once.

`number` is the document's number; `change` the token of the change that wrote the row, so that rows of a change that
was never finished can be deleted. Collections without vectors cannot be made: the two that have none carry zeros.
"""

from __future__ import annotations

import json
import logging
import os
import re
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from mmrank.errors import InputError, MmrankError, require
from mmrank.index.milvus_failures import TOKEN, failed, failures, is_refusal, may_pass, unreachable
from mmrank.index.properties import Properties, encoder_from
from mmrank.index.records import UnreachableError

Row = dict[str, Any]

FORMAT = 1
"""Version of what is kept in Milvus."""
LIMIT = 65_535
"""Letters of the longest string that Milvus keeps."""
MOST = 16_384
"""Rows of one answer."""
SENT = 4 << 20
"""Letters and bytes of the rows that are sent at once, about."""
KEYS = 300
"""Rows that are asked for by key at once."""
RECONNECTING = {"grpc.use_local_subchannel_pool": 1}
"""So that a server that comes back is found at once. Else gRPC waits ever longer, to two minutes, before it looks."""
READING, WRITING = 15.0, 180.0
"""Seconds for which a server that does not answer is asked again."""
SETTLED = 10.0
"""Seconds after which every replica of Milvus shows a change; up to then searches wait for it."""
_BODY = {"key": "VARCHAR", "number": "INT64", "change": "VARCHAR", "body": "VARCHAR", "vector": "FLOAT_VECTOR"}
FIELDS = {
    "passages": {
        "key": "VARCHAR",
        "number": "INT64",
        "position": "INT64",
        "change": "VARCHAR",
        "vector": "FLOAT_VECTOR",
    },
    "blobs": _BODY,
    "changes": _BODY,
}
LOCK, HEIR = "lock", "heir"
"""What a writer claims, and who takes it from a dead one."""
PREFIX = "mmrank."
"""Of the properties that are ours."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,100}")


class MilvusServer:
    """A connection. Safe to use from several threads.

    Args:
        uri: "http://host:19530" of a server, or the path of a file for Milvus Lite that ends in ".db".
        name: what the three collections are called; letters, digits and "_".

    Raises:
        InputError: for a name that Milvus does not take.
        MmrankError: when no server can be reached, or it does not let us in.
        MissingExtraError: when pymilvus is not installed.
    """

    def __init__(self, uri: str, name: str) -> None:
        if not _NAME.fullmatch(name):
            raise InputError(f"{name!r} cannot be the name of a collection in Milvus: letters, digits and _ only")
        pymilvus = require("pymilvus", "scale")
        logging.getLogger("pymilvus").setLevel(logging.CRITICAL)  # what goes wrong is raised, and said once
        self.uri, self.name = uri, name
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._thread = threading.local()
        self._failures: Any = failures()
        causes: Any = (*failures(), OSError, ValueError, RuntimeError)
        try:
            # Not milvus_client's default of waiting for minutes for a server that is not there.
            self._client = pymilvus.MilvusClient(
                uri, token=os.environ.get(TOKEN, ""), timeout=READING, grpc_options=RECONNECTING
            )
        except causes as error:
            raise UnreachableError(unreachable(self.uri, error)) from error

    def close(self) -> None:
        """Close the connection."""
        if self._process == os.getpid():
            self._client.close()

    @contextmanager
    def patient(self, seconds: float = WRITING) -> Iterator[None]:
        """Wait for so long for a server that does not answer, in this thread, as long as the block lasts."""
        before = getattr(self._thread, "patience", READING)
        self._thread.patience = seconds
        try:
            yield
        finally:
            self._thread.patience = before

    # What the collection is

    def exists(self) -> bool:
        """Whether there is such a collection, whole."""
        there = self.call("has_collection", f"{self.name}_changes")
        return bool(there) and f"{PREFIX}format" in self._described("changes")

    def create(self, properties: Properties, index: str) -> None:
        """Make the three collections, empty. With `finish` the collection is there.

        Raises:
            InputError: when one of them is there and is not what a creation that was cut off left, or Milvus knows no
                such index.
        """
        for part in FIELDS:
            if not self.call("has_collection", f"{self.name}_{part}"):
                continue
            if f"{PREFIX}identity" not in self._described(part):
                raise InputError(f"{self.uri} holds a collection {self.name}_{part} that mmrank did not make")
            self.call("drop_collection", f"{self.name}_{part}")
        said = {"identity": properties.identity or ""}
        with ThreadPoolExecutor(len(FIELDS)) as pool:  # Milvus takes seconds for each
            dimension = properties.encoder.dimension
            made = [
                pool.submit(self.make, "passages", dimension, said, index),
                pool.submit(self.make, "blobs", 2, said, "FLAT"),
                pool.submit(self.make, "changes", 2, said, "FLAT"),
            ]
        for each in made:
            each.result()
        self.say(
            encoder=json.dumps(asdict(properties.encoder)),
            settings=json.dumps(dict(properties.settings)),
            index=index,
            head="0 ",
            writer="",
        )

    def finish(self) -> None:
        """Say that the collection is there: nobody opens it before, and a creation may take its place."""
        self.say(format=str(FORMAT))

    def properties(self) -> Properties:
        """What the collection says of itself; `version` is that of the last change.

        Raises:
            InputError: when there is none, or it was made by a later mmrank.
            MmrankError: when something else is in its place, or somebody changed it.
        """
        if not self.exists():
            raise InputError(f"{self.uri} holds no collection {self.name!r} of mmrank")
        held = self._described("changes")
        try:
            made = int(held[f"{PREFIX}format"])
            version, _ = _head(held)
            encoder = encoder_from(json.loads(held[f"{PREFIX}encoder"]))
            settings = json.loads(held[f"{PREFIX}settings"])
            identity, index = held[f"{PREFIX}identity"], held[f"{PREFIX}index"]
        except (KeyError, ValueError) as error:
            raise MmrankError(
                f"{self.whole_name()} was not made by mmrank, or was changed by hand ({error})"
            ) from error
        if made > FORMAT:
            raise InputError(
                f"{self.whole_name()} was made in format {made}, and this mmrank reads format {FORMAT}:"
                " install a newer mmrank"
            )
        return Properties(version, encoder, settings, index, identity)

    def head(self) -> tuple[int, str]:
        """Number and token of the last change."""
        return _head(self._described("changes"))

    def said(self, key: str) -> str:
        """One property; "" where there is none."""
        return self._described("changes").get(PREFIX + key, "")

    def say(self, patience: float = WRITING, **properties: str) -> None:
        """Set properties."""
        with self._lock:  # Milvus reads, changes and writes them
            named = {PREFIX + key: value for key, value in properties.items()}
            self.call("alter_collection_properties", f"{self.name}_changes", named, patience=patience)

    def claim(self, what: str, token: str) -> bool:
        """Take something that only one can have at a time, until `release`. Returns whether this token has it.

        It is a Milvus collection, of which a field names the token: where it is there with other fields, Milvus makes
        none. (An alias would not do: Milvus 2.3 makes it again for whoever asks.)
        """
        import pymilvus

        name = f"{self.name}_{what}"
        schema = self._client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field(f"by_{token}", pymilvus.DataType.INT64, is_primary=True)
        schema.add_field("vector", pymilvus.DataType.FLOAT_VECTOR, dim=2)
        try:
            self.call("create_collection", name, schema=schema, patience=WRITING)
        except MmrankError as error:
            if not re.search("already|exist|duplicate|different", str(error)):
                raise
        try:
            fields = self.call("describe_collection", name, patience=WRITING)["fields"]
        except MmrankError:
            if self.call("has_collection", name):
                raise
            return False  # given back since
        return f"by_{token}" in {field["name"] for field in fields}

    def release(self, what: str) -> None:
        """Give back what was claimed."""
        self.call("drop_collection", f"{self.name}_{what}")

    # Rows

    def put(self, part: str, rows: Iterable[Row]) -> None:
        """Write rows; one of the same key is replaced where the server had to be asked twice."""
        for batch in _batches(rows):
            self.call("insert", f"{self.name}_{part}", batch, again="upsert", patience=WRITING)

    def delete(self, part: str, chosen: str) -> None:
        """Delete the rows of an expression."""
        self.call("delete", f"{self.name}_{part}", filter=chosen)

    def by_key(self, part: str, keys: Sequence[str], fields: Sequence[str], *, strong: bool) -> list[Row]:
        """Rows by their keys; those that are not there are left out."""
        found: list[Row] = []
        for begin in range(0, len(keys), KEYS):
            chosen = f"key in {json.dumps(keys[begin : begin + KEYS])}"
            found += self.query(part, chosen, [*fields, "key"], strong=strong)
        return found

    def query(self, part: str, chosen: str, fields: Sequence[str], *, strong: bool, limit: int = MOST) -> list[Row]:
        """Rows of an expression, at most `limit`."""
        found = self.call(
            "query",
            f"{self.name}_{part}",
            filter=chosen,
            output_fields=list(fields),
            limit=limit,
            consistency_level="Strong" if strong else "Bounded",
        )
        return [dict(row) for row in found]

    def search(self, vector: Sequence[float], k: int, chosen: str, *, strong: bool) -> list[tuple[int, int, float]]:
        """The best passages: (number of the document, position, inner product), best first."""
        [hits] = self.call(
            "search",
            f"{self.name}_passages",
            data=[vector],
            anns_field="vector",
            limit=min(k, MOST),
            filter=chosen,
            output_fields=["number", "position"],
            consistency_level="Strong" if strong else "Bounded",
        )
        return [(int(h["entity"]["number"]), int(h["entity"]["position"]), float(h["distance"])) for h in hits]

    def count(self, part: str, chosen: str) -> int:
        """How many rows an expression chooses."""
        [row] = self.call(
            "query", f"{self.name}_{part}", filter=chosen, output_fields=["count(*)"], consistency_level="Strong"
        )
        return int(row["count(*)"])

    def compact(self) -> None:
        """Have Milvus free the space of deleted rows, in its own time."""
        for part in FIELDS:
            self.call("compact", f"{self.name}_{part}")

    def drop(self) -> None:
        """Delete everything."""
        for part in ("changes", "blobs", "passages", LOCK, HEIR):
            if self.call("has_collection", f"{self.name}_{part}"):
                self.call("drop_collection", f"{self.name}_{part}")

    def call(self, what: str, *arguments: Any, again: str = "", patience: float | None = None, **named: Any) -> Any:
        """Call a method of the client; again, where the server does not answer, until `patience` seconds are over.

        Args:
            what: the method.
            arguments: its arguments.
            again: the method that is called the second time, as the first call may have done its work.
            patience: seconds; by default `READING`, and `WRITING` within `patient`.
            named: its arguments by name.

        Raises:
            MmrankError: says what could not be done, and why.
        """
        end = time.monotonic() + (getattr(self._thread, "patience", READING) if patience is None else patience)
        pause = 0.1
        while True:
            left = end - time.monotonic()
            try:
                return getattr(self._client, what)(*arguments, timeout=max(1.0, min(left, 30.0)), **named)
            except self._failures as error:
                passing = may_pass(error, self.name)
                if time.monotonic() + pause >= end or not passing:
                    kind = UnreachableError if passing or is_refusal(error) else MmrankError
                    raise kind(failed(self.uri, what, error)) from error
            time.sleep(pause)
            pause, what = min(2 * pause, 2.0), again or what

    def _described(self, part: str) -> dict[str, str]:
        described = self.call("describe_collection", f"{self.name}_{part}")
        return {str(key): str(value) for key, value in (described.get("properties") or {}).items()}

    def make(self, part: str, dimension: int, said: Mapping[str, str], index: str) -> None:
        """Make one of the Milvus collections, with an index of its vectors.

        Raises:
            MmrankError: when Milvus refuses, as it does an index that it does not know.
        """
        import pymilvus

        kinds = pymilvus.DataType
        schema = self._client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("key", kinds.VARCHAR, max_length=128, is_primary=True)
        schema.add_field("number", kinds.INT64)
        schema.add_field("change", kinds.VARCHAR, max_length=64)
        if part == "passages":
            schema.add_field("position", kinds.INT64)
        else:
            schema.add_field("body", kinds.VARCHAR, max_length=LIMIT)
        schema.add_field("vector", kinds.FLOAT_VECTOR, dim=dimension)
        self.call(
            "create_collection",
            f"{self.name}_{part}",
            schema=schema,
            index_params=self.indexed(index),
            consistency_level="Bounded",
            properties={PREFIX + key: value for key, value in said.items()},
            patience=60.0,
        )

    def indexed(self, index: str) -> Any:
        """What the client is told of an index of the vectors."""
        parameters = self._client.prepare_index_params()
        parameters.add_index("vector", index_type=index, metric_type="IP", params=_parameters(index))
        return parameters

    def whole_name(self) -> str:
        """For messages."""
        return f"the collection {self.name!r} at {self.uri}"


def _parameters(index: str) -> dict[str, int]:
    """Of an index in Milvus, where it needs some."""
    known = {"HNSW": {"M": 32, "efConstruction": 200}}
    return known.get(index, {"nlist": 1024} if index.startswith("IVF") else {})


def _head(held: Mapping[str, str]) -> tuple[int, str]:
    version, _, token = held[f"{PREFIX}head"].partition(" ")
    return int(version), token


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    batch: list[Row] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += len(row.get("body", "")) + 8 * len(row["vector"])
        if size > SENT or len(batch) >= 1000:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
