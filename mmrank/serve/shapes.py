"""What the service takes and gives, as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field

from mmrank.types import BBox, Hit

if TYPE_CHECKING:
    from mmrank.hits import Hits
    from mmrank.index import DocumentRecord, Filter

Box = Annotated[
    tuple[float, float, float, float],
    Field(description="x0, y0, x1, y1 in points (1/72 inch) from the top left of the page as it is shown"),
]
Text = Annotated[str, Field(max_length=4000)]
CollectionName = Annotated[
    str | None, Field(max_length=200, description="which collection; may be left out where there is one")
]


class Strict(BaseModel):
    """A body that clients send; what it does not know is refused."""

    model_config = ConfigDict(extra="forbid")


class Where(Strict):
    """Which documents may be searched: those that satisfy every condition that is given."""

    ids: list[Text] | None = Field(default=None, max_length=1000, description="ids of documents")
    names: list[Text] | None = Field(default=None, max_length=1000, description="names of documents")
    folder: Text | None = Field(default=None, description="documents in this folder, at any depth")
    metadata: dict[str, Text] = Field(default={}, max_length=50, description="each key has exactly this value")
    since: Text | None = Field(default=None, description="ISO date of any precision, inclusive: 2024-03")
    until: Text | None = Field(default=None, description="ISO date of any precision, inclusive: 2024-03")

    def filter(self) -> Filter:
        """The same as the library takes it.

        Raises:
            InputError: for dates that are none.
        """
        from mmrank.index import Filter

        return Filter(
            documents=None if self.ids is None else tuple(self.ids),
            names=None if self.names is None else tuple(self.names),
            folder=self.folder,
            metadata=self.metadata,
            since=self.since,
            until=self.until,
        )


class HitOut(BaseModel):
    """A page that was found, and the spots on it."""

    document: str = Field(description="name of the document")
    document_id: str
    page: int = Field(description="from 0")
    page_number: int = Field(description="from 1")
    label: str | None = Field(description="the number that is printed on the page")
    boxes: list[Box]
    elements: list[str] = Field(description="ids of the elements in the boxes")
    score: float
    confidence: float | None = Field(description="probability, 0 to 1, that the page is right")
    scores: dict[str, float] = Field(description="what speaks for the page, by signal")
    stage: str = Field(description="what gave the score: retrieve, or a reranker")
    answers: dict[str, int] = Field(description="how many answers of a reranker's model were complete, …")
    heading_path: list[str]
    snippet: str
    marks: list[tuple[int, int]] = Field(description="words of the question in the snippet: from and to, in characters")
    reasoning: str | None = Field(description="why the page was found")

    @classmethod
    def of(cls, hit: Hit) -> HitOut:
        """The same hit."""
        return cls(
            document=hit.document,
            document_id=hit.document_id,
            page=hit.page,
            page_number=hit.page_number,
            label=hit.label,
            boxes=boxes_of(hit.boxes),
            elements=list(hit.element_ids),
            score=hit.score,
            confidence=hit.confidence,
            scores=dict(hit.scores),
            stage=hit.stage,
            answers=dict(hit.answers),
            heading_path=list(hit.heading_path),
            snippet=hit.snippet,
            marks=list(hit.marks),
            reasoning=hit.reasoning,
        )


class HitsOut(BaseModel):
    """What a search found, best first."""

    answered: bool = Field(description="whether any page is likely enough to hold the answer")
    hits: list[HitOut]

    @classmethod
    def of(cls, hits: Hits) -> HitsOut:
        """The same hits."""
        return cls(answered=hits.answered, hits=[HitOut.of(hit) for hit in hits])


class DocumentOut(BaseModel):
    """A document of a collection."""

    id: str
    name: str
    names: list[str] = Field(description="all names, where several files hold its content")
    title: str
    pages: int
    date: str = Field(description="ISO date: of the document where it is known, else of its addition")
    added: str = Field(description="when it was added, in UTC")
    metadata: dict[str, str]
    unread: dict[int, str] = Field(description="pages that could not be read, by number from 1, and why")

    @classmethod
    def of(cls, record: DocumentRecord) -> DocumentOut:
        """The same document."""
        from mmrank.adding.metadata import RESERVED

        return cls(
            id=record.id,
            name=record.name,
            names=[place.name for place in record.places],
            title=record.title,
            pages=record.pages,
            date=record.date,
            added=record.added.isoformat(),
            metadata={key: value for key, value in record.metadata.items() if not key.startswith(RESERVED)},
            unread={page + 1: why for page, why in record.unread.items()},
        )


def boxes_of(boxes: tuple[BBox, ...]) -> list[tuple[float, float, float, float]]:
    """Boxes as JSON has them."""
    return [box.as_tuple() for box in boxes]
