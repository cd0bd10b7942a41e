"""What a search gives back: a list of hits that a notebook shows and pandas takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, SupportsIndex, overload

from mmrank.errors import require
from mmrank.types import Hit

if TYPE_CHECKING:
    import pandas

PICTURES_SHOWN = 10
"""Hits after these are shown in a notebook without their page, to keep the notebook small."""


ANSWERED = 0.25
"""Where no hit has this confidence, the search is said to have found no answer."""
NO_ANSWER = "Nothing in the collection seems to answer this. The closest pages:"


class Hits(list[Hit]):
    """Hits, best first: a list that shows its pages in a notebook.

    It compares equal to a list of the same hits, and a slice of it is `Hits` again.

    >>> Hits()[:3] == []
    True
    >>> type(Hits()[:3]).__name__
    'Hits'
    """

    @overload
    def __getitem__(self, at: SupportsIndex) -> Hit: ...
    @overload
    def __getitem__(self, at: slice) -> Hits: ...
    def __getitem__(self, at: SupportsIndex | slice) -> Hit | Hits:
        if isinstance(at, slice):
            return Hits(super().__getitem__(at))
        return super().__getitem__(at)

    @property
    def answered(self) -> bool:
        """Whether any page is likely enough to hold the answer: its `confidence` is at least `ANSWERED`."""
        return any(hit.confidence is None or hit.confidence >= ANSWERED for hit in self)

    def _repr_html_(self) -> str:
        if not self:
            return "<p>No hits.</p>"
        doubt = "" if self.answered else f"<p>{NO_ANSWER}</p>"
        return doubt + "".join(hit.to_html(picture=at < PICTURES_SHOWN) for at, hit in enumerate(self))

    def to_pandas(self) -> pandas.DataFrame:
        """A table with one row per hit, best first.

        `page` is 0-based and `page_number` 1-based; `boxes` holds tuples (x0, y0, x1, y1) in points; each signal has
        a column of its own, named after it: "scores.dense".

        Raises:
            MissingExtraError: when pandas is not installed; names the extra "notebook".
        """
        frame = require("pandas", "notebook").DataFrame
        columns = (
            *(
                "document",
                "page_number",
                "score",
                "confidence",
                "stage",
                "snippet",
                "marks",
                "reasoning",
                "label",
                "heading_path",
            ),
            *("boxes", "element_ids", "document_id", "page"),
            *dict.fromkeys(f"scores.{name}" for hit in self for name in hit.scores),
        )
        return frame([_row(hit) for hit in self], columns=columns)


def _row(hit: Hit) -> dict[str, object]:
    return {
        "document": hit.document,
        "page_number": hit.page_number,
        "score": hit.score,
        "confidence": hit.confidence,
        "stage": hit.stage,
        "snippet": hit.snippet,
        "marks": hit.marks,
        "reasoning": hit.reasoning,
        "label": hit.label,
        "heading_path": hit.heading_path,
        "boxes": tuple(box.as_tuple() for box in hit.boxes),
        "element_ids": hit.element_ids,
        "document_id": hit.document_id,
        "page": hit.page,
        **{f"scores.{name}": value for name, value in hit.scores.items()},
    }
