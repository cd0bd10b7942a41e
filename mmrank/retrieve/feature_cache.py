"""Documents prepared for ranking, the last ones used kept between questions."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mmrank.retrieve.features import DocumentFeatures
from mmrank.retrieve.pool import Pool

if TYPE_CHECKING:
    from mmrank.index import Snapshot
    from mmrank.retrieve.question import Question

KEPT_DOCUMENTS = 64


class FeatureCache:
    """`DocumentFeatures` by document id.

    An id is a hash of the file's content, so features never go out of date. Names and paths may: clear the cache after
    adding.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[str, DocumentFeatures] = OrderedDict()

    def pool(self, snapshot: Snapshot, documents: Sequence[str], question: Question) -> Pool:
        """The pages of some documents; with a multi-vector encoder their passages are compared token by token."""
        found = [self._features(snapshot, identifier) for identifier in documents]
        if question.tokens is None:
            return Pool(found)
        places = [(one.document.id, position) for one in found for position in range(len(one.vectors))]
        maxsim = {
            (match.document_id, match.position): max(match.score / len(question.tokens), -1.0)
            for match in snapshot.score_tokens(question.tokens, places)
        }
        return Pool(found, np.array([maxsim[place] for place in places]))

    def clear(self) -> None:
        """Forget all of them."""
        self._kept.clear()

    def _features(self, snapshot: Snapshot, identifier: str) -> DocumentFeatures:
        found = self._kept.pop(identifier, None)
        if found is None:
            found = DocumentFeatures(snapshot.document(identifier), snapshot.passage_vectors(identifier))
        self._kept[identifier] = found
        while len(self._kept) > KEPT_DOCUMENTS:
            self._kept.popitem(last=False)
        return found
