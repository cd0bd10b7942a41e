"""Why a page is where it is, in words: what the signals saw, never more than that."""

from __future__ import annotations

from collections.abc import Sequence

from mmrank.index import tokenize
from mmrank.query.analysis import statements
from mmrank.retrieve.evidence import Evidence
from mmrank.retrieve.pages import PageRanking
from mmrank.retrieve.words import singular, words
from mmrank.types import ElementKind

NAMED = 6
"""Words of the question that are named at most."""
SPOKEN = {ElementKind.TEXT: "paragraph", ElementKind.LIST_ITEM: "list item"}
CLOSE_IN_MEANING = 1.5
"""Standard deviations above the pool from which a page is said to be close in meaning."""


def reason(ranking: PageRanking, at: int, evidence: Sequence[Evidence]) -> str:
    """A sentence or two about one page of the pool.

    Args:
        ranking: where the page stands.
        at: which page of the pool.
        evidence: its spots, best first.
    """
    analysis, signals = ranking.question.analysis, ranking.signals
    said: list[str] = []
    if signals["page_number"][at] > 0:
        said.append("The question names this page.")
    if signals["place"][at] > 0:
        said.append("The question names this page by its place.")
    if signals["quoted"][at] > 0:
        said.append("What the question quotes stands here.")
    if signals["front"][at] >= 1:
        said.append("The question is about the document itself, and this is its first page.")
    names = " and ".join(name.capitalize() for name in analysis.handles)
    if signals["handle"][at] >= 1:
        said.append(f"{names}, which the question names, is here.")
    elif signals["handle"][at] > 0:
        said.append(f"{names}, which the question names, is mentioned here.")
    if signals["statement"][at] > 0:
        statement = " or the ".join(statements()[name].titles[0] for name, _ in analysis.statements)
        said.append(f"It looks like the {statement}, from which the figure is computed.")
    said.append(_words(ranking, at, evidence))
    if signals["dense"][at] >= CLOSE_IN_MEANING:
        said.append("A passage is close to the question in meaning.")
    return " ".join(filter(None, said)) or "It is the closest there is, though little speaks for it."


def _words(ranking: PageRanking, at: int, evidence: Sequence[Evidence]) -> str:
    bags, page = ranking.pool.page_words, ranking.pool.pages[at]
    asked = {singular(word): word for word in reversed(tokenize(ranking.question.analysis.text))}
    found = [stem for stem in ranking.question.words if stem in page.words and (len(stem) > 1 or stem.isdigit())]
    named = sorted(found, key=lambda stem: -bags.idf(stem))[:NAMED]
    if not named:
        return ""
    quoted = ", ".join(f"“{asked[stem]}”" for stem in named)
    if not evidence:
        return f"It says {quoted}."
    spot = evidence[0].element
    together = len(set(words(spot.text)).intersection(named)) > 0.5 * len(named)
    return f"It says {quoted}{f', in one {SPOKEN.get(spot.kind, spot.kind.value)}' if together else ''}."
