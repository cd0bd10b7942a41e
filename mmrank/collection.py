"""A collection of documents on disk: the one place where reading, encoding, storing and searching meet."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from mmrank.config import Settings, load_settings
from mmrank.errors import InputError
from mmrank.sources import find_files
from mmrank.types import Document, Hit, Query

if TYPE_CHECKING:
    from mmrank.encoders.protocol import Encoder
    from mmrank.index import DocumentRecord, EncoderIdentity, Filter, Snapshot, Store
    from mmrank.ingest import IngestOptions, Outcome
    from mmrank.retrieve.pages import PageRanking
    from mmrank.retrieve.signals import Question
    from mmrank.retrieve.view import DocumentView

MAX_QUERY_CHARACTERS = 8_000
VIEWS_KEPT = 64
EVIDENCE_BOXES = 3
COMMIT_PAGES = 500
"""A long run commits at least this often, so that a cut costs little."""

Progress = Callable[["Outcome", int, int], None]
"""Called after each file with what became of it, how many are done and how many there are."""


@dataclass(slots=True)
class AddReport:
    """What became of each file, by name. `failed` maps a name to the reason, `duplicates` to the name of its twin."""

    added: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    duplicates: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    pages: int = 0
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether every file could be read."""
        return not self.failed


class Collection:
    """Documents, their vectors and their words, in one directory.

    Made with `Collection.create(path)` or `Collection.open(path)`; usable as a context manager.

    >>> import tempfile, pathlib
    >>> with Collection.create(pathlib.Path(tempfile.mkdtemp()) / "library.mmrank") as library:
    ...     len(library)
    0
    """

    def __init__(self, store: Store, settings: Settings, encoder: Encoder | None = None) -> None:
        self.settings = settings
        self._store = store
        self._given_encoder = encoder
        self._views: OrderedDict[str, DocumentView] = OrderedDict()

    @classmethod
    def create(
        cls,
        path: str | Path,
        *,
        profile: str = "cpu",
        encoder: str | Encoder | None = None,
        exist_ok: bool = False,
        **settings: object,
    ) -> Self:
        """Make a new, empty collection in the directory `path`.

        Args:
            path: a directory that does not exist yet (or, with `exist_ok`, a collection that is opened instead).
            profile: "cpu" or "gpu", see `mmrank.config`.
            encoder: name of an encoder, or an `Encoder` of your own (then give it again when opening).
            exist_ok: open the collection if there is one already; its own settings stay.
            settings: changes to the profile's settings, by name.

        Raises:
            InputError: for unknown settings, or where something is at `path` already.
            MmrankError: when the directory cannot be made.
        """
        from mmrank.index import Store

        given = None if encoder is None or isinstance(encoder, str) else encoder
        if exist_ok and Store.exists(path):
            return cls.open(path, encoder=given)
        if isinstance(encoder, str):
            settings["encoder"] = encoder
        elif encoder is not None:
            settings["encoder"] = encoder.info.name
        chosen = load_settings(profile, **settings)
        made = given or _load_encoder(chosen)
        store = Store.create(path, encoder=_identity(made), settings=chosen.model_dump(mode="json"))
        return cls(store, chosen, made)

    @classmethod
    def open(cls, path: str | Path, *, encoder: Encoder | None = None, read_only: bool = False) -> Self:
        """Open a collection.

        Raises:
            InputError: when there is none at `path`, or `encoder` is not the one it was made with.
            MmrankError: when it was made by another version or is damaged.
        """
        from mmrank.index import Store

        store = Store.open(path, encoder=None if encoder is None else _identity(encoder), read_only=read_only)
        return cls(store, load_settings(**store.settings), encoder)

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
    def encoder(self) -> Encoder:
        """The encoder it was made with, loaded on first use.

        Raises:
            InputError: when the installed encoder is not the one that made the vectors.
        """
        encoder = self._given_encoder or _load_encoder(self.settings)
        self._store.check_encoder(_identity(encoder))
        return encoder

    # What is in it

    def documents(self, where: Filter | None = None) -> list[DocumentRecord]:
        """What is in the collection, by name."""
        return self._store.snapshot().documents(where)

    def document(self, name: str) -> Document:
        """One document, by its name or id.

        Raises:
            InputError: when there is no such document; names the closest.
        """
        return self._store.snapshot().document(self._record(name).id)

    def _record(self, name: str) -> DocumentRecord:
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
        one bad file never stops the others. Work is committed as it goes: after a cut, add the same again.

        Args:
            sources: files, folders (recursive) and globs.
            progress: called after each file.
            wait: seconds to wait for another writer to finish.

        Raises:
            InputError: when a source does not exist or a folder holds no document.
            MmrankError: when the collection cannot be written to.
        """
        from mmrank.ingest import document_id, read_documents

        started = time.monotonic()
        report = AddReport()
        files = find_files(sources)
        known = self.documents()
        by_id = {record.id: record for record in known}
        names = {record.name: record for record in known}
        todo: list[tuple[Path, str]] = []
        for path, name in files:
            name = _free_name(path, name, names)
            try:
                content = document_id(path)
            except OSError as error:
                report.failed[name] = f"cannot be read: {error.strerror or error}"
                continue
            twin = by_id.get(content)
            if twin is not None and twin.name == name:
                report.unchanged.append(name)
            elif twin is not None:
                report.duplicates[name] = twin.name
            else:
                todo.append((path, name))
        outcomes = read_documents(todo, options=self._ingest_options(), workers=self.settings.workers)
        self._write(outcomes, len(todo), names, by_id, report, progress, wait)
        report.seconds = time.monotonic() - started
        return report

    def _write(
        self,
        outcomes: Iterator[Outcome],
        total: int,
        names: Mapping[str, DocumentRecord],
        by_id: Mapping[str, DocumentRecord],
        report: AddReport,
        progress: Progress | None,
        wait: float,
    ) -> None:
        from mmrank.encoders.merge import merge

        done = 0
        seen = {identifier: record.name for identifier, record in by_id.items()}
        exhausted = False
        while not exhausted:
            pages = 0
            with self._store.write(wait=wait) as writer:
                exhausted = True
                for outcome in outcomes:
                    done += 1
                    document = outcome.document
                    if document is None:
                        report.failed[outcome.name] = outcome.error or "could not be read"
                    elif document.id in seen:
                        report.duplicates[outcome.name] = seen[document.id]
                    else:
                        vectors = self.encoder.encode_passages(document.passages)
                        writer.put(document, vectors, merge(vectors), metadata=document.metadata)
                        seen[document.id] = outcome.name
                        (report.replaced if outcome.name in names else report.added).append(outcome.name)
                        report.pages += len(document.pages)
                        pages += len(document.pages)
                    if progress is not None:
                        progress(outcome, done, total)
                    if pages >= COMMIT_PAGES:
                        exhausted = False
                        break

    def remove(self, *names: str, wait: float = 0.0) -> int:
        """Take documents out, by name or id; returns how many.

        Raises:
            InputError: when one of them is not there (then nothing is removed).
        """
        records = {record.id for record in map(self._record, names)}
        if records:
            with self._store.write(wait=wait) as writer:
                for identifier in sorted(records):
                    writer.remove(identifier)
        return len(records)

    # Asking it

    def search(self, query: str | Query, *, k: int = 10, where: Filter | None = None) -> list[Hit]:
        """The pages that answer a question, best first, one hit a page.

        Documents are found first, by their merged vectors and their words together with the passages that match best;
        inside them every page is then ranked by its passages.

        Args:
            query: the question.
            k: how many pages.
            where: which documents may be searched.

        Raises:
            InputError: for an empty or overlong query, or k below 1.
        """
        if k < 1:
            raise InputError(f"k must be at least 1, got {k}")
        question = self._question(query)
        ranking = self._rank(question, where)
        return [] if ranking is None else self._hits(question, ranking, k)

    def rank_document(self, name: str, query: str | Query) -> PageRanking:
        """Every page of one document, scored for a question (the per-document mode of MMDocIR).

        Raises:
            InputError: when there is no such document, or for an empty or overlong query.
        """
        from mmrank.retrieve.pages import rank_pages
        from mmrank.retrieve.view import Pool

        record = self._record(name)
        return rank_pages(self._question(query), Pool([self._view(self._store.snapshot(), record.id)]))

    def _question(self, query: str | Query) -> Question:
        from mmrank.query.analysis import analyse
        from mmrank.retrieve.signals import Question, question_words

        asked = Query(query) if isinstance(query, str) else query
        analysis = analyse(check_query(asked.text))
        vector = self.encoder.encode_queries([Query(analysis.text, asked.image)])[0]
        return Question(analysis, vector, question_words(analysis.text))

    def _rank(self, question: Question, where: Filter | None) -> PageRanking | None:
        from mmrank.retrieve.candidates import two_stage
        from mmrank.retrieve.pages import rank_pages
        from mmrank.retrieve.view import Pool

        snapshot = self._store.snapshot()
        candidates = two_stage(snapshot, vector=question.vector, text=question.analysis.text, where=where)
        chosen = list(dict.fromkeys(candidate.document_id for candidate in candidates))
        if not chosen:
            return None
        return rank_pages(question, Pool([self._view(snapshot, identifier) for identifier in chosen]))

    def _view(self, snapshot: Snapshot, identifier: str) -> DocumentView:
        """A document prepared for ranking; the last ones used are kept. An id is a content hash, so none goes stale."""
        from mmrank.retrieve.view import DocumentView

        view = self._views.pop(identifier, None)
        if view is None:
            view = DocumentView(snapshot.document(identifier), snapshot.passage_vectors(identifier))
        self._views[identifier] = view
        while len(self._views) > VIEWS_KEPT:
            self._views.popitem(last=False)
        return view

    def _hits(self, question: Question, ranking: PageRanking, k: int) -> list[Hit]:
        from mmrank.retrieve.evidence import page_evidence, snippet

        pool = ranking.pool
        similarities = pool.vectors @ question.vector
        hits = []
        for at in map(int, ranking.order()[:k]):
            view = pool.views[int(pool.owner[at])]
            page = int(pool.number[at])
            evidence = page_evidence(question, pool, at, similarities)
            shown = [item for item in evidence[:EVIDENCE_BOXES] if item.score >= 0.6 * evidence[0].score]
            hits.append(
                Hit(
                    document=view.document.name,
                    document_id=view.document.id,
                    page=page,
                    boxes=tuple(item.element.box for item in shown),
                    score=float(ranking.scores[at]),
                    stage="retrieve",
                    snippet=snippet(question, evidence),
                    element_ids=tuple(item.element.id for item in shown),
                    label=view.document.pages[page].label,
                    heading_path=view.heading_path(shown[0].element.id) if shown else (),
                    scores={name: float(values[at]) for name, values in ranking.signals.items()},
                    picture=view.document.page_image(page),
                )
            )
        return hits

    def _ingest_options(self) -> IngestOptions:
        from mmrank.ingest import IngestOptions

        return IngestOptions(
            layout=self.settings.layout, ocr=self.settings.ocr, passage_tokens=self.settings.passage_tokens
        )


def _free_name(path: Path, name: str, names: Mapping[str, DocumentRecord]) -> str:
    """The name, or with its folder before it where another file has it already."""
    taken = names.get(name)
    if taken is None or Path(taken.path) == path.absolute() or not Path(taken.path).exists():
        return name
    return f"{path.absolute().parent.name}/{name}"


def check_query(text: str) -> str:
    """The query, stripped.

    Raises:
        InputError: when it is empty or too long.
    """
    stripped = text.strip()
    if not stripped:
        raise InputError("the query is empty; ask something")
    if len(stripped) > MAX_QUERY_CHARACTERS:
        raise InputError(
            f"the query has {len(stripped):,} characters, at most {MAX_QUERY_CHARACTERS:,} are taken; shorten it"
        )
    return stripped


def _load_encoder(settings: Settings) -> Encoder:
    from mmrank.encoders import load_encoder

    return load_encoder(settings.encoder, device=settings.device)


def _identity(encoder: Encoder) -> EncoderIdentity:
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
