"""Who encodes what was read, and prepares it for ranking: this process, or a Ray cluster."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mmrank.config import Settings
from mmrank.encoding import encode_document, encoder_of, identity_of
from mmrank.errors import MmrankError
from mmrank.types import Document

if TYPE_CHECKING:
    from mmrank.encoders.protocol import Vectors
    from mmrank.encoding import AnyEncoder
    from mmrank.index import EncoderIdentity
    from mmrank.ingest.cluster import Cluster

    Encoded = tuple[Vectors, Vectors, list[Vectors] | None]
    Arrays = dict[str, NDArray[Any]]

LONG = 512
"""Passages of a document from which on they are spread over the workers."""
AHEAD = 2
"""Documents per worker that are sent out before the first must have come back."""
GPU_WAIT = 60.0
"""Seconds for which GPUs of a cluster that others use are waited for."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A document that was encoded, or why it could not be.

    Attributes:
        document: what was encoded.
        metadata: of the document.
        encoded: its vectors; None where it failed.
        arrays: prepared for ranking.
        error: why it failed.
    """

    document: Document
    metadata: dict[str, str]
    encoded: Encoded | None
    arrays: Arrays
    error: str = ""


class Encoding(Protocol):
    """Encodes documents, in the order in which they come or in another."""

    def take(self, document: Document, metadata: dict[str, str]) -> Iterator[Ready]:
        """Begin with a document; gives those that are ready, and waits where too many are not."""
        ...

    def ready(self) -> Iterator[Ready]:
        """Those that are ready now."""
        ...

    def rest(self) -> Iterator[Ready]:
        """Wait for all that were begun."""
        ...


class EncodingHere:
    """Encodes each document when it comes, in this process."""

    def __init__(self, encoder: Callable[[], AnyEncoder], settings: Settings) -> None:
        self._encoder, self._settings = encoder, settings

    def take(self, document: Document, metadata: dict[str, str]) -> Iterator[Ready]:
        """Encode a document."""
        from mmrank.retrieve.prepared import prepare

        encoder = self._encoder()  # one that cannot be loaded is no fault of the file
        try:
            vectors = encode_document(encoder, document, self._settings)
            yield Ready(document, metadata, vectors, prepare(document))
        except MmrankError as error:
            yield Ready(document, metadata, None, {}, str(error))

    def ready(self) -> Iterator[Ready]:
        """None: each was given when it was taken."""
        yield from ()

    def rest(self) -> Iterator[Ready]:
        """None: each was given when it was taken."""
        yield from ()


class EncodingOnRay:
    """Encodes documents on a Ray cluster: on its GPUs, a worker on each, where some are free; else on its processors.

    Passages of a long document are spread over the workers. What comes back is what this process would have made, up to
    the rounding of other machines.

    Args:
        cluster: the cluster.
        settings: of the collection; they name the encoder that each worker loads.
        check: called with the identity of the workers' encoder; raises where it is another than the collection's.

    Attributes:
        gpus: of each worker that has one, their numbers on its machine.
    """

    def __init__(self, cluster: Cluster, settings: Settings, check: Callable[[EncoderIdentity], None]) -> None:
        ray = self._ray = cluster.ray
        self._settings, self._check, self._checked = settings, check, False
        self._put = ray.put(settings)
        self._actors: deque[Any] = deque()
        self.gpus: list[list[int]] = []
        self._begin(cluster.gpus)
        self._width = len(self._actors) or cluster.processors
        self._tasks = {run: ray.remote(num_cpus=1, max_retries=5)(run) for run in (_whole, _block, _prepared)}
        self._waiting: deque[tuple[Document, dict[str, str], Future[Any]]] = deque()

    def _begin(self, gpus: int) -> None:
        """Begin a worker on each GPU that is free, or becomes free soon."""
        # Without a processor of its own: workers on all GPUs would leave none to read with.
        kind = self._ray.remote(num_gpus=1, num_cpus=0, max_restarts=3, max_task_retries=3)(_Worker)
        actors = {(actor := kind.remote()).gpus.remote(): actor for _ in range(gpus)}
        if not actors:
            return
        begun, late = self._ray.wait(list(actors), num_returns=gpus, timeout=GPU_WAIT)
        for each in late:
            self._ray.kill(actors[each])
        self.gpus = self._ray.get(begun)
        self._actors.extend(actors[each] for each in begun)

    def take(self, document: Document, metadata: dict[str, str]) -> Iterator[Ready]:
        """Send a document out; gives those that are ready, and waits for the first where too many are not."""
        self._waiting.append((document, metadata, self._sent(document)))
        while len(self._waiting) > AHEAD * self._width:
            yield self._first()
        yield from self.ready()

    def ready(self) -> Iterator[Ready]:
        """Those that are ready, in the order in which they were taken."""
        while self._waiting and self._waiting[0][2].done():
            yield self._first()

    def rest(self) -> Iterator[Ready]:
        """All others."""
        while self._waiting:
            yield self._first()
        for actor in self._actors:
            self._ray.kill(actor)

    def _sent(self, document: Document) -> Any:
        if len(document.passages) <= LONG:
            return self._send(_whole, document).future()
        blocks = [
            self._send(_block, document.passages[at : at + LONG]) for at in range(0, len(document.passages), LONG)
        ]
        return _Several([block.future() for block in [*blocks, self._send(_prepared, document)]])

    def _send(self, run: Callable[..., Any], value: object) -> Any:
        from mmrank.ingest.cluster import made_here

        if self._actors and run is not _prepared:
            self._actors.rotate(1)
            return self._actors[0].run.remote(run.__name__, self._put, value, made_here())
        return self._tasks[run].remote(self._put, value, made_here())

    def _first(self) -> Ready:
        from mmrank.ingest.cluster import lost

        document, metadata, future = self._waiting.popleft()
        try:
            answer = future.result()
        except self._ray.exceptions.RayError as error:
            return Ready(document, metadata, None, {}, f"{document.name} was lost on the cluster: {lost(error)}")
        parts = answer if isinstance(answer, list) else [answer]
        for part in parts:
            if isinstance(part, str):
                raise MmrankError(part)
        if not self._checked:
            self._check(parts[0][0])
            self._checked = True
        failed = next((str(part[2]) for part in parts if len(part) == 3 and part[1] is None), "")
        if failed:
            return Ready(document, metadata, None, {}, failed)
        if not isinstance(answer, list):
            _, encoded, arrays = answer
            return Ready(document, metadata, encoded, arrays)
        *blocks, (_, arrays) = parts
        given = _Given(blocks)
        return Ready(document, metadata, encode_document(given, document, self._settings), arrays)


class _Several:
    """Futures as one."""

    def __init__(self, futures: list[Future[Any]]) -> None:
        self._futures = futures

    def done(self) -> bool:
        return all(future.done() for future in self._futures)

    def result(self) -> list[Any]:
        return [future.result() for future in self._futures]


class _Given:
    """An encoder that was asked before, about the passages of one document."""

    def __init__(self, blocks: list[tuple[EncoderIdentity, Any, Any]]) -> None:
        self.info = blocks[0][1]
        self._blocks = [vectors for _, _, vectors in blocks]

    def encode_passages(self, passages: object) -> Any:
        if isinstance(self._blocks[0], list):
            return [vectors for block in self._blocks for vectors in block]
        return np.concatenate(self._blocks)

    def encode_queries(self, queries: object) -> Any:
        raise MmrankError("a cluster encodes passages, not questions; ask the collection itself")


_loaded: dict[str, AnyEncoder] = {}
"""The encoder of this process of a cluster, kept from task to task."""


class _Worker:
    """Lives in an actor, which has a GPU."""

    def gpus(self) -> list[int]:
        import ray

        return [int(each) for each in ray.get_gpu_ids()]

    def run(self, name: str, settings: Settings, value: Any, expected: tuple[str, int]) -> Any:
        return {"_whole": _whole, "_block": _block}[name](settings, value, expected)


def _whole(settings: Settings, document: Document, expected: tuple[str, int]) -> Any:
    from mmrank.retrieve.prepared import prepare

    encoder = _encoder(settings, expected)
    if isinstance(encoder, str):
        return encoder
    try:
        return identity_of(encoder), encode_document(encoder, document, settings), prepare(document)
    except MmrankError as error:
        return identity_of(encoder), None, str(error)


def _block(settings: Settings, passages: Any, expected: tuple[str, int]) -> Any:
    encoder = _encoder(settings, expected)
    if isinstance(encoder, str):
        return encoder
    try:
        return identity_of(encoder), encoder.info, encoder.encode_passages(passages)
    except MmrankError as error:
        return identity_of(encoder), None, str(error)


def _prepared(settings: Settings, document: Document, expected: tuple[str, int]) -> Any:
    from mmrank.ingest.cluster import other_version
    from mmrank.retrieve.prepared import prepare

    return other_version(expected) or (settings, prepare(document))


def _encoder(settings: Settings, expected: tuple[str, int]) -> AnyEncoder | str:
    """The encoder of this process, or why it has none."""
    from mmrank.ingest.cluster import other_version

    if wrong := other_version(expected):
        return wrong
    key = settings.model_dump_json()
    if key not in _loaded:
        _loaded.clear()
        try:
            _loaded[key] = encoder_of(settings.model_copy(update={"device": "auto"}))
        except MmrankError as error:
            return str(error)
    return _loaded[key]
