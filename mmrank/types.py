"""The values that pass through mmrank: what a PDF becomes, and what a search gives back.

All are frozen, slotted dataclasses without logic beyond their own invariants.

Units: boxes are in points (1/72 inch) with the origin at the top left of the page *as it is shown* (after
rotation and cropping). `page` is always a 0-based index; `page_number` is always 1-based, for people;
`label` is what is printed on the page ("xii", "6985").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from mmrank.errors import InputError, MmrankError
from mmrank.names import canonical
from mmrank.printable import is_text

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True, slots=True, order=True)
class BBox:
    """A rectangle in points, top-left origin.

    >>> BBox(0, 0, 10, 10).intersection(BBox(5, 5, 20, 20))
    BBox(x0=5, y0=5, x1=10, y1=10)
    >>> BBox(0, 0, 10, 10).iou(BBox(0, 0, 10, 5))
    0.5
    """

    x0: float
    y0: float
    x1: float
    y1: float

    def __post_init__(self) -> None:
        if not (self.x0 <= self.x1 and self.y0 <= self.y1):  # also catches NaN
            raise InputError(f"a box needs x0 <= x1 and y0 <= y1, got {self.as_tuple()}")

    @property
    def width(self) -> float:
        """Width in points."""
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        """Height in points."""
        return self.y1 - self.y0

    @property
    def area(self) -> float:
        """Area in square points."""
        return self.width * self.height

    def as_tuple(self) -> tuple[float, float, float, float]:
        """(x0, y0, x1, y1)."""
        return (self.x0, self.y0, self.x1, self.y1)

    def intersection(self, other: BBox) -> BBox | None:
        """The common rectangle, or None where the two share no area."""
        x0, y0 = max(self.x0, other.x0), max(self.y0, other.y0)
        x1, y1 = min(self.x1, other.x1), min(self.y1, other.y1)
        return BBox(x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None

    def union(self, other: BBox) -> BBox:
        """The smallest rectangle that holds both."""
        return BBox(min(self.x0, other.x0), min(self.y0, other.y0), max(self.x1, other.x1), max(self.y1, other.y1))

    def overlap(self, other: BBox) -> float:
        """Area shared with `other`, in square points."""
        common = self.intersection(other)
        return common.area if common else 0.0

    def iou(self, other: BBox) -> float:
        """Intersection over union, 0 to 1."""
        shared = self.overlap(other)
        return shared / (self.area + other.area - shared) if shared else 0.0


class ElementKind(StrEnum):
    """What an element is on the page."""

    TITLE = "title"
    HEADING = "heading"
    TEXT = "text"
    LIST_ITEM = "list_item"
    TABLE = "table"
    FIGURE = "figure"
    CHART = "chart"
    CAPTION = "caption"
    FORMULA = "formula"
    HEADER = "header"
    FOOTER = "footer"
    FOOTNOTE = "footnote"


PICTURED = frozenset({ElementKind.TABLE, ElementKind.FIGURE, ElementKind.CHART, ElementKind.FORMULA})
"""Kinds whose appearance carries meaning: a vision model is shown their picture."""

FURNITURE = frozenset({ElementKind.HEADER, ElementKind.FOOTER})
"""Kinds that repeat from page to page and are left out of passages."""


@dataclass(frozen=True, slots=True)
class ImageRef:
    """A picture that is not loaded yet: a page of a file, or a box on it."""

    path: str
    page: int
    box: BBox | None = None

    def open(self, *, max_pixels: int = 1_500_000, marks: Sequence[BBox] = ()) -> Image:
        """Render it (RGB).

        Args:
            max_pixels: the picture is scaled to at most this many pixels.
            marks: boxes in page points to outline on the picture.

        Raises:
            MmrankError: when the file is gone or cannot be rendered.
        """
        from mmrank import pictures

        box = self.box.as_tuple() if self.box else None
        return pictures.render(
            self.path, self.page, box, max_pixels=max_pixels, marks=[mark.as_tuple() for mark in marks]
        )


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table; spans are 1 unless the cell covers more rows or columns."""

    text: str
    row: int
    column: int
    row_span: int = 1
    column_span: int = 1
    header: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table's cells, in row order. A spanning cell stands once, at its top left."""

    row_count: int
    column_count: int
    cells: tuple[Cell, ...]
    carried_rows: int = 0
    """Header rows at its top that are not printed there again: they stand over an earlier part of it."""

    @property
    def header_rows(self) -> int:
        """How many rows at its top name its columns; 0 where that is not known."""
        return max((cell.row + 1 for cell in self.cells if cell.header), default=0)


