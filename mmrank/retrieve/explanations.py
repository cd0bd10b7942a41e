"""Hits with a language model's reasons, where these hold against the page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from mmrank.types import Candidate, Hit, Page, Part, PartKind, Query

if TYPE_CHECKING:
    from mmrank.index import Snapshot
    from mmrank.rerankers.explain import Explainer


def explain_hits(
    query: Query, hits: Iterable[Hit], explainer: Explainer, snapshot: Callable[[], Snapshot]
) -> Iterator[Hit]:
    """The hits again, one after the other, each with a reason where the model's holds.

    Args:
        query: the question the hits answer.
        hits: of a search.
        explainer: writes the reasons.
        snapshot: opens the collection as it is now.
    """
    for hit in hits:
        with snapshot() as opened:
            page = opened.document(hit.document_id).pages[hit.page]
        candidate = _evidence_of(hit, page)
        if candidate is None:
            yield hit
            continue
        (reason,) = explainer.explain(query, [candidate])
        yield replace(hit, reasoning=reason.text) if reason.supported else hit


def _evidence_of(hit: Hit, page: Page) -> Candidate | None:
    """The elements that the hit shows, as a candidate; None where they have no text."""
    shown = [element for element in page.elements if element.id in hit.element_ids and element.text.strip()]
    if not shown:
        return None
    parts = tuple(Part(PartKind.TEXT, element.text, (element.id,)) for element in shown)
    return Candidate(f"{hit.document_id}#{hit.page}", parts, hit.score, hit.document_id, hit.page)
