"""A hit's reason in words: what the signals found, never more than that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from mmrank.index import tokenize
from mmrank.plurals import singular
from mmrank.query.finance import statements
from mmrank.retrieve.evidence import Evidence
from mmrank.retrieve.matching import WordMatcher
from mmrank.retrieve.pages import PageRanking
from mmrank.types import ElementKind

MAX_WORDS = 6
"""Words of the question that a reason lists at most."""
KIND_NAMES = {ElementKind.TEXT: "paragraph", ElementKind.LIST_ITEM: "list item"}
CLEARLY_NAMED = 0.5
"""A document is said to go by words of the question from this score on, see `Identities.named`."""
SAME_PERIOD = 0.5
"""From this match on, see `mmrank.periods.period_match`."""
CLOSE_IN_MEANING = 1.5
"""Z-score of the signal "dense" from which a page is said to be close in meaning."""


def reason(ranking: PageRanking, at: int, evidence: Sequence[Evidence], matcher: WordMatcher) -> str:
    """One or two sentences about one page of the pool.

    Args:
        ranking: of the pool.
        at: which page of the pool.
        evidence: its elements, best first.
        matcher: the words of the question.
    """
    analysis, signals = ranking.question.analysis, ranking.signals
    said: list[str] = []
    if signals["page_number"][at] > 0:
        said.append("The question names this page.")
    if signals["place"][at] > 0:
        said.append("The question names this page by its position.")
    if signals["quoted"][at] > 0:
        said.append("It contains the words that the question quotes.")
    if signals["front"][at] >= 1:
        said.append("The question is about the document itself, and this is its first page.")
    names = " and ".join(name.capitalize() for name in analysis.handles)
    if signals["handle"][at] >= 1:
        said.append(f"{names}, which the question names, is here.")
    elif signals["handle"][at] > 0:
        said.append(f"{names}, which the question names, is mentioned here.")
    if signals["statement"][at] > 0:
        statement = " or the ".join(statements()[name].titles[0].strip() for name, _ in analysis.statements)
        said.append(f"It looks like the {statement}, from which the figure is computed.")
    said.append(_document(ranking, at))
    said.append(_words(ranking, evidence, matcher, at))
    if signals["dense"][at] >= CLOSE_IN_MEANING:
        said.append("A passage is close to the question in meaning.")
    return " ".join(filter(None, said)) or "It is the closest match, though it shares little with the question."


def _document(ranking: PageRanking, at: int) -> str:
    """What speaks for the document among those that were found."""
    found = ranking.documents.get(ranking.pool.documents[int(ranking.pool.owner[at])].document.id)
    if found is None:
        return ""
    named = found.scores["named"] > CLEARLY_NAMED
    period = found.scores["period"] > SAME_PERIOD
    told = ["goes by words of the question"] * named + ["reports on the period that it names"] * period
    return f"The document {' and '.join(told)}." if told else ""


def _words(ranking: PageRanking, evidence: Sequence[Evidence], matcher: WordMatcher, at: int) -> str:
    asked = _as_written(ranking.question.analysis.text)
    found = ranking.pool.page_words.on_page(ranking.question.words, at)
    telling = [stem for stem in found if len(stem) > 1 or stem.isdigit()]
    named = sorted(telling, key=lambda stem: -matcher.weights[stem])[:MAX_WORDS]
    if not named:
        return ""
    quoted = ", ".join(f"“{asked.get(stem, stem)}”" for stem in named)
    if not evidence:
        return f"It says {quoted}."
    best = evidence[0].element
    together = len(matcher.found(best.text).intersection(named)) > 0.5 * len(named)
    return f"It says {quoted}{f', in one {KIND_NAMES.get(best.kind, best.kind.value)}' if together else ''}."


@lru_cache(maxsize=64)
def _as_written(question: str) -> Mapping[str, str]:
    """The words of a question by their stems."""
    return {singular(word): word for word in reversed(tokenize(question))}
