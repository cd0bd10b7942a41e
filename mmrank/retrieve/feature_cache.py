"""Documents prepared for ranking, the last ones used kept between questions."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mmrank.retrieve.array_checks import fit_together
from mmrank.retrieve.document_arrays import DocumentArrays
from mmrank.retrieve.features import DocumentFeatures
from mmrank.retrieve.pool import Pool
from mmrank.retrieve.prepared import ARRAYS_VERSION, prepare
from mmrank.retrieve.stored_document import StoredDocument

if TYPE_CHECKING:
    from mmrank.index import DocumentPlace, Snapshot
    from mmrank.retrieve.question import Question

KEPT_BYTES = 256 << 20


class FeatureCache:
    """`DocumentArrays` documents by their number and id. Safe under threads.

    Args:
        limit: bytes that are kept, the documents used last; those of one question are kept whatever they take.
    """

    def __init__(self, limit: int = KEPT_BYTES) -> None:
        self._limit = limit
        self._bytes = 0
        self._kept: OrderedDict[DocumentPlace, DocumentArrays] = OrderedDict()
        self._lock = threading.Lock()

    def pool(self, snapshot: Snapshot, documents: Sequence[str], question: Question, *, whole: bool = False) -> Pool:
        """The pages of some documents; with a multi-vector encoder their passages are compared token by token.

        Args:
            snapshot: holds the documents.
            documents: their ids.
            question: the question.
            whole: read the documents at once; otherwise their pages and passages are read when they are asked for, as
                long as the snapshot is open.
        """
        found = []
        places = snapshot.places(documents)
        with self._lock:
            unknown = [place.id for place in places if place not in self._kept]
        snapshot.prefetch([place.id for place in places], unknown, ARRAYS_VERSION)
        for place in places:
            prepared = self._prepared(snapshot, place)
            document = (
                snapshot.document(place.id)
                if whole
                else StoredDocument(snapshot, place.id, place.name, place.path, prepared)
            )
            found.append(DocumentFeatures(document, snapshot.passage_vectors(place.id), prepared))
        if question.tokens is None:
            return Pool(found)
        passages = [(one.document.id, position) for one in found for position in range(len(one.vectors))]
        maxsim = {
            (match.document_id, match.position): max(match.score / len(question.tokens), -1.0)
            for match in snapshot.score_tokens(question.tokens, passages)
        }
        return Pool(found, np.array([maxsim[passage] for passage in passages]))

    def _prepared(self, snapshot: Snapshot, place: DocumentPlace) -> DocumentArrays:
        with self._lock:
            found = self._kept.get(place)
            if found is not None:
                self._kept.move_to_end(place)
                return found
        arrays = snapshot.arrays(place.id, ARRAYS_VERSION)
        # Added by an earlier version and not brought up to date by `mmrank repair`, or not made by mmrank at all.
        if arrays is None or not fit_together(arrays):
            arrays = prepare(snapshot.document(place.id))
        made = DocumentArrays(arrays)
        with self._lock:
            if place not in self._kept:
                self._kept[place] = made
                self._bytes += made.nbytes
            while self._bytes > self._limit and len(self._kept) > 1:
                _, dropped = self._kept.popitem(last=False)
                self._bytes -= dropped.nbytes
        return made
