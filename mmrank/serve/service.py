"""What routes work with: the opened collections and the settings, in one object per application."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ParamSpec, TypeVar

import anyio
from fastapi import Depends, Request

from mmrank.collection import Collection
from mmrank.serve.errors import ApiError
from mmrank.serve.settings import ServeSettings

if TYPE_CHECKING:
    from mmrank.index import DocumentRecord

P = ParamSpec("P")
T = TypeVar("T")


class Service:
    """The opened collections, by name.

    Routes get it as a parameter: `async def route(service: ServiceOf)`.

    Args:
        collections: by the name that clients use, the path of a collection or an open one.
        settings: of the service.

    Raises:
        InputError: for no collection, or one that cannot be opened.
    """

    def __init__(self, collections: Mapping[str, str | Path | Collection], settings: ServeSettings) -> None:
        from mmrank.errors import InputError

        if not collections:
            raise InputError("there is nothing to serve: name a collection")
        self.settings = settings
        self._collections = {
            name: given if isinstance(given, Collection) else Collection.open(given, read_only=settings.read_only)
            for name, given in collections.items()
        }
        self._threads = anyio.CapacityLimiter(settings.search_threads)

    @property
    def names(self) -> list[str]:
        """Names of the collections."""
        return list(self._collections)

    def collection(self, name: str | None = None) -> Collection:
        """An open collection, by its name; the only one needs none.

        Raises:
            ApiError: when there is none of this name, or no name is given and there are several.
        """
        if name is None and len(self._collections) == 1:
            return next(iter(self._collections.values()))
        known = ", ".join(self._collections)
        if name is None:
            raise ApiError(400, "collection_not_named", f"Name a collection; there are: {known}.")
        if name not in self._collections:
            raise ApiError(404, "no_such_collection", f"There is no collection {name[:80]!r}; there are: {known}.")
        return self._collections[name]

    def record(self, collection: Collection, identifier: str) -> DocumentRecord:
        """The record of a document, by its id.

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

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do work that blocks, in a thread; as many at the same time as the settings say, in the order of arrival."""
        async with self._threads:
            return await asyncio.to_thread(work, *args, **kwargs)

    def close(self) -> None:
        """Close the collections."""
        for collection in self._collections.values():
            collection.close()


def service_of(request: Request) -> Service:
    """The service of the application that a request came to."""
    service = request.app.state.service
    assert isinstance(service, Service)
    return service


ServiceOf = Annotated[Service, Depends(service_of)]
