"""Whether the prepared arrays of a document fit together: a collection may come from somebody who meant harm."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def fit_together(arrays: Mapping[str, Array]) -> bool:
    """Whether every number in the arrays (`mmrank.retrieve.prepared`) leads to a place within them.

    Arrays that do not are made again from the stored document, as those of an earlier version are.
    """
    try:
        words, pages = len(arrays["keys"]), len(arrays["kinds"])
        passages, places = len(arrays["passage_pages"]), int(arrays["page_bounds"][-1])
        return (
            all(array.ndim == 1 for array in arrays.values())
            and arrays["keys"].dtype == np.uint64
            and arrays["numeric_share"].dtype == np.float64
            and len(arrays["numeric_share"]) == pages
            and len(arrays["page_frequency"]) == words
            and len(arrays["passage_lengths"]) == passages
            and len(arrays["passage_counts"]) == len(arrays["passage_rows"])
            and _bounds(arrays["page_bounds"], pages, places)
            and _bounds(arrays["text_bounds"], pages, len(arrays["texts"]))
            and _bounds(arrays["page_starts"], words, len(arrays["positions"]))
            and _bounds(arrays["heading_starts"], words, len(arrays["heading_pages"]))
            and _bounds(arrays["passage_starts"], words, len(arrays["passage_rows"]))
            and _within(arrays["positions"], places)
            and _within(arrays["heading_pages"], pages)
            and _within(arrays["passage_rows"], passages)
            and _within(arrays["passage_pages"], pages)
            and places <= len(arrays["positions"]) + pages
            and len(_text(arrays["vocabulary"]).split("\n")) == max(words, 1)
            and _labels(json.loads(_text(arrays["labels"])), pages)
            and _handles(json.loads(_text(arrays["handles"])))
        )
    except (IndexError, KeyError, TypeError, ValueError, OverflowError, RecursionError):
        return False


def _bounds(bounds: Array, count: int, end: int) -> bool:
    """Where each of `count` lists begins and ends, in an array of `end` values."""
    if bounds.dtype.kind not in "iu" or len(bounds) != count + 1 or int(bounds[0]) != 0 or int(bounds[-1]) != end:
        return False
    return bool((bounds[1:] >= bounds[:-1]).all())


def _within(numbers: Array, end: int) -> bool:
    return numbers.dtype.kind in "iu" and (not len(numbers) or (int(numbers.min()) >= 0 and int(numbers.max()) < end))


def _text(array: Array) -> str:
    if array.dtype != np.uint8:
        raise ValueError("text is kept as bytes")
    return array.tobytes().decode("utf-8", "surrogatepass")


def _labels(labels: object, pages: int) -> bool:
    return isinstance(labels, list) and len(labels) == pages and all(isinstance(one, str | None) for one in labels)


def _handles(handles: object) -> bool:
    return isinstance(handles, dict) and all(
        isinstance(ids, list) and all(isinstance(one, str) for one in ids) for ids in handles.values()
    )
