"""mmrank itself as a system under evaluation: a collection, asked one document at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mmrank.errors import MmrankError
from mmrank.evaluate.protocol import DocumentRanker, Layout, Setting, SystemRanking

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mmrank.collection import Collection
    from mmrank.progress import AddProgress
    from mmrank.rerankers.protocol import Reranker


class ProductSystem:
    """What a user gets from `Collection`, with its profile's settings.

    The collection and what was read from each file are kept in `cache` by content and settings, so that a second run
    reads no file again.
    """

    name = "mmrank"

    def __init__(
        self,
        cache: Path,
        *,
        weights: Mapping[str, float] | None = None,
        rerank: str | Reranker | None = None,
        profile: str = "cpu",
        progress: AddProgress | None = None,
        **settings: object,
    ) -> None:
        """Choose settings.

        Args:
            cache: directory for the collection and the files' cache.
            weights: what each signal counts, where it is not the default.
            rerank: as `Collection.search` takes it.
            profile: "cpu" or "gpu".
            progress: called with how far the reading of the documents is.
            settings: changes to the profile's settings, by name.

        Raises:
            InputError: for unknown settings.
        """
        from mmrank.config import load_settings

        self.progress = progress
        self._cache = cache
        self._weights = weights
        self._rerank = rerank
        self._settings = load_settings(profile, **settings)
        self._collection: Collection | None = None
        self._failed: Mapping[str, str] = {}
        self._twins: Mapping[str, str] = {}

    def prepare(self, documents: Mapping[str, Path]) -> None:
        """Index the documents that are not in the kept collection yet."""
        from mmrank.collection import Collection
        from mmrank.ingest import INGEST_VERSION

        chosen = self._settings.model_dump(exclude={"profile"})
        # What was read by another version of ingestion is not what this version would be measured on.
        path = self._cache / f"collection-{self._settings.fingerprint()}-{INGEST_VERSION}.mmrank"
        self._cache.mkdir(parents=True, exist_ok=True)
        library = Collection.create(path, profile=self._settings.profile, exist_ok=True, **chosen)
        files = [(file, name) for name, file in documents.items()]
        report = library.add_files(files, cache=self._cache / "documents", progress=self.progress)
        self._failed = {**report.failed}
        self._twins = report.duplicates
        self._collection = library

    def rank(self, document: str, question: str) -> SystemRanking:
        """Rank the pages of one document.

        Raises:
            MmrankError: when it could not be read.
        """
        if document in self._failed:
            raise MmrankError(f"{document}: {self._failed[document]}")
        name = self._twins.get(document, document)
        ranked = self.collection.rank_document(name, question, weights=self._weights, rerank=self._rerank)
        layouts = [
            Layout(evidence.element.page, evidence.element.box, evidence.score)
            for evidence in ranked.evidence(limit=LAYOUTS)
        ]
        return SystemRanking(tuple(map(float, ranked.scores)), tuple(layouts), ranked.stage)

    def signals(self, document: str, question: str) -> Mapping[str, NDArray[np.float64]]:
        """The value of each signal of the first stage for each page, (pages,) each.

        Raises:
            MmrankError: when the document could not be read.
        """
        if document in self._failed:
            raise MmrankError(f"{document}: {self._failed[document]}")
        return self.collection.rank_document(self._twins.get(document, document), question, rerank="none").signals

    @property
    def collection(self) -> Collection:
        """The collection it asks.

        Raises:
            MmrankError: before `prepare`.
        """
        if self._collection is None:
            raise MmrankError("prepare the documents first")
        return self._collection


def ablation(cache: Path) -> list[Setting]:
    """Everything, then everything but one signal at a time."""
    from mmrank.retrieve.pages import WEIGHTS

    def without(dropped: str | None) -> Callable[[], ProductSystem]:
        weights = {name: weight for name, weight in WEIGHTS.items() if name != dropped}
        return lambda: ProductSystem(cache, weights=weights)

    return [("everything", without(None)), *((f"without {name}", without(name)) for name in WEIGHTS)]


def document_rankers(library: Collection) -> dict[str, DocumentRanker]:
    """Ways to find the document a question is about: by merged vectors, by the best passage, by words, by all."""
    from mmrank.retrieve.fusion import fuse

    names = {record.id: record.name for record in library.documents()}
    others = _merged_otherwise(library, list(names))

    def runs(question: str) -> dict[str, dict[str, float]]:
        asked = library.understand(question)
        with library.store.snapshot() as snapshot:
            merged = snapshot.search_dense(asked.vector, len(names), level="document")
            best = {
                identifier: float((snapshot.passage_vectors(identifier) @ asked.vector).max(initial=-1.0))
                for identifier in names
            }
            words = snapshot.search_lexical(asked.analysis.text, len(names), level="document")
        return {
            "merged": {match.document_id: match.score for match in merged},
            "best passage": best,
            "words": {match.document_id: match.score for match in words},
            **{
                method: {identifier: float((vectors @ asked.vector).max()) for identifier, vectors in merges.items()}
                for method, merges in others.items()
            },
        }

    def ranker(*origins: str) -> DocumentRanker:
        def rank(question: str) -> list[str]:
            found = runs(question)
            scores = fuse({origin: found[origin] for origin in origins})
            return [names[identifier] for identifier in sorted(scores, key=lambda i: (-scores[i], i))]

        return rank

    return {
        "best passage": ranker("best passage"),
        "merged document vectors": ranker("merged"),
        **{method: ranker(method) for method in others},
        "merged and best passage": ranker("merged", "best passage"),
        "words (BM25)": ranker("words"),
        "merged and words": ranker("merged", "words"),
        "merged, best passage and words": ranker("merged", "best passage", "words"),
    }


def _merged_otherwise(library: Collection, identifiers: list[str]) -> dict[str, dict[str, NDArray[np.float32]]]:
    """The document vectors, (m, dimension) by document, of each other way of merging that needs no training."""
    import numpy as np

    from mmrank.encoders.merge import merge

    with library.store.snapshot() as snapshot:
        vectors = {identifier: snapshot.passage_vectors(identifier) for identifier in identifiers}
        lengths = {
            identifier: [max(len(passage.text), 1) for passage in snapshot.document(identifier).passages]
            for identifier in identifiers
        }
    filled = {identifier: rows for identifier, rows in vectors.items() if len(rows)}
    if not filled:
        return {}
    background = np.concatenate(list(filled.values())).mean(0)
    return {
        "merged, weighted by length": {i: merge(rows, "length", lengths=lengths[i]) for i, rows in filled.items()},
        "merged, weighted by distinctiveness": {
            i: merge(rows, "distinctive", background=background) for i, rows in filled.items()
        },
        "merged into four centres": {i: merge(rows, "kmeans", vectors=4) for i, rows in filled.items()},
    }


LAYOUTS = 20
"""Boxes per question; MMDocIR looks at the first ten."""
