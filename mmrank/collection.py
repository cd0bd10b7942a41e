"""A collection of documents on disk: the one place where reading, encoding, storing and searching meet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from mmrank.adding import AddReport, Progress, add_files, encoded, free_names
from mmrank.asking import take_apart
from mmrank.config import EMBEDDED_WEIGHT, FREE, Settings, load_settings
from mmrank.errors import InputError
from mmrank.sources import find_files
from mmrank.types import Document, Hit, Query

if TYPE_CHECKING:
    from mmrank.encoders.protocol import Encoder, MultiVectorEncoder, Vectors
    from mmrank.encoders.query_adapter import QueryAdapter
    from mmrank.index import DocumentRecord, EncoderIdentity, Filter, RepairReport, Store
    from mmrank.rerankers.explain import Explainer
    from mmrank.rerankers.protocol import Reranker
    from mmrank.retrieve.pages import PageRanking
    from mmrank.retrieve.signals import Question
    from mmrank.retrieve.views import Views

    AnyEncoder = Encoder | MultiVectorEncoder


class Collection:
    """Documents, their vectors and their words, in one directory.

    Made with `Collection.create(path)` or `Collection.open(path)`; usable as a context manager.

    >>> import tempfile, pathlib
    >>> with Collection.create(pathlib.Path(tempfile.mkdtemp()) / "library.mmrank") as library:
    ...     len(library)
    0
    """

    def __init__(self, store: Store, settings: Settings, encoder: AnyEncoder | None = None) -> None:
        self.settings = settings
        self._store = store
        self._given_encoder = encoder
        self._rerankers: dict[str, Reranker] = {}
        self._explainers: dict[str, Explainer] = {}

    @classmethod
    def create(
        cls,
        path: str | Path,
        *,
        profile: str = "cpu",
        encoder: str | AnyEncoder | None = None,
        index: str = "auto",
        exist_ok: bool = False,
        **settings: Any,
    ) -> Self:
        """Make a new, empty collection in the directory `path`.

        Args:
            path: a directory that does not exist yet (or, with `exist_ok`, a collection that is opened instead).
            profile: "cpu" or "gpu", see `mmrank.config`.
            encoder: name of an encoder, or an `Encoder` of your own (then give it again when opening).
            index: FAISS factory string of large segments, or "auto" to choose by size (see `Store.create`).
            exist_ok: open the collection if there is one already; its own settings stay.
            settings: changes to the profile's settings, by name.

        Raises:
            InputError: for unknown settings, or where something is at `path` already.
            MmrankError: when the directory cannot be made.
        """
        from mmrank.index import Store

        given = None if encoder is None or isinstance(encoder, str) else encoder
        if exist_ok and Path(path).is_dir() and any(Path(path).iterdir()):
            return cls.open(path, encoder=given, **{name: settings[name] for name in FREE & settings.keys()})
        if isinstance(encoder, str):
            settings["encoder"] = encoder
        elif encoder is not None:
            settings["encoder"] = encoder.info.name
        chosen = load_settings(profile, **settings)
        made = given or _load_encoder(chosen)
        store = Store.create(path, encoder=_identity(made), settings=chosen.content(), index=index)
        return cls(store, chosen, made)

    @classmethod
    def open(
        cls, path: str | Path, *, encoder: AnyEncoder | None = None, read_only: bool = False, **settings: Any
    ) -> Self:
        """Open a collection.

        Args:
            path: its directory.
            encoder: your own, where it was made with one.
            read_only: refuse to change it.
            settings: those that may change: device, dtype, workers, reranker, rerank_….

        Raises:
            InputError: when there is none at `path`, or `encoder` or a setting is not what it was made with.
            MmrankError: when it was made by another version or is damaged.
        """
        from mmrank.index import Store

        fixed = sorted(settings.keys() - FREE)
        if fixed:
            raise InputError(f"{', '.join(fixed)}: fixed when a collection is made; make another one for other values")
        store = Store.open(path, encoder=None if encoder is None else _identity(encoder), read_only=read_only)
        try:
            return cls(store, load_settings(**{**store.settings, **settings}), encoder)
        except InputError:
            store.close()
            raise

    @classmethod
    def repair(cls, path: str | Path, *, encoder: AnyEncoder | None = None, wait: float = 0.0) -> RepairReport:
        """Put right what `mmrank.index.verify` finds, and bring a collection of an earlier format up to date.

        Args:
            path: its directory.
            encoder: your own, where it was made with one.
            wait: seconds to wait for another writer to finish.

        Raises:
            MmrankError: when its catalog is damaged; an export, or the files themselves, bring it back.
        """
        from mmrank.index import repair

        made: list[tuple[AnyEncoder, Settings]] = []

        def encode(document: Document) -> tuple[Vectors, Vectors, list[Vectors] | None]:
            if not made:
                with cls.open(path, encoder=encoder, read_only=True) as library:
                    made.append((library.encoder, library.settings))
            return encoded(made[0][0], document, made[0][1])

        return repair(path, encode=encode, wait=wait)

    def close(self) -> None:
        """Let go of the files."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self.documents())

    def __repr__(self) -> str:
        return f"Collection({str(self.path)!r})"

    @property
    def path(self) -> Path:
        """Where it is on disk."""
        return self._store.path

    @property
    def store(self) -> Store:
        """The store below, for maintenance (verify, repair, compact, export)."""
        return self._store

    @cached_property
    def encoder(self) -> AnyEncoder:
        """The encoder it was made with, loaded on first use.

        Raises:
            InputError: when the installed encoder is not the one that made the vectors.
        """
        from mmrank.index import Store

        if self._given_encoder is not None:
            return self._given_encoder
        encoder = _load_encoder(self.settings)
        Store.open(self.path, encoder=_identity(encoder), read_only=True).close()
        return encoder

    @cached_property
    def _query_adapter(self) -> QueryAdapter | None:
        from mmrank.encoders.query_adapter import load_query_adapter

        return load_query_adapter(self.settings.query_adapter, self.encoder.info)

    @cached_property
    def _views(self) -> Views:
        from mmrank.retrieve.views import Views

        return Views()

    # What is in it

    def documents(self, where: Filter | None = None) -> list[DocumentRecord]:
        """What is in the collection, by name."""
        with self._store.snapshot() as snapshot:
            return snapshot.documents(where)

    def document(self, name: str) -> Document:
        """One document, by its name or id.

        Raises:
            InputError: when there is no such document; names the closest.
        """
        record = self.record(name)
        with self._store.snapshot() as snapshot:
            return snapshot.document(record.id)

    def record(self, name: str) -> DocumentRecord:
        """What the collection knows of one document, by its name or id.

        Raises:
            InputError: when there is no such document; names the closest.
        """
        import difflib

        records = self.documents()
        for record in records:
            if name in (record.name, record.id):
                return record
        close = difflib.get_close_matches(name, [record.name for record in records], n=3)
        hint = f"; did you mean {', '.join(close)}?" if close else f"; it holds {len(records)} others"
        raise InputError(f"{self.path} holds no document {name!r}{hint}")

    # Changing it

    def add(self, *sources: str | Path, progress: Progress | None = None, wait: float = 0.0) -> AddReport:
        """Read files into the collection.

        A file that is there already, unchanged, is passed over; one that changed replaces what was read from it before;
        one that was moved or renamed is known by its content and not read again; one bad file never stops the others.
        Work is committed as it goes: after a cut, add the same again.

        Args:
            sources: files, folders (recursive) and globs.
            progress: called after each file.
            wait: seconds to wait for another writer to finish.

        Raises:
            InputError: when a source does not exist or a folder holds no document.
            MmrankError: when the collection cannot be written to.
        """
        files = free_names(find_files(sources), self.documents())
        return self.add_files(files, progress=progress, wait=wait)

    def add_files(
        self,
        files: Sequence[tuple[Path, str]],
        *,
        cache: Path | None = None,
        progress: Progress | None = None,
        wait: float = 0.0,
    ) -> AddReport:
        """Read files under names of your choice; otherwise as `add`.

        Args:
            files: paths and the names they get.
            cache: directory in which what was read from each file is kept, by content and settings.
            progress: called after each file.
            wait: seconds to wait for another writer to finish.
        """
        report = add_files(
            self._store, lambda: self.encoder, self.settings, files, cache=cache, progress=progress, wait=wait
        )
        self._views.clear()
        return report

    def remove(self, *names: str, wait: float = 0.0) -> int:
        """Take documents out, by name or id; returns how many.

        Raises:
            InputError: when one of them is not there (then nothing is removed).
        """
        records = {record.id for record in map(self.record, names)}
        if records:
            with self._store.write(wait=wait) as writer:
                for identifier in sorted(records):
                    writer.remove(identifier)
        return len(records)

    # Asking it

    def search(
        self,
        query: str | Query,
        *,
        k: int = 10,
        where: Filter | None = None,
        rerank: str | Reranker | None = None,
    ) -> list[Hit]:
        """The pages that answer a question, best first, one hit a page, each with why it is there.

        Documents are found first, by their merged vectors and their words together with the passages that match best;
        inside them every page is then ranked by its passages, and the first ones, decoupled into passages again, by a
        reranker.

        Args:
            query: the question.
            k: how many pages.
            where: which documents may be searched.
            rerank: a reranker, its name as `load_reranker` takes it, or "none"; by default that of the settings.

        Raises:
            InputError: for an empty or overlong query, k below 1, or an unknown reranker.
        """
        if k < 1:
            raise InputError(f"k must be at least 1, got {k}")
        from mmrank.retrieve.hits import page_hits

        question = self.question(query)
        reranker = self._reranker(rerank)
        ranking = self._rank(question, where)
        if ranking is None:
            return []
        if reranker is not None:
            ranking = self._reranked(ranking, query, reranker, k)
        return page_hits(ranking, k)

    def explain(self, query: str | Query, hits: Iterable[Hit], *, model: str = "smollm2") -> Iterator[Hit]:
        """The hits again, one after the other, with a language model's reasons where they hold.

        A reason is kept only if what it says stands on the page (`mmrank.rerankers.explain.Explanation.supported`);
        otherwise the hit comes back as it was.

        Args:
            query: the question the hits answer.
            hits: as `search` gives them.
            model: as `load_chat_model` takes it; the embedded one by default.

        Raises:
            MissingExtraError: for the embedded model without the extra "llama".
        """
        from mmrank.llm.loading import load_chat_model
        from mmrank.rerankers.explain import Explainer
        from mmrank.types import Candidate, Part, PartKind

        if model not in self._explainers:
            self._explainers[model] = Explainer(load_chat_model(model))
        explainer = self._explainers[model]
        asked = Query(query) if isinstance(query, str) else query
        for hit in hits:
            page = self.document(hit.document_id).pages[hit.page]
            shown = [element for element in page.elements if element.id in hit.element_ids and element.text.strip()]
            if not shown:
                yield hit
                continue
            parts = tuple(Part(PartKind.TEXT, element.text, (element.id,)) for element in shown)
            candidate = Candidate(f"{hit.document_id}#{hit.page}", parts, hit.score, hit.document_id, hit.page)
            (reason,) = explainer.explain(asked, [candidate])
            yield replace(hit, reasoning=reason.text) if reason.supported else hit

    def rank_document(
        self,
        name: str,
        query: str | Query,
        *,
        weights: Mapping[str, float] | None = None,
        rerank: str | Reranker | None = None,
    ) -> PageRanking:
        """Every page of one document, scored for a question (the per-document mode of MMDocIR).

        Args:
            name: name or id of the document.
            query: the question.
            weights: what each signal counts; `mmrank.retrieve.pages.WEIGHTS` by default.
            rerank: as in `search`.

        Raises:
            InputError: when there is no such document, for an empty or overlong query, or an unknown reranker.
        """
        from mmrank.retrieve.pages import rank_pages

        question = self.question(query)
        record = self.record(name)
        reranker = self._reranker(rerank)
        with self._store.snapshot() as snapshot:
            ranking = rank_pages(question, self._views.pool(snapshot, [record.id], question), weights)
        return ranking if reranker is None else self._reranked(ranking, query, reranker, 1)

    def _reranker(self, chosen: str | Reranker | None) -> Reranker | None:
        if chosen is not None and not isinstance(chosen, str):
            return chosen
        name = chosen or self.settings.reranker
        if name is None or name == "none":
            return None
        if name not in self._rerankers:
            from mmrank.rerankers import load_reranker

            weight = self.settings.rerank_weight
            if weight is None:
                weight = 1.0 if ":" in name else EMBEDDED_WEIGHT
            fuse = None if weight == 1 else weight
            self._rerankers[name] = load_reranker(name, fuse=fuse, **self.settings.rerank_settings)
        return self._rerankers[name]

    def _reranked(self, ranking: PageRanking, query: str | Query, reranker: Reranker, k: int) -> PageRanking:
        from mmrank.retrieve.reranking import rerank_pages

        asked = Query(query) if isinstance(query, str) else query
        depth = max(self.settings.rerank_depth, k)
        unit, passages = self.settings.rerank_unit, self.settings.rerank_passages
        return rerank_pages(ranking, asked, reranker, depth=depth, unit=unit, passages=passages)

    def question(self, query: str | Query) -> Question:
        """A question taken apart and encoded.

        Raises:
            InputError: when it is empty or too long.
        """
        return take_apart(Query(query) if isinstance(query, str) else query, self.encoder, self._query_adapter)

    def _rank(self, question: Question, where: Filter | None) -> PageRanking | None:
        from mmrank.retrieve.candidates import two_stage
        from mmrank.retrieve.pages import rank_pages

        with self._store.snapshot() as snapshot:
            candidates = two_stage(snapshot, vector=question.vector, text=question.analysis.text, where=where)
            chosen = list(dict.fromkeys(candidate.document_id for candidate in candidates))
            if not chosen:
                return None
            return rank_pages(question, self._views.pool(snapshot, chosen, question))


def _load_encoder(settings: Settings) -> AnyEncoder:
    from mmrank.encoders import load_encoder

    return load_encoder(
        settings.encoder,
        device=settings.device,
        dtype=settings.dtype,
        revision=settings.encoder_revision,
        dimension=settings.encoder_dimension,
        max_tokens=settings.encoder_max_tokens,
        max_pixels=settings.encoder_max_pixels,
    )


def _identity(encoder: AnyEncoder) -> EncoderIdentity:
    from mmrank.index import EncoderIdentity

    info = encoder.info
    return EncoderIdentity(
        name=info.name,
        revision=info.revision,
        dimension=info.dimension,
        dtype=info.dtype,
        pooling=info.pooling,
        max_tokens=info.max_tokens,
        max_pixels=info.max_pixels,
        multi_vector=info.multi_vector,
    )
