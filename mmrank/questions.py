"""What a collection is asked: its documents, the pages that answer a question, and the answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

from mmrank.config import Settings
from mmrank.consent import check_allowed
from mmrank.encoding import encoder_of, identity_of
from mmrank.errors import InputError
from mmrank.types import Document, Hit, Query

if TYPE_CHECKING:
    from mmrank.answer import Answer
    from mmrank.answer.asking import AnswerStream
    from mmrank.encoding import AnyEncoder
    from mmrank.hits import Hits
    from mmrank.index import DocumentRecord, Filter, Store
    from mmrank.llm.protocol import ChatModel
    from mmrank.query.spelling import Speller
    from mmrank.rerankers.protocol import Reranker
    from mmrank.retrieve.pages import PageRanking
    from mmrank.retrieve.pipeline import Pipeline
    from mmrank.retrieve.question import Question


class SearchOptions(TypedDict, total=False):
    """What `Collection.search` takes beside the question."""

    k: int
    where: Filter | None
    rerank: str | Reranker | None


class AskOptions(SearchOptions, total=False):
    """What `Collection.ask` takes beside the question."""

    model: str | ChatModel | None
    understand: str | ChatModel


class Questions:
    """The part of a `Collection` that reads it and changes nothing."""

    def __init__(self, store: Store, settings: Settings, encoder: AnyEncoder | None = None) -> None:
        self.settings = settings
        self._store = store
        self._given_encoder = encoder

    def __len__(self) -> int:
        return len(self.documents())

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
            InputError: when the installed encoder is not the one that made the vectors, or is one of others that you
                have not allowed (`open(…, allow_models=True)`).
        """
        if self._given_encoder is not None:
            return self._given_encoder
        check_allowed(self.settings, self.path)
        encoder = encoder_of(self.settings)
        self._store.check_encoder(identity_of(encoder))
        return encoder

    @cached_property
    def _pipeline(self) -> Pipeline:
        from mmrank.retrieve.pipeline import Pipeline

        return Pipeline(self._store, lambda: self.encoder, self.settings)

    # Documents

    def documents(self, where: Filter | None = None) -> list[DocumentRecord]:
        """The documents of the collection, sorted by name."""
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
        """The record of one document, by its name or id.

        Raises:
            InputError: when there is no such document; names the closest.
        """
        import difflib

        records = self.documents()
        for record in records:
            if name == record.id or any(name == place.name for place in record.places):
                return record
        known = [place.name for record in records for place in record.places]
        close = difflib.get_close_matches(name, known, n=3)
        hint = f"; did you mean {', '.join(close)}?" if close else f"; it holds {len(records)} others"
        raise InputError(f"{self.path} holds no document {name!r}{hint}")

    # Questions

    def search(
        self,
        query: str | Query,
        *,
        k: int = 10,
        where: Filter | None = None,
        rerank: str | Reranker | None = None,
    ) -> Hits:
        """The pages that answer a question, best first: one hit per page, with boxes and a reason.

        First the documents are ranked: by vectors, words, the words they go by and the period they report on. Then
        every page of the best ones is ranked. A reranker, if there is one, orders the first pages again by their
        passages or pictures. `mmrank/retrieve/pipeline.py` shows the steps.

        Args:
            query: the question.
            k: how many pages.
            where: which documents may be searched.
            rerank: a reranker, its name as `load_reranker` takes it, or "none"; by default that of the settings.

        Raises:
            InputError: for an empty or overlong query, k below 1, or an unknown reranker.
        """
        return self._pipeline.search(query, k=k, where=where, rerank=rerank)

    def search_many(
        self,
        queries: Sequence[str | Query],
        *,
        k: int = 10,
        where: Filter | None = None,
        rerank: str | Reranker | None = None,
    ) -> list[Hits]:
        """Answer several questions, encoded together and all from the same version of the collection.

        Args:
            queries: the questions.
            k: how many pages for each.
            where: which documents may be searched.
            rerank: as in `search`.

        Raises:
            InputError: as in `search`; then no question is answered.
        """
        return self._pipeline.search_many(queries, k=k, where=where, rerank=rerank)

    async def asearch(self, query: str | Query, **options: Unpack[SearchOptions]) -> Hits:
        """`search`, with its options, in a thread of its own, so that an event loop goes on meanwhile."""
        import asyncio

        return await asyncio.to_thread(self.search, query, **options)

    async def asearch_many(self, queries: Sequence[str | Query], **options: Unpack[SearchOptions]) -> list[Hits]:
        """`search_many`, with its options, in a thread of its own, so that an event loop goes on meanwhile."""
        import asyncio

        return await asyncio.to_thread(self.search_many, queries, **options)

    def ask(
        self,
        question: str,
        *,
        k: int = 5,
        where: Filter | None = None,
        rerank: str | Reranker | None = None,
        model: str | ChatModel | None = None,
        understand: str | ChatModel = "rules",
    ) -> Answer:
        """Answer a question in sentences, each with the boxes that it rests on.

        Without a model, what the pages found say is quoted, looked up in tables, counted, or worked out from numbers
        that stand there. With one, the model writes, and of its sentences those are kept that what they cite supports.

        Args:
            question: the question.
            k: how many pages are read.
            where: which documents may be searched.
            rerank: as in `search`.
            model: a chat model, or its name as `load_chat_model` takes it.
            understand: what mends the question before it is searched for and tells several questions apart: "rules",
                "none", or a chat model. `answer.trace` says what was changed.

        Returns:
            The answer; with `abstained` set where nothing in the documents supports one.

        Raises:
            InputError: for an empty or overlong question, k below 1, an unknown reranker or model, a model that is too
                small to write answers, or one whose context is.
            MmrankError: when the model cannot be loaded, or fails before its first sentence.
        """
        return self.ask_stream(question, k=k, where=where, rerank=rerank, model=model, understand=understand).answer

    def ask_stream(
        self,
        question: str,
        *,
        k: int = 5,
        where: Filter | None = None,
        rerank: str | Reranker | None = None,
        model: str | ChatModel | None = None,
        understand: str | ChatModel = "rules",
    ) -> AnswerStream:
        """Like `ask`, sentence by sentence: iterate for the sentences, then take `answer`.

        Raises:
            InputError, MmrankError: as `ask` does, when the first sentence is asked for; for a model at once.
        """
        from mmrank.answer.asking import AnswerStream, Source, answer_by_extraction, understander

        def search(text: str, pages: int) -> Hits:
            return self.search(text, k=pages, where=where, rerank=rerank)

        def speller() -> Speller:
            return self._pipeline.speller(where)

        reranker = self._pipeline.reranker(rerank)
        source = Source(search, self._documents_of, understander(understand, speller), reranker, where is not None)
        if model is None:
            return AnswerStream(answer_by_extraction(question, source, k=k))
        from mmrank.answer.writing import answer_by_model, load_writer

        writer = load_writer(model) if isinstance(model, str) else model
        return AnswerStream(answer_by_model(question, source, writer, k=k))

    async def aask(self, question: str, **options: Unpack[AskOptions]) -> Answer:
        """`ask`, with its options, in a thread of its own, so that an event loop goes on meanwhile."""
        import asyncio

        return await asyncio.to_thread(self.ask, question, **options)

    def speller(self, where: Filter | None = None) -> Speller:
        """Mends slips of typing with the words of the collection as it is now, those of some documents first."""
        return self._pipeline.speller(where)

    def _documents_of(self, identifiers: Sequence[str]) -> list[Document]:
        with self._store.snapshot() as snapshot:
            return [snapshot.document(identifier) for identifier in identifiers]

    def explain(self, query: str | Query, hits: Iterable[Hit], *, model: str = "smollm2") -> Iterator[Hit]:
        """Yield the hits again, one by one, with reasons written by a language model.

        A reason is kept only if its numbers and most of its words are in what the hit shows; otherwise the hit keeps
        the reason it had.

        Args:
            query: the question the hits answer.
            hits: of `search`.
            model: as `load_chat_model` takes it; the embedded one by default.

        Raises:
            MissingExtraError: when the model's packages are missing (extra "smollm2" or "llama").
        """
        return self._pipeline.explain(query, hits, model=model)

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
            weights: of the signals, by name; `mmrank.retrieve.pages.WEIGHTS` by default.
            rerank: as in `search`.

        Raises:
            InputError: when there is no such document, for an empty or overlong query, or an unknown reranker.
        """
        return self._pipeline.rank_document(self.record(name).id, query, weights=weights, rerank=rerank)

    def rank(self, query: str | Query, *, shown: int = 10, where: Filter | None = None) -> PageRanking | None:
        """Every page of the documents that a question is about, scored, before reranking; None where there are none.

        Args:
            query: the question.
            shown: at least so many pages are ranked, where there are as many.
            where: which documents may be searched.
        """
        return self._pipeline.rank(query, shown=shown, where=where)

    def understand(self, query: str | Query) -> Question:
        """Check, analyse and encode a question, as the first step of a search does.

        Raises:
            InputError: when it is empty or too long.
        """
        return self._pipeline.understand(query)
