"""mmrank itself as a system under evaluation: a collection, asked one document at a time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mmrank.errors import MmrankError
from mmrank.evaluate.systems import Layout, Ranking

if TYPE_CHECKING:
    from mmrank.collection import Collection


class ProductSystem:
    """What a user gets from `Collection`, with its profile's settings.

    The collection and what was read from each file are kept in `cache` by content and settings, so that a second run
    reads nothing again.
    """

    name = "mmrank"

    def __init__(self, cache: Path, *, profile: str = "cpu", **settings: object) -> None:
        """Choose settings.

        Args:
            cache: directory for the collection and the files' cache.
            profile: "cpu" or "gpu".
            settings: changes to the profile's settings, by name.

        Raises:
            InputError: for unknown settings.
        """
        from mmrank.config import load_settings

        self._cache = cache
        self._settings = load_settings(profile, **settings)
        self._collection: Collection | None = None
        self._failed: Mapping[str, str] = {}

    def prepare(self, documents: Mapping[str, Path]) -> None:
        """Index the documents that are not in the kept collection yet."""
        from mmrank.collection import Collection

        chosen = self._settings.model_dump(exclude={"profile"})
        path = self._cache / f"collection-{self._settings.fingerprint()}.mmrank"
        self._cache.mkdir(parents=True, exist_ok=True)
        library = Collection.create(path, profile=self._settings.profile, exist_ok=True, **chosen)
        report = library.add_files([(file, name) for name, file in documents.items()], cache=self._cache / "documents")
        self._failed = {**report.failed}
        self._twins = report.duplicates
        self._collection = library

    def rank(self, document: str, question: str) -> Ranking:
        """Rank the pages of one document.

        Raises:
            MmrankError: when it could not be read.
        """
        if self._collection is None:
            raise MmrankError("prepare the documents first")
        if document in self._failed:
            raise MmrankError(f"{document}: {self._failed[document]}")
        ranked = self._collection.rank_document(self._twins.get(document, document), question)
        layouts = [
            Layout(evidence.element.page, evidence.element.box, evidence.score)
            for evidence in ranked.evidence(limit=LAYOUTS)
        ]
        return Ranking(tuple(map(float, ranked.scores)), tuple(layouts), ranked.stage)


LAYOUTS = 20
"""Boxes a question; MMDocIR looks at the first ten."""
