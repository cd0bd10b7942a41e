"""A document of a collection whose pages and passages are read when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar, overload

from mmrank.names import canonical
from mmrank.types import Element, ImageRef, Page, Passage

if TYPE_CHECKING:
    from mmrank.index import DocumentRecord, Snapshot
    from mmrank.retrieve.document_arrays import DocumentArrays

Value_co = TypeVar("Value_co", covariant=True)


class Lazy(Sequence[Value_co]):
    """A sequence whose values are made when they are asked for.

    Args:
        count: how many there are.
        make: makes the value at one place.
        run: makes those at several places that follow one another, where that is quicker than one by one.

    >>> Lazy(3, str)[1:]
    ('1', '2')
    """

    def __init__(
        self,
        count: int,
        make: Callable[[int], Value_co],
        run: Callable[[range], tuple[Value_co, ...]] | None = None,
    ) -> None:
        self._places = range(count)
        self._make = make
        self._run = run

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, at: int) -> Value_co: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Value_co, ...]: ...
    def __getitem__(self, at: int | slice) -> Value_co | tuple[Value_co, ...]:
        if isinstance(at, slice):
            places = self._places[at]
            if self._run is not None and places.step == 1:
                return self._run(places)
            return tuple(map(self._make, places))
        return self._make(self._places[at])


class StoredDocument:
    """Read like a `Document`, as long as its snapshot is open: three hits of a long report read three of its pages.

    Args:
        snapshot: holds the document.
        identifier: its id.
        name: its name in the collection.
        path: its file.
        prepared: its arrays.
    """

    def __init__(self, snapshot: Snapshot, identifier: str, name: str, path: str, prepared: DocumentArrays) -> None:
        self.id = identifier
        self.name = name
        self.path = path
        self.pages: Sequence[Page] = Lazy(prepared.page_count, lambda at: snapshot.page(identifier, at))
        self.passages: Sequence[Passage] = Lazy(
            len(prepared.passage_pages),
            lambda at: snapshot.passage(identifier, at),
            lambda places: snapshot.run_of_passages(identifier, places),
        )
        self._prepared = prepared
        self._snapshot = snapshot

    @cached_property
    def _record(self) -> DocumentRecord:
        from mmrank.index import Filter

        [record] = self._snapshot.documents(Filter(documents=(self.id,)))
        return record

    @property
    def title(self) -> str:
        """As `Document.title`."""
        return self._record.title

    @property
    def metadata(self) -> Mapping[str, str]:
        """As `Document.metadata`."""
        return self._record.metadata

    @property
    def handles(self) -> Mapping[str, tuple[str, ...]]:
        """As `Document.handles`."""
        return self._prepared.handles

    def resolve(self, name: str) -> tuple[str, ...]:
        """As `Document.resolve`."""
        return self.handles.get(canonical(name), ())

    def element(self, element_id: str) -> Element:
        """As `Document.element`.

        Raises:
            KeyError: when the document has no such element.
        """
        page = element_id.partition("e")[0].removeprefix("p")
        if page.isdigit() and int(page) < len(self.pages):
            for element in self.pages[int(page)].elements:
                if element.id == element_id:
                    return element
        raise KeyError(element_id)

    def page_image(self, page: int) -> ImageRef:
        """A lazy picture of one page (0-based)."""
        return ImageRef(self.path, page)
