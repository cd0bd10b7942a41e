"""Documents prepared for ranking, the last ones used kept between questions."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mmrank.retrieve.view import DocumentView, Pool

if TYPE_CHECKING:
    from mmrank.index import Snapshot
    from mmrank.retrieve.signals import Question

KEPT = 64


class Views:
    """A cache of `DocumentView`s by id.

    An id is a content hash, so what was read never goes stale; names and paths may, and adding lets go of all.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[str, DocumentView] = OrderedDict()

    def pool(self, snapshot: Snapshot, documents: Sequence[str], question: Question) -> Pool:
        """The pages of some documents; with a multi-vector encoder their passages are compared token by token."""
        views = [self._view(snapshot, identifier) for identifier in documents]
        if question.tokens is None:
            return Pool(views)
        places = [(view.document.id, at) for view in views for at in range(len(view.vectors))]
        found = {
            (match.document_id, match.position): max(match.score / len(question.tokens), -1.0)
            for match in snapshot.score_tokens(question.tokens, places)
        }
        return Pool(views, np.array([found[place] for place in places]))

    def clear(self) -> None:
        """Let go of all."""
        self._kept.clear()

    def _view(self, snapshot: Snapshot, identifier: str) -> DocumentView:
        view = self._kept.pop(identifier, None)
        if view is None:
            view = DocumentView(snapshot.document(identifier), snapshot.passage_vectors(identifier))
        self._kept[identifier] = view
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return view
