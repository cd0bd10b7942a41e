"""The pages found for each of several questions, joined into one list."""

from __future__ import annotations

from collections.abc import Sequence

from mmrank.hits import Hits
from mmrank.types import Hit


def join(runs: Sequence[Sequence[Hit]], k: int) -> Hits:
    """The k best pages over several runs.

    Each run first gives its best page, in turn, then its next, so that every question is served; a page that several
    runs found stands where the first found it, with its highest confidence, and one with the same words as an earlier
    page is left out.

    Args:
        runs: pages found for each question, best first.
        k: pages wanted.

    >>> join([], 3)
    []
    """
    chosen: dict[tuple[str, int], Hit] = {}
    texts: set[str] = set()
    for rank in range(max(map(len, runs), default=0)):
        for run in runs:
            if rank >= len(run):
                continue
            hit = run[rank]
            key = (hit.document_id, hit.page)
            known = chosen.get(key)
            if known is not None:
                if (hit.confidence or 0.0) > (known.confidence or 0.0):
                    chosen[key] = hit
            elif not hit.snippet or hit.snippet not in texts:
                chosen[key] = hit
                texts.add(hit.snippet)
    return Hits(list(chosen.values())[:k])
