"""A collection of documents on disk: opened, added to, removed from, and asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from mmrank.config import FREE, Settings, load_settings
from mmrank.consent import allow, check_allowed, check_server, obeyed
from mmrank.encoding import encode_document, encoder_of, identity_of
from mmrank.errors import InputError, MmrankError
from mmrank.placing import Place
from mmrank.progress import AddProgress
from mmrank.questions import Questions
from mmrank.types import Document

if TYPE_CHECKING:
    from mmrank.adding import AddReport
    from mmrank.adding.sources import Source
    from mmrank.encoders.protocol import Vectors
    from mmrank.encoding import AnyEncoder
    from mmrank.index import DocumentRecord, RepairReport
    from mmrank.ingest.cluster import Cluster


class Collection(Questions):
    """Documents, their vectors and their words, in one directory, or in Milvus for several machines.

    Made with `Collection.create(path)` or `Collection.open(path)`; usable as a context manager.

    >>> import tempfile, pathlib
    >>> with Collection.create(pathlib.Path(tempfile.mkdtemp()) / "library.mmrank") as library:
    ...     len(library)
    0
    """

    @classmethod
    def create(
        cls,
        path: str | Path,
        *,
        profile: str = "cpu",
        encoder: str | AnyEncoder | None = None,
        index: str = "auto",
        exist_ok: bool = False,
        store: str = "local",
        uri: str | None = None,
        name: str | None = None,
        **settings: Any,
    ) -> Self:
        """Make a new, empty collection in the directory `path`.

            Collection.create("reports.mmrank", store="milvus", uri="http://host:19530")

        Args:
            path: a directory that does not exist yet (or, with `exist_ok`, a collection that is opened instead).
            profile: "cpu" or "gpu", see `mmrank.config`.
            encoder: name of an encoder, or an `Encoder` of your own (then give it again when opening).
            index: FAISS factory string of large segments, or "auto" to choose by size (see `Store.create`); in Milvus
                the name of one of its indexes, such as "HNSW", or "auto" for AUTOINDEX.
            exist_ok: open the collection if there is one already; its own settings stay.
            store: "local" keeps everything in the directory; "milvus" keeps documents in Milvus, and in the directory
                what this machine needs to ask them.
            uri: of Milvus: "http://host:19530", or a file of Milvus Lite such as "reports.db".
            name: of the collection in Milvus; by default that of the directory.
            settings: changes to the profile's settings, by name.

        Raises:
            InputError: for unknown settings, or where something is at `path` already.
            MmrankError: when the directory cannot be made.
        """
        from mmrank.index import is_vacant

        given = None if encoder is None or isinstance(encoder, str) else encoder
        if exist_ok and not is_vacant(Path(path)):
            named = encoder if isinstance(encoder, str) else settings.get("encoder")
            free = {name: settings[name] for name in FREE & settings.keys()}
            library = cls.open(path, encoder=given, uri=uri, **free)
            if named == library.settings.encoder:
                allow(library.settings)
            return library
        if isinstance(encoder, str):
            settings["encoder"] = encoder
        elif encoder is not None:
            settings["encoder"] = encoder.info.name
        chosen = load_settings(profile, **settings)
        made = given or encoder_of(chosen)
        if given is None:
            allow(chosen)
        place = Place(store, uri, name)
        return cls(place.create(Path(path), identity_of(made), chosen, index, join=exist_ok), chosen, made)

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        encoder: AnyEncoder | None = None,
        read_only: bool = False,
        allow_models: bool = False,
        store: str | None = None,
        uri: str | None = None,
        name: str | None = None,
        **settings: Any,
    ) -> Self:
        """Open a collection.

        Args:
            path: its directory. Where there is none yet on this machine, `uri` says in which Milvus the collection is.
            encoder: your own, where it was made with one.
            read_only: refuse to change it.
            allow_models: load the encoder that the collection names even where it is not embedded, now and from now
                on (`mmrank.consent`). Collections that you made yourself need no consent.
            store: "local" or "milvus", to make sure that it is kept so.
            uri: of the Milvus that holds it. Needed the first time on a machine, and when Milvus has moved; also the
                word that this machine may connect to it.
            name: of the collection in Milvus; by default that of the directory.
            settings: those that may differ from how it was made, `mmrank.config.FREE`: device, reranker, ….

        Raises:
            InputError: when there is none at `path`, or `encoder` or a setting is not what it was made with, or it is
                in a Milvus that was not named on this machine before.
            MmrankError: when it was made by another version or is damaged, or its Milvus cannot be reached.
        """
        fixed = sorted(settings.keys() - FREE)
        if fixed:
            raise InputError(f"{', '.join(fixed)}: fixed when a collection is made; make another one for other values")
        identity = None if encoder is None else identity_of(encoder)
        opened = Place(store, uri, name).open(Path(path), identity, read_only)
        try:
            library = cls(opened, load_settings(**{**obeyed(opened.settings), **settings}), encoder)
            opened.mapped = library.settings.mapped
            if allow_models:
                allow(library.settings)
        except InputError as error:
            opened.close()
            raise type(error)(f"{path}: {error}") from error
        except MmrankError:
            opened.close()
            raise
        return library

    @classmethod
    def repair(
        cls, path: str | Path, *, encoder: AnyEncoder | None = None, wait: float = 0.0, allow_models: bool = False
    ) -> RepairReport:
        """Repair what `mmrank.index.verify` finds, and upgrade a collection of an earlier format.

        Args:
            path: its directory.
            encoder: your own, where it was made with one.
            wait: seconds to wait for another writer to finish.
            allow_models: as in `open`.

        Raises:
            MmrankError: when its catalog is damaged; an export, or the files themselves, bring it back.
        """
        from mmrank.index import is_remote, read_pointer, repair, repair_in_milvus

        made: list[tuple[AnyEncoder, Settings]] = []

        def encode(document: Document) -> tuple[Vectors, Vectors, list[Vectors] | None]:
            if not made:
                with cls.open(path, encoder=encoder, read_only=True, allow_models=allow_models) as library:
                    made.append((library.encoder, library.settings))
            return encode_document(made[0][0], document, made[0][1])

        path = Path(path)
        if is_remote(path):
            check_server(read_pointer(path).uri, path)
            report = repair_in_milvus(path, encode=encode, wait=wait)
        else:
            report = repair(path, encode=encode, wait=wait)
        with cls.open(path, encoder=encoder) as library:
            from mmrank.adding.describing import renew_identities
            from mmrank.adding.renaming import renew_arrays

            renewed = renew_identities(library.store, wait)
            renew_arrays(library.store, wait)
            return replace(report, renewed=tuple(renewed))

    def close(self) -> None:
        """Close the files."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Collection({str(self.path)!r})"

    # Changes

    def add(
        self,
        *sources: Source,
        metadata: Mapping[str, object] | None = None,
        follow_links: bool = False,
        prune: bool = False,
        retry: bool = False,
        ocr: str | bool | None = None,
        attachments: bool = False,
        save_to: str | Path | None = None,
        engine: str = "local",
        address: str | None = None,
        progress: AddProgress | None = None,
        wait: float = 0.0,
    ) -> AddReport:
        """Read files into the collection.

        An unchanged file is skipped. A changed file replaces its earlier version. A file that was moved or renamed is
        recognised by its content and not read again. Files of the same content are read once and found under each of
        their names. One bad file never stops the others, and one bad page costs that page. Work is committed while it
        goes on: after an interruption, add the same sources again.

        Args:
            sources: files, folders (recursive) and globs, as texts or paths; open files that have a name; and pairs of
                a name and bytes or an open file, such as ("2024/report.pdf", data).
            metadata: what you say of the files, by key: texts or lists of texts, for all of them; or by name of a
                document a mapping of such. It wins over what a sidecar says ("report.pdf.meta.yaml" beside
                "report.pdf") and over what is found, and stays when the file is added again.
            follow_links: also read what links in folders lead to, wherever that is.
            prune: remove documents whose files are not in the given folders any more; otherwise they are only named.
            retry: read files again of which pages could not be read.
            ocr: when to recognise the text of these files, in place of the setting `ocr`: "auto", "always", "never", or
                "always:3-5,9" for single pages. Files that are there already are read again.
            attachments: also read the files attached to PDFs, of kinds that are read, as documents of their own:
                "report.pdf/attachment.pdf". Metadata for all files are theirs too.
            save_to: the folder in which attachments, and contents that are in no file on the disk, are saved, so that
                their pages can be shown. By default it lies beside the collection, "library.mmrank.files" for
                "library.mmrank", and belongs to it: its files are exported, checked and removed with their documents.
                In a folder of your own nothing is deleted. A file of the same name is replaced.
            engine: "local", or "ray" to read and encode on a Ray cluster, all machines of which see the files under
                the same paths.
            address: of the Ray cluster: "host:6379", "ray://host:10001", or "auto" for the one that this machine is in;
                None for one on this machine alone.
            progress: called with how far the reading is, about once per second.
            wait: seconds to wait for another writer to finish.

        Raises:
            InputError: when a source does not exist, a folder holds no document, a content has no name that a file can
                have, or metadata cannot be stored.
            MmrankError: when the collection, or the folder of contents, cannot be written to.
        """
        if self._store.read_only:
            raise InputError(f"{self.path} was opened read-only")
        from mmrank.adding.addition import add_sources
        from mmrank.adding.files import add_files

        with self._machines(engine, address) as cluster:

            def add(files: Sequence[tuple[Path, str]], said: Mapping[str, object] | None) -> AddReport:
                return add_files(
                    self._store,
                    lambda: self.encoder,
                    self.settings,
                    files,
                    metadata=said,
                    retry=retry,
                    ocr=ocr,
                    cluster=cluster,
                    progress=progress,
                    wait=wait,
                )

            return add_sources(
                self._store,
                sources,
                add,
                metadata=metadata,
                follow_links=follow_links,
                prune=prune,
                attachments=attachments,
                save_to=save_to,
                wait=wait,
            )

    @contextmanager
    def _machines(self, engine: str, address: str | None) -> Iterator[Cluster | None]:
        """The cluster that reads and encodes; None for this machine."""
        if engine not in ("local", "ray"):
            raise InputError(f"unknown engine {engine!r}; there are: local, ray")
        if engine == "local":
            if address is not None:
                raise InputError("an address is that of a Ray cluster: add engine='ray', or leave it out")
            yield None
            return
        check_allowed(self.settings, self.path)
        from mmrank.ingest.cluster import Cluster

        with Cluster(address) as cluster:
            yield cluster

    def add_files(
        self,
        files: Sequence[tuple[Path, str]],
        *,
        metadata: Mapping[str, object] | None = None,
        cache: Path | None = None,
        retry: bool = False,
        ocr: str | bool | None = None,
        progress: AddProgress | None = None,
        wait: float = 0.0,
    ) -> AddReport:
        """Like `add`, with names of your choice.

        Args:
            files: paths and the names they get.
            metadata: as `add` takes it.
            cache: folder that keeps what was read from each file, by content and settings.
            retry: as `add` takes it.
            ocr: as `add` takes it.
            progress: as `add` takes it.
            wait: seconds to wait for another writer to finish.
        """
        from mmrank.adding.files import add_files

        return add_files(
            self._store,
            lambda: self.encoder,
            self.settings,
            files,
            metadata=metadata,
            cache=cache,
            retry=retry,
            ocr=ocr,
            progress=progress,
            wait=wait,
        )

    def set_metadata(self, name: str, changes: Mapping[str, object | None], *, wait: float = 0.0) -> DocumentRecord:
        """Correct the metadata of a document, without reading its file again.

        What you say here wins over what a sidecar says and over what is found, also when the file is added again.

        Args:
            name: name or id of the document.
            changes: texts or lists of texts by key; None takes back what was said before, so that what the sidecar says
                or what is found counts again.
            wait: seconds to wait for another writer to finish.

        Returns:
            The document's record with its new metadata.

        Raises:
            InputError: when there is no such document, a value cannot be stored, or nothing was said that could be
                taken back; then nothing is changed.
        """
        from mmrank.adding.describing import correct

        record = self.record(name)
        correct(self._store, record, changes, wait)
        return self.record(record.id)

    def remove(self, *names: str, wait: float = 0.0) -> int:
        """Remove documents, by name or id. Returns how many were removed.

        A document that goes by several names, since several files hold its content, stays under those that are not
        named here. A content that `add` saved beside the collection is deleted there; files of your own never are.

        Raises:
            InputError: when one of them does not exist; then nothing is removed.
        """
        from mmrank.adding.naming import without_names
        from mmrank.adding.renaming import delete_files, place_documents

        records = {name: self.record(name) for name in names}
        wholly = [record.id for name, record in records.items() if name == record.id]
        places = {record.id: () if record.id in wholly else without_names(record, names) for record in records.values()}
        place_documents(self._store, places, wait=wait)
        left = {identifier: set(kept) for identifier, kept in places.items()}
        delete_files(self._store, [p for r in records.values() for p in r.places if p not in left[r.id]])
        return len(records)
