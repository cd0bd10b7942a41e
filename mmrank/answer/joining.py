"""The pages found for each of several questions, joined into one list, and reranked as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mmrank.hits import Hits
from mmrank.rerankers.protocol import Reranker
from mmrank.types import Candidate, Document, Hit, Part, PartKind, Query


def join(runs: Sequence[Sequence[Hit]], k: int) -> Hits:
    """The k best pages over several runs.

    Each run first gives its best page, in turn, then its next, so that every question is served; a page that several
    runs found stands where the first found it, with its highest confidence, and one with the same words as an earlier
    page is left out.

    Args:
        runs: pages found for each question, best first.
        k: pages wanted.

    >>> join([], 3)
    []
    """
    chosen: dict[tuple[str, int], Hit] = {}
    texts: set[str] = set()
    for rank in range(max(map(len, runs), default=0)):
        for run in runs:
            if rank >= len(run):
                continue
            hit = run[rank]
            key = (hit.document_id, hit.page)
            known = chosen.get(key)
            if known is not None:
                if (hit.confidence or 0.0) > (known.confidence or 0.0):
                    chosen[key] = hit
            elif not hit.snippet or hit.snippet not in texts:
                chosen[key] = hit
                texts.add(hit.snippet)
    return Hits(list(chosen.values())[:k])


def rerank_joined(question: str, hits: Sequence[Hit], documents: Sequence[Document], reranker: Reranker) -> Hits:
    """Joined pages in the order in which a reranker sees them answer the whole question.

    Each page is one candidate: its picture for rerankers that see, its text for others. Pages without text are not
    shown to the latter's kind by their searches either; here they follow the others.

    Args:
        question: the whole question.
        hits: the joined pages, best first.
        documents: those of the pages.
        reranker: judges the pages.
    """
    known = {document.id: document for document in documents}
    shown: dict[str, Hit] = {}
    candidates = []
    for rank, hit in enumerate(hits):
        document = known[hit.document_id]
        elements = document.pages[hit.page].elements
        text = "\n".join(element.text for element in elements if element.text)
        if not text:
            continue
        identifier = f"{document.id}#{hit.page}"
        part = Part(PartKind.IMAGE, text, tuple(element.id for element in elements), document.page_image(hit.page))
        # Scores of different questions are on different scales; their order in the joined list is on one.
        candidates.append(Candidate(identifier, (part,), float(-rank), document.id, hit.page))
        shown[identifier] = hit
    judged = reranker.rerank(Query(question), candidates)
    first = [
        replace(shown[item.candidate.id], reasoning=item.reasoning or shown[item.candidate.id].reasoning)
        for item in judged.items
    ]
    placed = {(hit.document_id, hit.page) for hit in first}
    return Hits([*first, *(hit for hit in hits if (hit.document_id, hit.page) not in placed)])
