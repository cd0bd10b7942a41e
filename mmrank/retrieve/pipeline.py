"""The way from a question to hits, in the order of its steps.

    question ─understand─▶ rank documents ─▶ rank their pages ─▶ rerank the first pages ─▶ hits ─▶ explain

Each step is a function of its own file; this file says in which order they are called and with which settings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from itertools import accumulate
from typing import TYPE_CHECKING

from mmrank.config import EMBEDDED_WEIGHT, Settings
from mmrank.errors import InputError
from mmrank.hits import Hits
from mmrank.retrieve.confidence import first_confidence
from mmrank.retrieve.documents import RankedDocument, rank_documents
from mmrank.retrieve.explanations import explain_hits
from mmrank.retrieve.feature_cache import FeatureCache
from mmrank.retrieve.hits import page_hits
from mmrank.retrieve.identities import Identities
from mmrank.retrieve.pages import PageRanking, rank_pages
from mmrank.retrieve.question import Question, understand, understand_all
from mmrank.types import Hit, Query

if TYPE_CHECKING:
    from mmrank.encoders.protocol import Encoder, MultiVectorEncoder
    from mmrank.encoders.query_adapter import QueryAdapter
    from mmrank.index import Filter, Snapshot, Store
    from mmrank.query.spelling import Speller
    from mmrank.rerankers.explain import Explainer
    from mmrank.rerankers.protocol import Reranker


class Pipeline:
    """Answers questions from one store.

    Args:
        store: what is searched.
        encoder: loads the encoder that made the store's vectors; called when the first question comes.
        settings: of the collection.
    """

    def __init__(self, store: Store, encoder: Callable[[], Encoder | MultiVectorEncoder], settings: Settings) -> None:
        self._store = store
        self._encoder = encoder
        self._settings = settings
        self._features = FeatureCache()
        self._identities: tuple[int, Identities] | None = None
        self._rerankers: dict[str, Reranker] = {}
        self._explainers: dict[str, Explainer] = {}
        self._speller: tuple[int, Speller] | None = None

    def search(
        self, query: str | Query, *, k: int, where: Filter | None = None, rerank: str | Reranker | None = None
    ) -> Hits:
        """The k best pages of the whole collection; see `Collection.search`."""
        [hits] = self.search_many([query], k=k, where=where, rerank=rerank)
        return hits

    def search_many(
        self,
        queries: Sequence[str | Query],
        *,
        k: int,
        where: Filter | None = None,
        rerank: str | Reranker | None = None,
    ) -> list[Hits]:
        """The k best pages for each question, all from one version; see `Collection.search_many`."""
        if k < 1:
            raise InputError(f"k must be at least 1, got {k}")
        asked = [Query(query) if isinstance(query, str) else query for query in queries]
        questions = understand_all(asked, self._encoder(), self._query_adapter) if asked else []
        reranker = self.reranker(rerank)
        with self._store.snapshot() as snapshot:
            return [self._answer(question, snapshot, k, where, reranker) for question in questions]

    def _answer(
        self, question: Question, snapshot: Snapshot, k: int, where: Filter | None, reranker: Reranker | None
    ) -> Hits:
        ranking = self._ranked(question, snapshot, k, where)
        if ranking is None:
            return Hits()
        if reranker is not None:
            ranking = self._rerank(ranking, reranker, shown=k)
        return page_hits(ranking, k)

    def rank(self, query: str | Query, *, shown: int, where: Filter | None = None) -> PageRanking | None:
        """Steps 1 to 3: the pages of the documents that a question is about, ranked; None where there are none.

        Args:
            query: the question.
            shown: at least so many pages are ranked, where there are as many.
            where: which documents may be searched.
        """
        question = self.understand(query)
        with self._store.snapshot() as snapshot:
            return self._ranked(question, snapshot, shown, where, whole=True)

    def _ranked(
        self, question: Question, snapshot: Snapshot, shown: int, where: Filter | None, *, whole: bool = False
    ) -> PageRanking | None:
        documents = {found.id: found for found in self._rank_documents(question, snapshot, where, shown)}
        if not documents:
            return None
        pool = self._features.pool(snapshot, list(documents), question, whole=whole)
        # The user named the one document: there is no other whose score it could be compared with.
        given = where is not None and len(where.names or where.documents or ()) == 1
        return rank_pages(question, pool, documents=None if given else documents)

    def rank_document(
        self,
        identifier: str,
        query: str | Query,
        *,
        weights: Mapping[str, float] | None = None,
        rerank: str | Reranker | None = None,
    ) -> PageRanking:
        """Every page of one document, ranked; see `Collection.rank_document`."""
        question = self.understand(query)
        reranker = self.reranker(rerank)
        with self._store.snapshot() as snapshot:
            pool = self._features.pool(snapshot, [identifier], question, whole=True)
        ranking = rank_pages(question, pool, weights)
        return ranking if reranker is None else self._rerank(ranking, reranker)

    def speller(self, where: Filter | None = None) -> Speller:
        """Mends slips of typing with the words of the collection as it is now, those of some documents first."""
        from mmrank.query.spelling import Speller

        with self._store.snapshot() as snapshot:
            version = snapshot.version
        if self._speller is None or self._speller[0] != version:

            def frequencies() -> dict[str, int]:
                with self._store.snapshot() as snapshot:
                    return snapshot.word_frequencies()

            def known(word: str) -> bool:
                with self._store.snapshot() as snapshot:
                    return snapshot.word_frequency(word) > 0

            self._speller = version, Speller(cache(frequencies), known)
        speller = self._speller[1]
        if where is None:
            return speller

        def searched(word: str) -> bool:
            with self._store.snapshot() as snapshot:
                return bool(snapshot.search_lexical(word, 1, where=where))

        return speller.within(searched)

    def understand(self, query: str | Query) -> Question:
        """Step 1: check, analyse and encode the question."""
        asked = Query(query) if isinstance(query, str) else query
        return understand(asked, self._encoder(), self._query_adapter)

    def _rank_documents(
        self, question: Question, snapshot: Snapshot, where: Filter | None, shown: int
    ) -> list[RankedDocument]:
        """Step 2: the documents that the question is about. Step 3, `rank_pages`, ranks their pages."""
        known = self._identities  # read once: another thread may put those of another version in its place
        if known is None or known[0] != snapshot.version:
            before = None if known is None else known[1]
            self._identities = known = snapshot.version, Identities(snapshot.documents(), before)
        identities, wanted = known[1], self._settings.search_documents
        ranked = rank_documents(
            snapshot,
            question,
            identities,
            documents=max(wanted, shown),
            passages=self._settings.search_passages,
            where=where,
        )
        # More documents than the setting says only where these have fewer pages than are to be shown.
        pages = accumulate(identities.pages[document.id] for document in ranked)
        enough = next((count for count, held in enumerate(pages, start=1) if held >= shown), len(ranked))
        return ranked[: max(wanted, enough)]

    def _rerank(self, ranking: PageRanking, reranker: Reranker, shown: int = 1) -> PageRanking:
        """Step 4: order the first pages again. Step 5, `page_hits`, makes hits."""
        from mmrank.rerankers.protocol import habits_of
        from mmrank.retrieve.reranking import rerank_pages

        settings, habits = self._settings, habits_of(reranker)
        limit = habits.confidence if settings.rerank_confidence is None else settings.rerank_confidence
        if limit < 1 and first_confidence(ranking) >= limit:
            return ranking
        depth = settings.rerank_depth or habits.depth
        return rerank_pages(
            ranking,
            reranker,
            depth=max(depth, shown) if habits.shown else depth,
            unit=settings.rerank_unit or habits.unit,
            passages=settings.rerank_passages,
        )

    def explain(self, query: str | Query, hits: Iterable[Hit], *, model: str) -> Iterator[Hit]:
        """Step 6, on request: a language model's reasons for hits; see `Collection.explain`."""
        if model not in self._explainers:
            from mmrank.llm.loading import load_chat_model
            from mmrank.rerankers.explain import Explainer

            self._explainers[model] = Explainer(load_chat_model(model))
        asked = Query(query) if isinstance(query, str) else query
        return explain_hits(asked, hits, self._explainers[model], self._store.snapshot)

    @cached_property
    def _query_adapter(self) -> QueryAdapter | None:
        from mmrank.encoders.query_adapter import load_query_adapter

        return load_query_adapter(self._settings.query_adapter, self._encoder().info)

    def reranker(self, chosen: str | Reranker | None) -> Reranker | None:
        """The reranker of a call, or that of the settings; None for none."""
        if chosen is not None and not isinstance(chosen, str):
            return chosen
        name = chosen or self._settings.reranker
        if name is None or name == "none":
            return None
        if name not in self._rerankers:
            from mmrank.rerankers import load_reranker

            weight = self._settings.rerank_weight
            if weight is None:
                weight = 1.0 if ":" in name else EMBEDDED_WEIGHT
            fuse = None if weight == 1 else weight
            self._rerankers[name] = load_reranker(name, fuse=fuse, **self._settings.rerank_settings)
        return self._rerankers[name]
