"""Which documents a question is about: by what they hold, and by what they are."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmrank.errors import InputError
from mmrank.ingest.identity import HEADINGS, PERIOD
from mmrank.lexical import idf
from mmrank.periods import Period, named_period, period_match
from mmrank.retrieve.fusion import standardised
from mmrank.retrieve.words import STOPWORDS, words

if TYPE_CHECKING:
    from mmrank.index import DocumentRecord, Filter, Searcher
    from mmrank.retrieve.question import Question

DOCUMENT_WEIGHTS: dict[str, float] = {"dense": 0.5, "best passage": 0.5, "lexical": 1.0, "named": 1.0, "period": 4.0}
"""Weight of each kind of score of a document. All but "period", which is −0.2 to 1, are z-scores over the documents
that were found."""
POOL = 4
"""Each search finds this many documents for every one that is wanted."""
LONGEST_JOINED = 3
"""Words of a question that a file name may write as one: "General Mills", GENERALMILLS_2019_10K.pdf."""


@dataclass(frozen=True, slots=True)
class RankedDocument:
    """A document with its fused score and each score before weights; scores are comparable within one call."""

    id: str
    score: float
    scores: Mapping[str, float]


class Identities:
    """The words that documents go by, ready to be matched with a question.

    Args:
        records: all documents of a collection.

    Attributes:
        pages: number of pages of each document, by id.
    """

    def __init__(self, records: Sequence[DocumentRecord]) -> None:
        self.pages = {record.id: record.pages for record in records}
        self._words = {record.id: frozenset(_identity_words(record)) for record in records}
        self._holding = Counter(word for held in self._words.values() for word in held)
        self._periods = {record.id: Period.parse(record.metadata.get(PERIOD, "")) for record in records}

    def matching(self, asked: Sequence[str]) -> dict[str, float]:
        """Documents whose name or title has words of the question, with the summed rarity (IDF) of these words."""
        total = len(self._words)
        known = {word: idf(total, self._holding[word]) for word in _with_joined(asked) if self._holding[word]}
        if not known:
            return {}
        found = {name: sum(known[word] for word in held & known.keys()) for name, held in self._words.items()}
        return {name: score for name, score in found.items() if score}

    def periods(self, asked: Period | None, documents: Iterable[str]) -> dict[str, float]:
        """How well each document's period fits the one asked for, see `period_match`."""
        return {name: period_match(asked, self._periods.get(name)) for name in documents}


def rank_documents(
    snapshot: Searcher,
    question: Question,
    identities: Identities,
    *,
    documents: int,
    passages: int,
    where: Filter | None = None,
) -> list[RankedDocument]:
    """The documents that a question is about, best first.

    A document scores by its merged vectors, its best passage, its words, the rare words that it goes by (file name,
    title, headings of the first page), and whether it reports on the period that the question names.

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
    best: dict[str, float] = {}
    for match in snapshot.search_dense(vector, passages, "passage", where):
        best.setdefault(match.document_id, match.score)
    dense = {match.document_id for match in snapshot.search_dense(vector, POOL * documents, "document", where)}
    lexical = {match.document_id for match in snapshot.search_lexical(text, POOL * documents, "document", where)}
    named = identities.matching(words(text))
    if where is not None:
        allowed = {record.id for record in snapshot.documents(where)}
        named = {name: score for name, score in named.items() if name in allowed}
    closest = sorted(named, key=lambda name: (-named[name], name))[: POOL * documents]
    pool = list(dict.fromkeys([*sorted(dense), *sorted(lexical), *best, *closest]))
    similar = {name: snapshot.document_vectors(name) @ vector for name in pool}  # (m,) each
    pool = [name for name in pool if len(similar[name])]  # one without passages is never found
    if not pool:
        return []
    found = {
        match.document_id: match.score
        for match in snapshot.search_lexical(text, len(pool), "document", Filter(documents=tuple(pool)))
    }
    lowest = min(best.values(), default=0.0)
    scores: dict[str, dict[str, float]] = {
        "dense": {name: float(similar[name].max()) for name in pool},
        "best passage": {name: best.get(name, lowest) for name in pool},
        "lexical": {name: found.get(name, 0.0) for name in pool},
        "named": {name: named.get(name, 0.0) for name in pool},
        "period": identities.periods(named_period(question.query.text), pool),
    }
    scaled = {kind: run if kind == "period" else standardised(run) for kind, run in scores.items()}
    ranked = [
        RankedDocument(
            name,
            sum(DOCUMENT_WEIGHTS[kind] * run[name] for kind, run in scaled.items()),
            {kind: run[name] for kind, run in scores.items()},
        )
        for name in pool
    ]
    return sorted(ranked, key=lambda document: (-document.score, document.id))[:documents]


def _identity_words(record: DocumentRecord) -> Iterable[str]:
    stem = record.name.rpartition(".")[0] or record.name
    spaced = " ".join(re.findall(r"[^\W\d_]+|\d+[^\W\d_]{0,2}(?![^\W\d_])|\d+", stem))
    fields = (record.metadata.get(key, "") for key in ("title", "subject", "author", HEADINGS))
    return (word for text in (spaced, record.title, *fields) for word in words(text) if word not in STOPWORDS)


def _with_joined(asked: Sequence[str]) -> set[str]:
    """The words, and each run of up to `LONGEST_JOINED` of them written as one.

    >>> sorted(_with_joined(["general", "mills"]))
    ['general', 'generalmills', 'mills']
    """
    joined = {
        "".join(asked[at : at + length])
        for length in range(2, LONGEST_JOINED + 1)
        for at in range(len(asked) - length + 1)
    }
    return {word for word in asked if word not in STOPWORDS} | joined
