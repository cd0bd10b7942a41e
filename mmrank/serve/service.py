"""What routes work with: the opened collections and the settings, as one client may use them."""

from __future__ import annotations

import copy
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec, Self, TypeVar

from fastapi import Depends, Request

from mmrank.collection import Collection
from mmrank.errors import InputError, MmrankError
from mmrank.serve.drawing import Drawn
from mmrank.serve.errors import ApiError
from mmrank.serve.jobs import Jobs
from mmrank.serve.keys import Access
from mmrank.serve.lanes import Lane
from mmrank.serve.metrics import Metrics
from mmrank.serve.runner import Runner
from mmrank.serve.settings import ServeSettings

if TYPE_CHECKING:
    from mmrank.index import DocumentRecord
    from mmrank.rerankers.protocol import Reranker

P = ParamSpec("P")
T = TypeVar("T")
READERS = 4
"""Threads for what is quick: records, elements, pictures."""
WRITERS = 2
"""Threads that change collections; of one collection one at a time does."""


class Service:
    """The opened collections, by name, as one client may use them.

    Routes get it as a parameter: `async def route(service: ServiceOf)`. It shows the collections that the client's key
    is for, and no others. A mounted ASGI application makes its own: `service.for_scope(scope)`.

    Args:
        collections: by the name that clients use, the path of a collection or an open one.
        settings: of the service.

    Raises:
        InputError: for no collection, or one that cannot be opened.
    """

    def __init__(self, collections: Mapping[str, str | Path | Collection], settings: ServeSettings) -> None:
        if not collections:
            raise InputError("there is nothing to serve: name a collection")
        self.settings = settings
        self.access = Access()
        self._opened = _Opened(collections, settings.read_only)
        self._searches = Lane("search", settings.search_threads, settings.waiting, settings.request_seconds)
        self._changes = Lane("change", WRITERS, settings.waiting, settings.request_seconds)
        self.drawn = Drawn()
        self._rerankers: dict[str, Reranker] = {}
        self._loading = threading.Lock()
        self.jobs = {name: Jobs(self._opened.path(name)) for name in self._opened.names}
        self.metrics = Metrics()
        self._runner = Runner(self.jobs, self._opened.collection, self.metrics)
        self._looks = Lane("look", READERS, settings.waiting, settings.request_seconds)

    def for_access(self, access: Access) -> Self:
        """The same service, as a client with this access may use it."""
        seen = copy.copy(self)
        seen.access = access
        return seen

    def for_scope(self, scope: MutableMapping[str, Any]) -> Self:
        """The same service, as the client of a request may use it, by the request's ASGI scope."""
        access = scope.get("state", {}).get("access")
        assert isinstance(access, Access), "the request did not pass the guard"
        return self.for_access(access)

    @property
    def names(self) -> list[str]:
        """Names of the collections that the client may see."""
        return [name for name in self._opened.names if self.access.sees(name)]

    def name_of(self, name: str | None = None) -> str:
        """The name of a collection that the client may see; the only one need not be named.

        Raises:
            ApiError: when there is none of this name, or no name is given and there are several.
        """
        names = self.names
        if name is None and len(names) == 1:
            return names[0]
        known = f"there are: {', '.join(names)}" if names else "this key is for none"
        if name is None:
            raise ApiError(400, "collection_not_named", f"Name a collection; {known}.")
        if name not in names:
            raise ApiError(404, "no_such_collection", f"There is no collection {name[:80]!r}; {known}.")
        return name

    def collection(self, name: str | None = None, *, write: bool = False) -> Collection:
        """An open collection, by its name; the only one need not be named.

        Args:
            name: of the collection.
            write: whether it will be changed.

        Raises:
            ApiError: when there is none of this name, no name is given and there are several, its folder is gone, or
                the client may not change it.
        """
        chosen = self.name_of(name)
        if write and self.settings.read_only:
            raise ApiError(403, "read_only", "This service changes nothing; it was started so.")
        if write and not self.access.write:
            raise ApiError(403, "key_reads_only", "This key is for reading; show one that is for writing.")
        return self._opened.collection(chosen)

    def record(self, collection: Collection, identifier: str) -> DocumentRecord:
        """The record of a document, by its id. It reads from the disk: call it with `look`.

        Raises:
            ApiError: when the collection holds none.
        """
        from mmrank.index import Filter

        found = collection.documents(Filter(documents=(identifier,)))
        if not found:
            raise ApiError(
                404,
                "no_such_document",
                f"There is no document with the id {identifier[:80]!r}; GET /documents lists them.",
            )
        return found[0]

    def reranker(self, name: str) -> Reranker:
        """A reranker of its own, for texts that clients send, loaded once.

        Raises:
            InputError: for an unknown one.
            MmrankError: when it cannot be loaded.
        """
        with self._loading:
            if name not in self._rerankers:
                from mmrank.rerankers import load_reranker

                self._rerankers[name] = load_reranker(name)
            return self._rerankers[name]

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Search, or do other work that takes the processor, in a thread; as many at the same time as the settings say.

        Raises:
            ApiError: when too many wait already, or it takes too long.
        """
        return await self._searches.run(work, *args, **kwargs)

    async def look(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Look something up, or draw a page, in a thread that does not wait for searches.

        Raises:
            ApiError: when too many wait already, or it takes too long.
        """
        return await self._looks.run(work, *args, **kwargs)

    async def change(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Change a collection, in a thread that waits for nobody who reads.

        Raises:
            ApiError: when too many wait already, or it takes too long.
        """
        return await self._changes.run(work, *args, **kwargs)

    def each(self, make: Callable[[], Iterator[T]]) -> AsyncIterator[T]:
        """The items of an iterator that searches or writes, such as `collection.ask_stream`, as they come.

        Raises:
            ApiError: when too many wait already, or an item takes too long.
        """
        return self._searches.each(make)

    def warm(self) -> None:
        """Load the encoders and ask each collection once, so that the first question does not wait for either.

        Raises:
            InputError: for an encoder that is not installed, or not allowed.
            MmrankError: when one cannot be loaded.
        """
        for name in self._opened.names:
            self._opened.collection(name).search("ready", k=1, rerank="none")

    def check(self) -> None:
        """Make sure that every collection can be read.

        Raises:
            MmrankError: when one cannot.
        """
        for name in self._opened.names:
            self._opened.collection(name)

    def wake(self) -> None:
        """A job was noted: begin it, unless another one is being read."""
        self._runner.wake()

    def start(self) -> None:
        """Load the encoders and begin to read jobs.

        Raises:
            InputError, MmrankError: as `warm` does.
        """
        self.warm()
        if not self.settings.read_only:
            self._runner.start()

    def close(self) -> None:
        """End the threads and close the collections. A job that is being read is put back."""
        self._runner.close()
        self._searches.close()
        self._looks.close()
        self._changes.close()
        self._opened.close()


class _Opened:
    """The collections, opened, and opened again where another one has taken the place."""

    def __init__(self, collections: Mapping[str, str | Path | Collection], read_only: bool) -> None:
        self._read_only = read_only
        self._lock = threading.Lock()
        self._own = {name: given for name, given in collections.items() if isinstance(given, Collection)}
        self._paths = {name: Path(given) for name, given in collections.items() if not isinstance(given, Collection)}
        self._open = dict(self._own)
        for name, path in self._paths.items():
            self._open[name] = Collection.open(path, read_only=read_only)
        self.names = list(collections)

    def path(self, name: str) -> Path:
        return self._open[name].path

    def collection(self, name: str) -> Collection:
        opened = self._open[name]
        if name in self._own:
            return opened
        try:
            with opened.store.snapshot():
                return opened
        except MmrankError as error:
            return self._again(name, opened, error)

    def _again(self, name: str, before: Collection, error: MmrankError) -> Collection:
        with self._lock:
            if self._open[name] is not before:
                return self._open[name]
            try:
                opened = Collection.open(self._paths[name], read_only=self._read_only)
            except MmrankError:
                raise ApiError(
                    503, "collection_gone", f"The collection {name} cannot be read at present: {error}"
                ) from error
            before.close()
            self._open[name] = opened
            return opened

    def close(self) -> None:
        for collection in self._open.values():
            collection.close()


def service_of(request: Request) -> Service:
    """The service, as the client of a request may use it."""
    service = request.app.state.service
    assert isinstance(service, Service)
    return service.for_scope(request.scope)


ServiceOf = Annotated[Service, Depends(service_of)]
