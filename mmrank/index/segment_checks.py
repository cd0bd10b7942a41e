"""Whether what stands in a segment fits together: checked before rows are copied, and by `mmrank verify`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmrank.errors import MmrankError
from mmrank.index.postings import Postings


def check_postings(postings: Postings) -> None:
    """Refuse postings that lead outside their arrays.

    Raises:
        MmrankError: says which.
    """
    check_offsets(postings.term_offsets, len(postings.terms), "the words")
    check_offsets(postings.starts, len(postings.rows), "the postings")
    _check_range(postings.rows, len(postings.documents), "the rows of its postings")
    if len(postings.lengths) and int(postings.lengths.min()) < 0:
        raise MmrankError("a segment of words is damaged: a passage has fewer than no words; run `mmrank repair`")


def check_offsets(offsets: NDArray[np.int64], end: int, what: str = "the tokens") -> None:
    """Refuse offsets that do not count up from 0 to `end`.

    Raises:
        MmrankError: says of what they are.
    """
    if not len(offsets) or int(offsets[0]) != 0 or int(offsets[-1]) != end or (np.diff(offsets) < 0).any():
        raise MmrankError(f"a segment is damaged: {what} do not lie one after the other; run `mmrank repair`")


def _check_range(numbers: NDArray[Any], end: int, what: str) -> None:
    if len(numbers) and (int(numbers.min()) < 0 or int(numbers.max()) >= end):
        raise MmrankError(f"a segment is damaged: {what} lie outside of it; run `mmrank repair`")
