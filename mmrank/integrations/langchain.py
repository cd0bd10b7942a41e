"""LangChain: pages as a retriever, rerankers as a document compressor.

    from mmrank.integrations.langchain import MmrankRerank, MmrankRetriever

    retriever = MmrankRetriever(library="library.mmrank", k=5)
    for page in retriever.invoke("Why did revenue drop in Q3?"):
        print(page.metadata["document"], page.metadata["page_number"], page.metadata["boxes"])

Extra: `pip install 'mmrank[langchain]'`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from pydantic import ConfigDict, Field, field_validator

from mmrank.collection import Collection
from mmrank.errors import MissingExtraError
from mmrank.hits import Hits
from mmrank.index import Filter
from mmrank.integrations.pages import Content, loaded, opened, page_id, page_metadata, reranked, texts_of
from mmrank.rerankers.protocol import Reranker

try:
    from langchain_core.callbacks import (
        AsyncCallbackManagerForRetrieverRun,
        CallbackManagerForRetrieverRun,
        Callbacks,
    )
    from langchain_core.documents import BaseDocumentCompressor, Document
    from langchain_core.retrievers import BaseRetriever
except ModuleNotFoundError as error:
    raise MissingExtraError("langchain_core", "langchain") from error


class MmrankRetriever(BaseRetriever):
    """The pages that answer a question, one `Document` per page.

    Metadata: `document`, 1-based `page_number`, `boxes` in points, `label`, `headings`, `score`, `confidence`,
    `document_id`, and `source`, the path of the file.
    """

    library: Any
    """A collection, or its path."""
    k: int = 5
    """How many pages."""
    where: Filter | None = None
    """Which documents may be searched."""
    rerank: str | Reranker | None = None
    """As `Collection.search` takes it."""
    content: Content = "page"
    """The text of a `Document`: the whole page, or the evidence alone."""

    @field_validator("library", mode="before")
    @classmethod
    def _open(cls, value: Any) -> Collection:
        return opened(value)

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        return self._documents(self.library.search(query, k=self.k, where=self.where, rerank=self.rerank))

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun
    ) -> list[Document]:
        return self._documents(await self.library.asearch(query, k=self.k, where=self.where, rerank=self.rerank))

    def _documents(self, hits: Hits) -> list[Document]:
        texts = texts_of(self.library, hits, self.content)
        return [
            Document(page_content=text, metadata=page_metadata(hit), id=page_id(hit))
            for hit, text in zip(hits, texts, strict=True)
        ]


class MmrankRerank(BaseDocumentCompressor):
    """Orders documents again with a reranker of mmrank, for a `ContextualCompressionRetriever` or on its own.

    Metadata of what is kept gain `relevance_score`, and `reasoning` where the reranker gives a reason.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    reranker: str | Reranker = "late-interaction"
    """A reranker, or its name as `load_reranker` takes it."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """Of a reranker that is named."""
    top_n: int | None = Field(default=None, ge=1)
    """How many documents are kept; None for all."""
    pictures: bool = False
    """Show the reranker the pages as pictures, where the documents come from `MmrankRetriever`."""

    @cached_property
    def _loaded(self) -> Reranker:
        return loaded(self.reranker, self.settings)

    def compress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None
    ) -> list[Document]:
        """The documents, best first."""
        ranked = reranked(
            self._loaded,
            query,
            [document.page_content for document in documents],
            [document.metadata for document in documents],
            self.pictures,
        )
        kept = []
        for at, score, reasoning in ranked[: self.top_n]:
            said = {"relevance_score": score} | ({} if reasoning is None else {"reasoning": reasoning})
            kept.append(documents[at].model_copy(update={"metadata": {**documents[at].metadata, **said}}))
        return kept
