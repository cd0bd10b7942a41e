"""Which documents a question is about: by what they hold, and by what they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmrank.errors import InputError
from mmrank.retrieve.bridging import inflections
from mmrank.retrieve.identities import Identities
from mmrank.retrieve.languages import ENGLISH
from mmrank.retrieve.words import without_stop_words
from mmrank.zscores import zscores

if TYPE_CHECKING:
    from mmrank.index import Filter, Snapshot
    from mmrank.retrieve.question import Question

DOCUMENT_WEIGHTS: dict[str, float] = {
    "dense": 0.25,
    "best passage": 0.5,
    "lexical": 1.0,
    "named": 3.0,
    "period": 4.0,
    "kind": 3.0,
    "latest": 3.0,
}
"""Weight of each kind of score of a document. Scores of content ("dense", "best passage", "lexical") are z-scores over
the documents that were found; the others say how well the question names the document, at most 1."""
POOL = 4
"""Each search finds this many documents for every one that is wanted."""


@dataclass(frozen=True, slots=True)
class RankedDocument:
    """A document with its fused score, and each kind of score before its weight; comparable within one call."""

    id: str
    score: float
    scores: Mapping[str, float]


def rank_documents(
    snapshot: Snapshot,
    question: Question,
    identities: Identities,
    *,
    documents: int,
    passages: int,
    where: Filter | None = None,
) -> list[RankedDocument]:
    """The documents that a question is about, best first.

    A document scores by its merged vectors, its best passage, its words, and by how well the question names it: by the
    names it goes by, the period it reports on, its kind, or as the latest one. A word that no text has counts as its
    other forms ("return", "returned"), and as the name that it may be a misspelling of.

    Args:
        snapshot: what is searched.
        question: the question.
        identities: of the snapshot's documents.
        documents: how many to return at most.
        passages: how many passages the search over all passages finds.
        where: which documents may be searched.
    """
    if documents < 1 or passages < 1:
        raise InputError(f"at least one document and one passage, got {documents} and {passages}")
    from mmrank.index import Filter

    vector, text = question.vector, question.analysis.text
    asked, language = question.query.text, question.language
    unknown = [word for word in question.words if not _has(snapshot, word)]
    inflected = (form for word in unknown for form in inflections(word)) if language == ENGLISH else ()
    forms = [form for form in inflected if snapshot.word_frequency(form)]
    text = " ".join([*without_stop_words(text, language), *forms])
    best: dict[str, float] = {}
    for match in snapshot.search_dense(vector, passages, "passage", where):
        best.setdefault(match.document_id, match.score)
    dense = {match.document_id for match in snapshot.search_dense(vector, POOL * documents, "document", where)}
    lexical = {match.document_id for match in snapshot.search_lexical(text, POOL * documents, "document", where)}
    named = identities.named(asked, unknown)
    fits = {"named": named, "period": identities.periods(asked), "kind": identities.kinds(asked)}
    fits["latest"] = identities.latest(asked, named)
    claims = sum(DOCUMENT_WEIGHTS[kind] * values for kind, values in fits.items()) * (named > 0)  # (documents,)
    if where is not None:
        allowed = {record.id for record in snapshot.documents(where)}
        claims = claims * np.array([name in allowed for name in identities.ids])
    first = np.argsort(-claims, kind="stable")[: POOL * documents]
    closest = [identities.ids[at] for at in first if claims[at] > 0]
    pool = list(dict.fromkeys([*sorted(dense), *sorted(lexical), *best, *closest]))
    if not pool:
        return []
    within = Filter(documents=tuple(pool))
    similar = {match.document_id: match.score for match in snapshot.search_dense(vector, len(pool), "document", within)}
    pool = [name for name in pool if name in similar]  # one without passages is never found
    if not pool:
        return []
    found = {match.document_id: match.score for match in snapshot.search_lexical(text, len(pool), "document", within)}
    lowest = min(best.values(), default=0.0)
    places = np.array([identities.place(name) for name in pool])
    content = {
        "dense": [similar[name] for name in pool],
        "best passage": [best.get(name, lowest) for name in pool],
        "lexical": [found.get(name, 0.0) for name in pool],
    }
    scores = {kind: zscores(np.array(run, np.float64)) for kind, run in content.items()}  # (pool,) each
    scores |= {kind: values[places] for kind, values in fits.items()}
    total = np.sum([DOCUMENT_WEIGHTS[kind] * run for kind, run in scores.items()], axis=0).tolist()
    best_first = sorted(range(len(pool)), key=lambda at: (-total[at], pool[at]))
    return [
        RankedDocument(pool[at], total[at], {kind: float(run[at]) for kind, run in scores.items()})
        for at in best_first[:documents]
    ]


def _has(snapshot: Snapshot, word: str) -> bool:
    """Whether a text of the collection has a word, a plural being given as its singular."""
    return any(snapshot.word_frequency(form) for form in (word, f"{word}s", f"{word}es"))
