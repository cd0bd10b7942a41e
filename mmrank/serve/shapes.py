"""What the service takes and gives, as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field

from mmrank.retrieve.question import MAX_QUERY_CHARACTERS
from mmrank.types import BBox, Element, ElementKind, Hit, Page

if TYPE_CHECKING:
    from mmrank.answer.result import Answer, AnswerSentence
    from mmrank.hits import Hits
    from mmrank.index import DocumentRecord, Filter

Box = Annotated[
    tuple[float, float, float, float],
    Field(description="x0, y0, x1, y1 in points (1/72 inch) from the top left of the page as it is shown"),
]
Text = Annotated[str, Field(max_length=4000)]
SAYS_SOMETHING = r"[^\s\x00-\x1f\x7f-\x9f]"
"""What a text matches that is not empty and not blank."""
DATE = r"^[1-9]\d{3}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?$"
Date = Annotated[str, Field(pattern=DATE, description="ISO date of any precision, inclusive: 2024-03")]
Value = Annotated[str, Field(min_length=1, max_length=2000, pattern=SAYS_SOMETHING)]
Question = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_QUERY_CHARACTERS,
        pattern=SAYS_SOMETHING,
        description="the question",
        examples=["What interest does the loan carry?"],
    ),
]
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
    since: Date | None = None
    until: Date | None = None

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


class SentenceOut(BaseModel):
    """One sentence of an answer, and what it rests on."""

    text: str
    computation: str | None = Field(description="how a number was computed from numbers in the boxes")
    hits: list[HitOut] = Field(description="pages with the boxes that the sentence rests on")

    @classmethod
    def of(cls, sentence: AnswerSentence) -> SentenceOut:
        """The same sentence."""
        hits = [HitOut.of(hit) for hit in sentence.hits]
        return cls(text=sentence.text, computation=sentence.computation, hits=hits)


class StepOut(BaseModel):
    """One step on the way to an answer."""

    name: str
    detail: str


class AnswerOut(BaseModel):
    """The answer to a question."""

    question: str
    text: str
    short: str | None = Field(description="the answer itself where it is a value, a date, a name or a list of such")
    abstained: bool = Field(description="whether the documents support no answer")
    confidence: float = Field(description="probability, 0 to 1, that the cited page is right")
    model: str = Field(description="what wrote it: extract, or a language model")
    complete: bool = Field(description="false where a model stopped before the end")
    sentences: list[SentenceOut]
    hits: list[HitOut] = Field(description="the pages that were found for the question")
    trace: list[StepOut]

    @classmethod
    def of(cls, answer: Answer) -> AnswerOut:
        """The same answer."""
        return cls(
            question=answer.question,
            text=answer.text,
            short=answer.short,
            abstained=answer.abstained,
            confidence=answer.confidence,
            model=answer.model,
            complete=answer.complete,
            sentences=[SentenceOut.of(sentence) for sentence in answer.sentences],
            hits=[HitOut.of(hit) for hit in answer.hits],
            trace=[StepOut(name=step.name, detail=step.detail) for step in answer.trace],
        )


class ElementOut(BaseModel):
    """One thing on a page."""

    id: str
    kind: ElementKind
    page: int = Field(description="from 0")
    page_number: int = Field(description="from 1")
    box: Box
    text: str = Field(description="what a reader would read; Markdown for tables")
    level: int | None = Field(description="depth of a heading, 1 for the highest")
    caption_of: str | None = Field(description="of a caption: the element it captions")

    @classmethod
    def of(cls, element: Element) -> ElementOut:
        """The same element."""
        return cls(
            id=element.id,
            kind=element.kind,
            page=element.page,
            page_number=element.page + 1,
            box=element.box.as_tuple(),
            text=element.text,
            level=element.level,
            caption_of=element.caption_of,
        )


class PageOut(BaseModel):
    """One page and its elements in reading order."""

    page: int = Field(description="from 0")
    page_number: int = Field(description="from 1")
    label: str | None = Field(description="the number that is printed on it")
    width: float = Field(description="in points")
    height: float = Field(description="in points")
    elements: list[ElementOut]

    @classmethod
    def of(cls, page: Page) -> PageOut:
        """The same page."""
        return cls(
            page=page.page,
            page_number=page.page_number,
            label=page.label,
            width=page.width,
            height=page.height,
            elements=[ElementOut.of(element) for element in page.elements],
        )


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
