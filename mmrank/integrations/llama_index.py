"""LlamaIndex: pages as a retriever, rerankers as a node postprocessor.

    from llama_index.core.query_engine import RetrieverQueryEngine
    from mmrank.integrations.llama_index import MmrankRerank, MmrankRetriever

    engine = RetrieverQueryEngine.from_args(
        MmrankRetriever("library.mmrank", k=20), node_postprocessors=[MmrankRerank(top_n=5)]
    )

Extra: `pip install 'mmrank[llama-index]'`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, PrivateAttr

from mmrank.collection import Collection
from mmrank.errors import InputError, MissingExtraError
from mmrank.hits import Hits
from mmrank.index import Filter
from mmrank.integrations.pages import Content, loaded, opened, page_id, page_metadata, reranked, texts_of
from mmrank.rerankers.protocol import Reranker

try:
    from llama_index.core.postprocessor.types import BaseNodePostprocessor
    from llama_index.core.retrievers import BaseRetriever
    from llama_index.core.schema import MetadataMode, NodeWithScore, QueryBundle, TextNode
except ModuleNotFoundError as error:
    raise MissingExtraError("llama_index.core", "llama-index") from error

CITED = ("document", "page_number", "headings")
"""Metadata that a language model is shown with the text; the rest is for programs."""


class MmrankRetriever(BaseRetriever):
    """The pages that answer a question, one node per page.

    Metadata: `document`, 1-based `page_number`, `boxes` in points, `label`, `headings`, `score`, `confidence`,
    `document_id`, and `source`, the path of the file. A language model is shown the first two and the headings.

    Args:
        library: a collection, or its path.
        k: how many pages.
        where: which documents may be searched.
        rerank: as `Collection.search` takes it.
        content: the text of a node: the whole page, or the evidence alone.
        settings: of LlamaIndex's `BaseRetriever`.
    """

    def __init__(
        self,
        library: Collection | str | Path,
        *,
        k: int = 5,
        where: Filter | None = None,
        rerank: str | Reranker | None = None,
        content: Content = "page",
        **settings: Any,
    ) -> None:
        self._library = opened(library)
        self._asked: dict[str, Any] = {"k": k, "where": where, "rerank": rerank}
        self._content: Content = content
        super().__init__(**settings)

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return self._nodes(self._library.search(query_bundle.query_str, **self._asked))

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return self._nodes(await self._library.asearch(query_bundle.query_str, **self._asked))

    def _nodes(self, hits: Hits) -> list[NodeWithScore]:
        nodes = []
        for hit, text in zip(hits, texts_of(self._library, hits, self._content), strict=True):
            said = page_metadata(hit)
            hidden = [key for key in said if key not in CITED]
            node = TextNode(
                id_=page_id(hit),
                text=text,
                metadata=said,
                excluded_llm_metadata_keys=hidden,
                excluded_embed_metadata_keys=hidden,
            )
            nodes.append(NodeWithScore(node=node, score=hit.score))
        return nodes


class MmrankRerank(BaseNodePostprocessor):
    """Orders nodes again with a reranker of mmrank. Their scores become the reranker's."""

    reranker: Any = Field(default="late-interaction", description="a reranker, or its name for `load_reranker`")
    settings: dict[str, Any] = Field(default_factory=dict, description="of a reranker that is named")
    top_n: int | None = Field(default=None, ge=1, description="how many nodes are kept; None for all")
    pictures: bool = Field(
        default=False, description="show the pages as pictures, where the nodes come from MmrankRetriever"
    )
    _loaded: Any = PrivateAttr(default=None)

    @classmethod
    def class_name(cls) -> str:
        """The name under which LlamaIndex keeps it."""
        return "MmrankRerank"

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        if query_bundle is None:
            raise InputError("a reranker needs the question; pass query_str or query_bundle")
        if self._loaded is None:
            self._loaded = loaded(self.reranker, self.settings)
        ranked = reranked(
            self._loaded,
            query_bundle.query_str,
            [one.node.get_content(metadata_mode=MetadataMode.NONE) for one in nodes],
            [one.node.metadata for one in nodes],
            self.pictures,
        )
        kept = []
        for at, score, reasoning in ranked[: self.top_n]:
            node = nodes[at].node
            if reasoning is not None:
                node.metadata["reasoning"] = reasoning
            kept.append(NodeWithScore(node=node, score=score))
        return kept
