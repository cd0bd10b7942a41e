"""Candidates in two stages: documents first, then passages inside them, with a flat passage search beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from mmrank.errors import InputError
from mmrank.retrieve.fusion import fuse
from mmrank.types import Candidate

if TYPE_CHECKING:
    from mmrank.index import Filter, Searcher

Place = tuple[str, int]
"""A passage: document id and position."""

Vector = NDArray[np.float32]
Key = TypeVar("Key", str, Place)


def two_stage(
    snapshot: Searcher,
    *,
    vector: Vector,
    text: str,
    documents: int = 10,
    passages: int = 50,
    where: Filter | None = None,
) -> list[Candidate]:
    """The passages that may answer a question, best first.

    The document stage ranks documents by their merged vectors and by BM25 over their whole text; the passage stage
    ranks the passages inside the best of them, decoupled from how those were found. The flat search ranks passages
    over all documents at once, so that one good passage in an unlikely document is not lost. Every candidate has
    exact scores of every kind, whichever search found it.

    Args:
        snapshot: what is searched: of a store on disk or in Milvus.
        vector: (dimension,) of the question.
        text: its words.
        documents: how many documents the passage stage looks into.
        passages: how many candidates to return.
        where: which documents may be searched.

    Returns:
        Candidates with the origin of every score: "document_dense", "document_lexical" and "document" (fused) of the
        document; "dense" and "lexical" of the passage; "inside" and "flat", the fused score of the passage in each of
        the two searches that found it; "fused", which is also `score`.
    """
    if documents < 1 or passages < 1:
        raise InputError(f"at least one document and one passage, got {documents} and {passages}")
    flat = _passage_runs(snapshot, vector, text, passages, where)
    document_runs = _document_runs(snapshot, vector, text, documents, where, _documents_of(flat))
    document_scores = fuse(document_runs)
    flat = {kind: {place: run[place] for place in run if place[0] in document_scores} for kind, run in flat.items()}
    chosen = _best(document_scores, documents)
    inside = _passage_runs(snapshot, vector, text, passages, _only(chosen)) if chosen else {}
    found = dict.fromkeys(place for runs in (inside, flat) for run in runs.values() for place in run)
    exact = _exact_runs(snapshot, vector, text, list(found))
    runs: dict[str, Mapping[Place, float]] = {
        **exact,
        "document": {place: document_scores[place[0]] for place in exact["dense"]},
    }
    fused = fuse(runs)
    stages: dict[str, dict[Place, float]] = {
        "inside": fuse(inside) if inside else {},
        "flat": fuse(flat),
    }
    best = _best(fused, passages)
    contents = snapshot.passages(f"{document}/{position}" for document, position in best)
    candidates = []
    for place, passage in zip(best, contents, strict=True):
        scores = {f"document_{origin}": run[place[0]] for origin, run in document_runs.items()}
        scores |= {origin: run[place] for origin, run in runs.items()}
        scores |= {stage: run[place] for stage, run in stages.items() if place in run}
        candidates.append(
            Candidate(
                id=passage.id,
                parts=passage.parts,
                score=fused[place],
                document_id=place[0],
                page=passage.page,
                heading_path=passage.heading_path,
                scores={**scores, "fused": fused[place]},
            )
        )
    return candidates


def _passage_runs(
    snapshot: Searcher, vector: Vector, text: str, k: int, where: Filter | None
) -> dict[str, dict[Place, float]]:
    return {
        "dense": {
            (match.document_id, match.position or 0): match.score
            for match in snapshot.search_dense(vector, k, "passage", where)
        },
        "lexical": {
            (match.document_id, match.position or 0): match.score
            for match in snapshot.search_lexical(text, k, "passage", where)
        },
    }


def _document_runs(
    snapshot: Searcher,
    vector: Vector,
    text: str,
    documents: int,
    where: Filter | None,
    beside: Iterable[str],
) -> dict[str, dict[str, float]]:
    """Exact scores of both kinds for every document that any search found and that has vectors.

    One in Milvus, which has no snapshots, may have none any more.
    """
    depth = 4 * documents
    pool = dict.fromkeys(match.document_id for match in snapshot.search_dense(vector, depth, "document", where))
    pool |= dict.fromkeys(match.document_id for match in snapshot.search_lexical(text, depth, "document", where))
    pool |= dict.fromkeys(beside)
    if not pool:
        return {"dense": {}, "lexical": {}}
    words = dict.fromkeys(pool, 0.0)
    for match in snapshot.search_lexical(text, len(pool), "document", _only(pool)):
        words[match.document_id] = match.score
    similar = {document: snapshot.document_vectors(document) @ vector for document in pool}  # (m,) each
    dense = {document: float(scores.max()) for document, scores in similar.items() if len(scores)}
    return {"dense": dense, "lexical": {document: words[document] for document in dense}}


def _exact_runs(snapshot: Searcher, vector: Vector, text: str, places: list[Place]) -> dict[str, dict[Place, float]]:
    """Exact scores of both kinds for the places that are (still) there."""
    similar: dict[str, Vector] = {}
    for document in _documents_of({"": dict.fromkeys(places, 0.0)}):
        similar[document] = snapshot.passage_vectors(document) @ vector  # (passages,)
    places = [place for place in places if place[1] < len(similar[place[0]])]
    if not places:
        return {"dense": {}, "lexical": {}}
    words = dict.fromkeys(places, 0.0)
    total = sum(map(len, similar.values()))
    for match in snapshot.search_lexical(text, total, "passage", _only(similar)):
        place = (match.document_id, match.position or 0)
        if place in words:
            words[place] = match.score
    return {
        "dense": {place: float(similar[place[0]][place[1]]) for place in places},
        "lexical": words,
    }


def _documents_of(runs: Mapping[str, Mapping[Place, float]]) -> Iterable[str]:
    return dict.fromkeys(document for run in runs.values() for document, _ in run)


def _only(documents: Iterable[str]) -> Filter:
    from mmrank.index import Filter

    return Filter(documents=tuple(documents))


def _best(scores: Mapping[Key, float], count: int) -> list[Key]:
    return sorted(scores, key=lambda key: (-scores[key], key))[:count]
