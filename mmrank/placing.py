"""Where a collection keeps its documents: in its directory, or in Milvus, which its user must have named."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mmrank.config import Settings
from mmrank.consent import allow_server, check_server
from mmrank.errors import InputError

if TYPE_CHECKING:
    from mmrank.index import EncoderIdentity, Store

STORES = ("local", "milvus")


@dataclass(frozen=True, slots=True)
class Place:
    """What a user says of where a collection is kept.

    Attributes:
        store: "local" or "milvus"; None where nothing was said.
        uri: of Milvus.
        name: of the collection in Milvus; None for that of the directory.

    Raises:
        InputError: when it contradicts itself.
    """

    store: str | None
    uri: str | None
    name: str | None

    def __post_init__(self) -> None:
        if self.store not in (None, *STORES):
            raise InputError(f"unknown store {self.store!r}; there are: {', '.join(STORES)}")
        if self.store == "local" and (self.uri or self.name):
            raise InputError("a uri and a name are for a collection in Milvus: add store='milvus', or leave them out")

    def create(
        self, path: Path, encoder: EncoderIdentity, settings: Settings, index: str, *, join: bool = False
    ) -> Store:
        """Make a collection.

        Args:
            path: its directory.
            encoder: what makes its vectors.
            settings: of the collection.
            index: see `Store.create` and `MilvusStore.create`.
            join: where Milvus holds the collection already, make a directory for it.

        Raises:
            InputError: when something is there already, or Milvus is asked for without its uri.
        """
        from mmrank.index import Store

        if self.store != "milvus":
            return Store.create(path, encoder=encoder, settings=settings.content(), index=index)
        from mmrank.index import MilvusStore

        uri, name = self._uri(), self.name or name_of(path)
        if join and MilvusStore.holds(uri, name):
            made: Store = MilvusStore.attach(path, uri=uri, name=name, encoder=encoder)
        else:
            made = MilvusStore.create(
                path, uri=uri, name=name, encoder=encoder, settings=settings.content(), index=index
            )
        allow_server(uri)
        return made

    def restore(self, file: Path, path: Path) -> Store:
        """Make a collection of an export.

        Args:
            file: what `mmrank export` wrote.
            path: the collection's directory.

        Raises:
            InputError: when something is there already, the file is no export, or Milvus is asked for without its uri.
            MmrankError: when the file is damaged, or Milvus cannot be reached or written.
        """
        from mmrank.index import import_archive, import_into_milvus

        if self.store != "milvus":
            return import_archive(file, path)
        made = import_into_milvus(file, path, uri=self._uri(), name=self.name or name_of(path))
        allow_server(self._uri())
        return made

    def _uri(self) -> str:
        if not self.uri:
            raise InputError("a collection in Milvus needs its uri: http://host:19530, or a file such as reports.db")
        return self.uri

    def open(self, path: Path, encoder: EncoderIdentity | None, read_only: bool) -> Store:
        """Open a collection, or make a directory for one that Milvus holds.

        Raises:
            InputError: when there is none, or it is kept elsewhere than was said, or in a Milvus that its user did not
                name.
        """
        from mmrank.index import Store, is_remote, is_vacant, read_pointer

        if not is_remote(path):
            if self.uri and is_vacant(path):
                from mmrank.index import MilvusStore

                attached = MilvusStore.attach(path, uri=self.uri, name=self.name or name_of(path), encoder=encoder)
                allow_server(self.uri)
                return attached
            if self.store == "milvus" or self.uri:
                raise InputError(f"{path} keeps its documents in its own folder, not in Milvus")
            return Store.open(path, encoder=encoder, read_only=read_only)
        from mmrank.index import MilvusStore

        pointer = read_pointer(path)
        if self.store == "local":
            raise InputError(f"{path} keeps its documents in Milvus at {pointer.uri}")
        if self.name and self.name != pointer.name:
            raise InputError(f"{path} belongs to the collection {pointer.name!r} in Milvus, not to {self.name!r}")
        if self.uri:
            opened = MilvusStore.open(path, encoder=encoder, read_only=read_only, uri=self.uri)
            allow_server(self.uri)
            return opened
        check_server(pointer.uri, path)
        return MilvusStore.open(path, encoder=encoder, read_only=read_only)


def name_of(path: Path) -> str:
    """What a collection in this directory is called in Milvus by default.

    >>> name_of(Path("annual reports.mmrank"))
    'annual_reports'
    """
    stem = re.sub(r"[^A-Za-z0-9_]", "_", path.name.removesuffix(".mmrank")) or "library"
    return stem if not stem[0].isdigit() else f"_{stem}"
