"""Haystack: pages as a retriever component, rerankers as a ranker component.

    from haystack import Pipeline
    from mmrank.integrations.haystack import MmrankRanker, MmrankRetriever

    pipeline = Pipeline()
    pipeline.add_component("retriever", MmrankRetriever("library.mmrank", top_k=20))
    pipeline.add_component("ranker", MmrankRanker(top_k=5))
    pipeline.connect("retriever.documents", "ranker.documents")
    question = "Why did revenue drop in Q3?"
    found = pipeline.run({"retriever": {"query": question}, "ranker": {"query": question}})

Extra: `pip install 'mmrank[haystack]'`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from mmrank.collection import Collection
from mmrank.errors import InputError, MissingExtraError
from mmrank.index import Filter
from mmrank.integrations.pages import Content, loaded, opened, page_id, page_metadata, reranked, texts_of
from mmrank.rerankers.protocol import Reranker

try:
    from haystack import Document, component, default_from_dict, default_to_dict
except ModuleNotFoundError as error:
    raise MissingExtraError("haystack", "haystack") from error


@component
class MmrankRetriever:
    """The pages that answer a question, one `Document` per page.

    `meta`: `document`, 1-based `page_number`, `boxes` in points, `label`, `headings`, `score`, `confidence`,
    `document_id`, and `source`, the path of the file.

    Args:
        library: a collection, or its path. A pipeline that is saved keeps the path.
        top_k: how many pages.
        rerank: as `Collection.search` takes it.
        content: the text of a `Document`: the whole page, or the evidence alone.
    """

    def __init__(
        self,
        library: Collection | str | Path,
        *,
        top_k: int = 10,
        rerank: str | None = None,
        content: Content = "page",
    ) -> None:
        self.library = library
        self.top_k = top_k
        self.rerank = rerank
        self.content = content

    def warm_up(self) -> None:
        """Open the collection."""
        self.library = opened(self.library)

    @component.output_types(documents=list[Document])
    def run(self, query: str, top_k: int | None = None, where: Filter | None = None) -> dict[str, list[Document]]:
        """Search.

        Args:
            query: the question.
            top_k: how many pages; by default as many as the component was made with.
            where: which documents may be searched.
        """
        self.library = library = opened(self.library)
        hits = library.search(query, k=top_k or self.top_k, where=where, rerank=self.rerank)
        texts = texts_of(library, hits, self.content)
        return {
            "documents": [
                Document(id=page_id(hit), content=text, meta=page_metadata(hit), score=hit.score)
                for hit, text in zip(hits, texts, strict=True)
            ]
        }

    def to_dict(self) -> dict[str, Any]:
        """For a pipeline that is saved."""
        path = self.library.path if isinstance(self.library, Collection) else self.library
        saved: dict[str, Any] = default_to_dict(
            self, library=str(path), top_k=self.top_k, rerank=self.rerank, content=self.content
        )
        return saved

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> MmrankRetriever:
        """From a saved pipeline."""
        made: MmrankRetriever = default_from_dict(cls, data)
        return made


@component
class MmrankRanker:
    """Orders documents again with a reranker of mmrank. Their scores become the reranker's.

    Args:
        reranker: a reranker, or its name as `load_reranker` takes it.
        settings: of a reranker that is named.
        top_k: how many documents are kept; None for all.
        pictures: show the pages as pictures, where the documents come from `MmrankRetriever`.
    """

    def __init__(
        self,
        reranker: str | Reranker = "late-interaction",
        *,
        settings: dict[str, Any] | None = None,
        top_k: int | None = None,
        pictures: bool = False,
    ) -> None:
        self.reranker = reranker
        self.settings = settings or {}
        self.top_k = top_k
        self.pictures = pictures
        self._loaded: Reranker | None = None

    def warm_up(self) -> None:
        """Load the reranker."""
        if self._loaded is None:
            self._loaded = loaded(self.reranker, self.settings)

    @component.output_types(documents=list[Document])
    def run(self, query: str, documents: list[Document], top_k: int | None = None) -> dict[str, list[Document]]:
        """Rank.

        Args:
            query: the question.
            documents: what is ranked.
            top_k: how many are kept; by default as many as the component was made with.
        """
        self.warm_up()
        assert self._loaded is not None
        ranked = reranked(
            self._loaded,
            query,
            [document.content or "" for document in documents],
            [document.meta for document in documents],
            self.pictures,
        )
        kept = []
        for at, score, reasoning in ranked[: top_k or self.top_k]:
            said = {} if reasoning is None else {"reasoning": reasoning}
            kept.append(replace(documents[at], score=score, meta={**documents[at].meta, **said}))
        return {"documents": kept}

    def to_dict(self) -> dict[str, Any]:
        """For a pipeline that is saved.

        Raises:
            InputError: when the reranker was given as an object: only one that is named can be saved.
        """
        if not isinstance(self.reranker, str):
            raise InputError("only a reranker that is given by its name can be saved with a pipeline")
        saved: dict[str, Any] = default_to_dict(
            self, reranker=self.reranker, settings=self.settings, top_k=self.top_k, pictures=self.pictures
        )
        return saved

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> MmrankRanker:
        """From a saved pipeline."""
        made: MmrankRanker = default_from_dict(cls, data)
        return made