@dataclass(frozen=True, slots=True)
class Element:
    """One thing on a page: a paragraph, a heading, a table, a figure.

    `text` is what a reader would read: Markdown for tables, the text inside (by text layer or OCR) for
    figures. `id` is unique within the document ("p3e7": page index 3, reading order 7).
    """

    id: str
    kind: ElementKind
    page: int
    box: BBox
    text: str
    level: int | None = None
    """Depth of a heading, 1 for the highest; None for other kinds."""
    table: Table | None = None
    caption_of: str | None = None
    """For a caption: the id of the element it captions."""
    ocr_confidence: float | None = None
    """Mean confidence of recognition, 0 to 1; None where the text came from the file itself."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page and its elements in reading order."""

    page: int
    width: float
    height: float
    elements: tuple[Element, ...]
    label: str | None = None
    """The printed page number where one was found, else None."""

    @property
    def page_number(self) -> int:
        """1-based, for people."""
        return self.page + 1


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it, up to the next heading of the same or a higher level."""

    title: str
    level: int
    page: int
    element_ids: tuple[str, ...]
    number: str | None = None
    """"4.1" where the heading carries a number."""
    parent: int | None = None
    """Position of the parent in `Document.sections`; None at the top."""


class PartKind(StrEnum):
    """What one part of a passage is to a model."""

    TEXT = "text"
    TABLE = "table"
    IMAGE = "image"


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a passage, in the order of the page.

    `text` is what a text model reads (for an image: the text inside it); `image` is set for tables and
    pictures, so that a vision model can be shown them.
    """

    kind: PartKind
    text: str
    element_ids: tuple[str, ...]
    image: ImageRef | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """A run of elements of one page: text, tables and pictures interleaved as they stand there.

    `position` counts passages within the document from 0; `id` is "<document id>/<position>".
    """

    id: str
    document_id: str
    position: int
    page: int
    parts: tuple[Part, ...]
    element_ids: tuple[str, ...]
    boxes: tuple[BBox, ...]
    heading_path: tuple[str, ...] = ()
    """Titles of the sections it stands in, outermost first."""
    handles: tuple[str, ...] = ()
    """Names people use for what is in it, lower case: "figure 3", "table 2", "section 4.1"."""

    @property
    def text(self) -> str:
        """What a text model reads: the parts, one below the other."""
        return "\n".join(part.text for part in self.parts if part.text)


@dataclass(frozen=True, slots=True)
class Document:
    """What a file becomes. `id` is the hash of the file's content, `name` its name in the collection."""

    id: str
    name: str
    path: str
    pages: tuple[Page, ...]
    passages: tuple[Passage, ...]
    sections: tuple[Section, ...] = ()
    title: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    handles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Canonical name of a place ("figure 3", "page 12", "section 4.1") → ids of the elements there."""

    def resolve(self, name: str) -> tuple[str, ...]:
        """Ids of the elements that a name such as "Table 2", "Fig. 3" or "page 12" points at; empty if none."""
        return self.handles.get(canonical(name), ())

    def element(self, element_id: str) -> Element:
        """The element with this id.

        Raises:
            KeyError: when the document has no such element.
        """
        page = element_id.partition("e")[0].removeprefix("p")
        if page.isdigit() and int(page) < len(self.pages):
            for element in self.pages[int(page)].elements:
                if element.id == element_id:
                    return element
        raise KeyError(element_id)

    def page_image(self, page: int) -> ImageRef:
        """A lazy picture of one page (0-based)."""
        return ImageRef(self.path, page)


@dataclass(frozen=True, slots=True)
class Query:
    """A question: text, a picture, or both.

    Raises:
        InputError: when the text holds bytes that are no text.
    """

    text: str
    image: ImageRef | None = None

    def __post_init__(self) -> None:
        if not is_text(self.text):
            raise InputError(f"the question holds bytes that are no text: {self.text!r}; type it as UTF-8")


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something to be reranked: a passage, or a page as a picture.

    `scores` holds every score that led here, by the name of its origin ("dense", "lexical", "fused", …).
    """

    id: str
    parts: tuple[Part, ...]
    score: float
    document_id: str = ""
    page: int = 0
    heading_path: tuple[str, ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """What a text model reads."""
        return "\n".join(part.text for part in self.parts if part.text)


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer of a search: a page, and the spots on it."""

    document: str
    document_id: str
    page: int
    """0-based; `page_number` is for people."""
    boxes: tuple[BBox, ...]
    score: float
    stage: str
    """Which stage gave `score`: "retrieve" or the name of the reranker."""
    snippet: str
    element_ids: tuple[str, ...] = ()
    label: str | None = None
    heading_path: tuple[str, ...] = ()
    reasoning: str | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    answers: Mapping[str, int] = field(default_factory=dict)
    """How many answers of the reranker's language model were complete, repaired, or unusable, over the whole search."""
    picture: ImageRef | None = None
    marks: tuple[tuple[int, int], ...] = ()
    """Where words of the question stand in `snippet`: start and end in characters."""
    confidence: float | None = None
    """Calibrated probability, 0 to 1, that the page is right; None where it was not worked out."""

    @property
    def page_number(self) -> int:
        """1-based, for people."""
        return self.page + 1

    def image(self, *, max_pixels: int = 1_500_000) -> Image:
        """The page with its evidence marked.

        Raises:
            MmrankError: when the file is gone, holds something else now, or cannot be rendered.
        """
        from mmrank.pictures import check_content

        if self.picture is None:
            raise InputError(f"the hit on {self.document} carries no picture")
        check_content(self.picture.path, self.document_id)
        return self.picture.open(max_pixels=max_pixels, marks=self.boxes)

    def to_html(self, *, picture: bool = True) -> str:
        """What a notebook shows: the page with its boxes, where it is, its text and the reason.

        A page that cannot be shown, because its file is gone or has changed, is replaced by a line that says so.

        Args:
            picture: include the page, as a small PNG inside the HTML.
        """
        from mmrank.notebook import THUMBNAIL_PIXELS, card, thumbnail

        shown = note = None
        if picture and self.picture is not None:
            try:
                shown = thumbnail(self.image(max_pixels=THUMBNAIL_PIXELS))
            except MmrankError as error:
                note = str(error)
        label = f" (printed “{self.label}”)" if self.label not in {None, str(self.page_number)} else ""
        return card(
            title=f"{self.document}, page {self.page_number}{label}",
            lines=[
                *([" › ".join(self.heading_path)] if self.heading_path else []),
                f"score {self.score:.3f} ({self.stage})"
                + ("" if self.confidence is None else f", confidence {self.confidence:.0%}"),
            ],
            snippet=self.snippet,
            marks=self.marks,
            reason=self.reasoning,
            picture=shown,
            note=note,
        )

    def _repr_html_(self) -> str:
        return self.to_html()
