"""The adapters, each in a pipeline of the framework that it is for."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from mmrank import Collection, InputError, Query
from mmrank.index import Filter
from mmrank.rerankers.protocol import RankedCandidate, Ranking
from mmrank.types import Candidate, PartKind

REPORT = "tidewater-annual-report-2025.pdf"
QUESTION = "When was the vessel Kittiwake built?"


class Shortest:
    """A reranker whose ranking is known beforehand: the shortest text first, with its length as the reason."""

    name = "shortest"

    def __init__(self) -> None:
        self.pictures = 0

    def rerank(self, query: Query, candidates: Sequence[Candidate]) -> Ranking:
        self.pictures += sum(part.kind is PartKind.IMAGE for one in candidates for part in one.parts)
        ordered = sorted(candidates, key=lambda one: len(one.text))
        return Ranking(
            tuple(RankedCandidate(one, -len(one.text), f"{len(one.text)} letters") for one in ordered), "shortest"
        )


def check_page(metadata: Mapping[str, Any], library: Collection) -> None:
    """The first page of an answer is that of a search, with its boxes."""
    hit = library.search(QUESTION, k=1)[0]
    assert (metadata["document"], metadata["page_number"]) == (REPORT, 4) == (hit.document, hit.page_number)
    assert metadata["boxes"] == [list(box.as_tuple()) for box in hit.boxes]
    assert metadata["source"].endswith(REPORT)


def test_langchain_retrieves_and_reranks(library: Collection, library_path: Path) -> None:
    from langchain_core.runnables import RunnableLambda

    from mmrank.integrations.langchain import MmrankRerank, MmrankRetriever

    retriever = MmrankRetriever(library=library_path, k=4, where=Filter(names=(REPORT,)))
    found = retriever.invoke(QUESTION)
    assert len(found) == 4 and "Kittiwake" in found[0].page_content and "Fleet and emissions" in found[0].page_content
    check_page(found[0].metadata, library)
    assert asyncio.run(retriever.ainvoke(QUESTION)) == found
    assert (retriever | RunnableLambda(len)).invoke(QUESTION) == 4

    evidence = MmrankRetriever(library=library, k=1, content="evidence").invoke(QUESTION)
    assert "Kittiwake" in evidence[0].page_content
    assert len(evidence[0].page_content) < len(found[0].page_content)

    shortest = Shortest()
    kept = MmrankRerank(reranker=shortest, top_n=2, pictures=True).compress_documents(found, QUESTION)
    assert [one.id for one in kept] == [one.id for one in sorted(found, key=lambda one: len(one.page_content))][:2]
    assert kept[0].metadata["reasoning"] == f"{len(kept[0].page_content)} letters" and shortest.pictures == 4
    assert "relevance_score" not in found[0].metadata
    embedded = MmrankRerank().compress_documents(found, QUESTION)
    assert embedded[0].metadata["page_number"] == 4 and len(embedded) == 4


def test_llama_index_retrieves_and_reranks(
    library: Collection, library_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from llama_index.core import Settings
    from llama_index.core.base.response.schema import Response
    from llama_index.core.llms import MockLLM
    from llama_index.core.query_engine import RetrieverQueryEngine
    from llama_index.core.response_synthesizers import ResponseMode
    from llama_index.core.schema import MetadataMode

    from mmrank.integrations.llama_index import MmrankRerank, MmrankRetriever

    monkeypatch.setattr(Settings, "_llm", MockLLM())
    retriever = MmrankRetriever(library_path, k=4, where=Filter(names=(REPORT,)))
    found = retriever.retrieve(QUESTION)
    assert len(found) == 4
    check_page(found[0].node.metadata, library)
    assert [one.node.id_ for one in asyncio.run(retriever.aretrieve(QUESTION))] == [one.node.id_ for one in found]
    shown = found[0].node.get_content(metadata_mode=MetadataMode.LLM)
    assert REPORT in shown and "page_number: 4" in shown and "boxes" not in shown

    engine = RetrieverQueryEngine.from_args(
        retriever,
        node_postprocessors=[MmrankRerank(reranker=Shortest(), top_n=2)],
        response_mode=ResponseMode.NO_TEXT,
    )
    answered = engine.query(QUESTION)
    assert isinstance(answered, Response)
    texts = [len(one.node.get_content()) for one in answered.source_nodes]
    assert texts == sorted(len(one.node.get_content()) for one in found)[:2]
    assert answered.source_nodes[0].node.metadata["reasoning"] == f"{texts[0]} letters"
    with pytest.raises(InputError, match="needs the question"):
        MmrankRerank().postprocess_nodes(found)


def test_haystack_retrieves_and_ranks_in_a_saved_pipeline(library: Collection, library_path: Path) -> None:
    from haystack import Pipeline

    from mmrank.integrations.haystack import MmrankRanker, MmrankRetriever

    pipeline = Pipeline()
    pipeline.add_component("retriever", MmrankRetriever(str(library_path), top_k=4))
    pipeline.add_component("ranker", MmrankRanker("late-interaction", top_k=2))
    pipeline.connect("retriever.documents", "ranker.documents")
    saved = pipeline.dumps()
    assert str(library_path) in saved and "late-interaction" in saved
    ran = Pipeline.loads(saved, allowed_modules=["mmrank.integrations.haystack"]).run(
        {"retriever": {"query": QUESTION, "where": Filter(names=(REPORT,))}, "ranker": {"query": QUESTION}},
        include_outputs_from={"retriever"},
    )
    found, ranked = ran["retriever"]["documents"], ran["ranker"]["documents"]
    assert len(found) == 4 and len(ranked) == 2 and ranked[0].meta["page_number"] == 4
    check_page(found[0].meta, library)

    kept = MmrankRanker(Shortest()).run(QUESTION, found, top_k=1)["documents"]
    assert kept[0].content == min((one.content for one in found), key=len)
    assert kept[0].score == -len(kept[0].content)
    with pytest.raises(InputError, match="by its name"):
        MmrankRanker(Shortest()).to_dict()


def test_the_rerank_command_reads_what_the_frameworks_write(library: Collection, tmp_path: Path) -> None:
    from langchain_core.load import dumpd

    from mmrank.evaluate.candidate_files import read_candidates
    from mmrank.integrations import haystack, langchain, llama_index

    chosen = {"where": Filter(names=(REPORT,))}
    documents = langchain.MmrankRetriever(library=library, k=3, **chosen).invoke(QUESTION)
    nodes = llama_index.MmrankRetriever(library, k=3, **chosen).retrieve(QUESTION)
    found = haystack.MmrankRetriever(library).run(QUESTION, top_k=3, **chosen)["documents"]
    written = (
        [one.model_dump() for one in documents],
        [dumpd(one) for one in documents],
        [one.to_dict() for one in nodes],
        [one.node.to_dict() for one in nodes],
        [one.to_dict() for one in found],
    )
    path = tmp_path / "candidates.jsonl"
    path.write_text("\n".join(json.dumps({"query": QUESTION, "candidates": one}, default=str) for one in written))
    read = read_candidates(path).found
    expected = [(one.id, one.page_content) for one in documents]
    assert len(read) == 5
    assert all([(one.id, one.text) for one in candidates] == expected for candidates in read.values())
    assert [one.score for one in read["3"]] == [one.score for one in nodes]


def test_texts_that_are_empty_are_kept_last(library: Collection) -> None:
    from mmrank.integrations.pages import reranked, texts_of

    assert reranked(Shortest(), "x", ["", "long text", "text"], [{}, {}, {}], pictures=False) == [
        (2, -4.0, "4 letters"),
        (1, -9.0, "9 letters"),
        (0, -10.0, None),
    ]
    with pytest.raises(InputError, match="'page' or 'evidence'"):
        texts_of(library, [], "chapter")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("framework", "module", "extra"),
    [
        ("langchain_core", "langchain", "langchain"),
        ("llama_index", "llama_index", "llama-index"),
        ("haystack", "haystack", "haystack"),
        ("mteb", "mteb", "mteb"),
    ],
)
def test_a_framework_that_is_missing_is_named_with_its_extra(framework: str, module: str, extra: str) -> None:
    program = (
        f"import sys; sys.modules['{framework}'] = None\n"
        "import mmrank.integrations\n"
        "try:\n"
        f"    import mmrank.integrations.{module}\n"
        "except mmrank.MissingExtraError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert f"pip install 'mmrank[{extra}]'" in done.stdout, done.stderr
