"""The tools that read: search, ask, look at a page, list documents, rank the pages of one.

Each answer is short text, then pictures; its last line says about how many tokens it takes. What programs need (boxes
as numbers, ids, addresses) is in the answer's `_meta`, which models do not read.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec
from urllib.parse import quote

from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult, TextContent
from pydantic import Field

from mmrank.errors import InputError, MmrankError
from mmrank.hits import NO_ANSWER
from mmrank.index import Filter
from mmrank.mcp import wording
from mmrank.mcp.pictures import Picture, page_picture
from mmrank.mcp.tokens import text_tokens
from mmrank.printable import one_line
from mmrank.types import BBox, Hit

if TYPE_CHECKING:
    from mmrank.collection import Collection
    from mmrank.llm.protocol import ChatModel

Asked = ParamSpec("Asked")

DEEPEST = 100
"""How far down a list of results may be paged."""

Documents = Annotated[list[str] | None, Field(description="Only in these documents, by name or id.")]
Folder = Annotated[str | None, Field(description="Only in documents under this folder.")]
Metadata = Annotated[
    dict[str, str] | None, Field(description='Only documents with these values, such as {"kind": "annual report"}.')
]
Since = Annotated[str | None, Field(description="Only documents of this date or later: 2024, 2024-03, 2024-03-31.")]
Until = Annotated[str | None, Field(description="Only documents of this date or earlier.")]
Offset = Annotated[int, Field(ge=0, le=DEEPEST, description="Results to pass over: the next page of a list.")]
Pictures = Annotated[
    int, Field(ge=0, le=5, description="Of how many results the page is shown as a picture, about 1,300 tokens each.")
]
Document = Annotated[str, Field(description="Name or id of the document.")]


def said_to_people(tool: Callable[Asked, CallToolResult]) -> Callable[Asked, CallToolResult]:
    """A tool whose errors reach the model as sentences; faults of the program do not."""

    @functools.wraps(tool)
    def told(*args: Asked.args, **kwargs: Asked.kwargs) -> CallToolResult:
        try:
            return tool(*args, **kwargs)
        except MmrankError as error:
            raise ToolError(str(error)) from error

    return told


def reply(text: str, pictures: Sequence[Picture] = (), **meta: object) -> CallToolResult:
    """An answer: text, pictures, what both cost, and what programs read."""
    words, pixels = text_tokens(text), sum(picture.tokens for picture in pictures)
    cost = f"About {words:,} tokens" + (f" of text and {pixels:,} of pictures." if pictures else ".")
    return CallToolResult(
        content=[
            TextContent(type="text", text=f"{text}\n\n{cost}"),
            *(picture.content() for picture in pictures),
        ],
        _meta={"mmrank/tokens": {"text": words, "pictures": pixels}, **{f"mmrank/{key}": meta[key] for key in meta}},
    )


def address(document: str, page_number: int) -> str:
    """Where a page is among the resources.

    >>> address("2024/a report.pdf", 3)
    'mmrank://2024%2Fa%20report.pdf/3'
    """
    return f"mmrank://{quote(document, safe='')}/{page_number}"


class ReadingTools:
    """The tools over one collection.

    Args:
        held: gives the collection.
        model: writes the answers of `ask`; None to extract them.
    """

    def __init__(self, held: Callable[[], Collection], model: ChatModel | None = None) -> None:
        self._held = held
        self._model = model

    @property
    def _library(self) -> Collection:
        return self._held()

    @said_to_people
    def search_documents(
        self,
        query: Annotated[str, Field(description="The question, in full words.")],
        k: Annotated[int, Field(ge=1, le=20, description="How many pages.")] = 5,
        offset: Offset = 0,
        pictures: Pictures = 1,
        documents: Documents = None,
        folder: Folder = None,
        metadata: Metadata = None,
        since: Since = None,
        until: Until = None,
    ) -> CallToolResult:
        """Find the pages that answer a question.

        Gives document, page, boxes and text of each, and pictures of the best with the evidence outlined in red. Look
        at the picture where a table, chart or figure matters.
        """
        where = self._where(documents, folder, metadata, since, until)
        found = self._library.search(query, k=offset + k + 1, where=where)
        shown = found[offset : offset + k]
        if not shown:
            return reply(
                "No further pages." if found else "Nothing found: the collection, or what the filters leave, is empty.",
                hits=[],
            )
        drawn, notes = self._pictures({f"{rank}": hit for rank, hit in enumerate(shown[:pictures], offset + 1)})
        lines = [] if shown.answered or offset else [NO_ANSWER]
        lines += [wording.hit_text(rank, hit) for rank, hit in enumerate(shown, offset + 1)]
        lines.append(wording.BOXES + notes)
        if len(found) > offset + k and offset + k <= DEEPEST:
            lines.append(f"More: offset={offset + k}.")
        return reply("\n\n".join(lines), drawn, hits=[plain(hit) for hit in shown])

    @said_to_people
    def ask(
        self,
        question: Annotated[str, Field(description="The question, in full words.")],
        pictures: Pictures = 0,
        documents: Documents = None,
        folder: Folder = None,
        metadata: Metadata = None,
        since: Since = None,
        until: Until = None,
    ) -> CallToolResult:
        """Answer a question in sentences, each with the document, page and boxes that it rests on.

        Says so where the documents hold no answer. Check with search_documents or get_page what matters.
        """
        where = self._where(documents, folder, metadata, since, until)
        answer = self._library.ask(question, where=where, model=self._model)
        cited = list({(hit.document_id, hit.page): hit for one in answer.sentences for hit in one.hits}.values())
        drawn, notes = self._pictures({wording.place_text(hit): hit for hit in cited[:pictures]})
        text = wording.answer_text(answer)
        return reply(
            f"{text}\n{wording.BOXES}{notes}" if cited else text,
            drawn,
            abstained=answer.abstained,
            sentences=[{"text": one.text, "hits": [plain(hit) for hit in one.hits]} for one in answer.sentences],
        )

    @said_to_people
    def get_page(
        self,
        document: Document,
        page: Annotated[int, Field(ge=1, description="Which page, counted from 1.")],
        picture: Annotated[bool, Field(description="Show it as a picture too, about 1,300 tokens.")] = True,
        box: Annotated[
            list[float] | None,
            Field(min_length=4, max_length=4, description="Only this part, shown larger: [x0, y0, x1, y1] in points."),
        ] = None,
        element_boxes: Annotated[bool, Field(description="Give kind and box of each element.")] = False,
        start: Annotated[int, Field(ge=0, description="Where to go on in a long text.")] = 0,
    ) -> CallToolResult:
        """Read one page: its text in reading order, with tables as Markdown, and its picture."""
        record = self._library.record(document)
        if page > record.pages:
            raise InputError(f"{record.name} has {record.pages} pages; there is no page {page}")
        held = self._library.document(record.id).pages[page - 1]
        within = None if box is None else BBox(*box)
        text = wording.page_text(held, boxes=element_boxes, within=within)
        part, rest = wording.cut(text, start, wording.PAGE_CHARACTERS)
        lines = [f"{one_line(record.name)}, page {page} of {record.pages}", part or "(no text)"]
        if rest is not None:
            lines.append(f"More text: start={rest}.")
        if page - 1 in record.unread:
            lines.append(f"This page could not be read: {one_line(record.unread[page - 1])}")
        drawn = []
        if picture and start == 0:
            try:
                drawn = [page_picture(record.path, record.id, page - 1, box=within)]
            except InputError:
                raise
            except MmrankError as error:
                lines.append(f"No picture: {error}")
        size = f"The page is {held.width:.0f} by {held.height:.0f} points. {wording.BOXES}"
        return reply("\n\n".join([*lines, size]), drawn, page={"document_id": record.id, "page_number": page})

    @said_to_people
    def list_documents(
        self,
        contains: Annotated[str | None, Field(description="Only where name or title contains this.")] = None,
        k: Annotated[int, Field(ge=1, le=100, description="How many documents.")] = 25,
        offset: Annotated[int, Field(ge=0, description="Documents to pass over: the next page of the list.")] = 0,
        folder: Folder = None,
        metadata: Metadata = None,
        since: Since = None,
        until: Until = None,
    ) -> CallToolResult:
        """List the documents by name, with title, kind, date and number of pages."""
        records = self._library.documents(self._where(None, folder, metadata, since, until))
        if contains:
            sought = contains.casefold()
            records = [one for one in records if sought in f"{one.name}\n{one.title}".casefold()]
        shown = records[offset : offset + k]
        if not shown:
            return reply("No further documents." if records else "No documents.", documents=[])
        count = f"{len(records)} document{'' if len(records) == 1 else 's'}"
        lines = [count + (f", from {offset + 1}:" if offset else ":")]
        lines += [wording.record_text(record) for record in shown]
        if len(records) > offset + k:
            lines.append(f"More: offset={offset + k}.")
        return reply("\n".join(lines), documents=[{"document": one.name, "document_id": one.id} for one in shown])

    @said_to_people
    def rank_document(
        self,
        document: Document,
        question: Annotated[str, Field(description="The question, in full words.")],
        k: Annotated[int, Field(ge=1, le=50, description="How many pages.")] = 10,
        offset: Offset = 0,
    ) -> CallToolResult:
        """Rank the pages of one document for a question, best first, each with the element that speaks most for it."""
        from mmrank.retrieve.evidence import page_evidence

        record = self._library.record(document)
        ranking = self._library.rank_document(record.id, question)
        pages = self._library.document(record.id).pages
        order = [int(at) for at in ranking.order()]
        lines, ranked = [f"{one_line(record.name)}: {len(order)} pages, best first"], []
        for at in order[offset : offset + k]:
            page, score = pages[int(ranking.pool.number[at])], float(ranking.scores[at])
            evidence = [found.element for found in page_evidence(ranking.question, ranking.pool, at)]
            lines.append(wording.ranked_page_text(page, score, evidence))
            ranked.append({"page_number": page.page_number, "score": score})
        if len(order) > offset + k and offset + k <= DEEPEST:
            lines.append(f"More: offset={offset + k}.")
        return reply("\n".join([*lines, wording.BOXES]), pages=ranked, document_id=record.id)

    def _where(
        self,
        documents: list[str] | None,
        folder: str | None,
        metadata: dict[str, str] | None,
        since: str | None,
        until: str | None,
    ) -> Filter | None:
        if not documents and folder is None and not metadata and since is None and until is None:
            return None
        ids = tuple(self._library.record(name).id for name in documents) if documents else None
        return Filter(documents=ids, folder=folder, metadata=metadata or {}, since=since, until=until)

    def _pictures(self, hits: Mapping[str, Hit]) -> tuple[list[Picture], str]:
        """Pictures of the pages, and sentences that say which they are and which could not be drawn."""
        drawn: dict[str, Picture] = {}
        notes = []
        for called, hit in hits.items():
            if hit.picture is None:
                continue
            try:
                drawn[called] = page_picture(hit.picture.path, hit.document_id, hit.page, marks=hit.boxes)
            except MmrankError as error:
                notes.append(f" No picture of {called}: {error}")
        shown = f" Pictures, boxes in red: {'; '.join(drawn)}." if drawn else ""
        return list(drawn.values()), shown + "".join(notes)


def plain(hit: Hit) -> dict[str, Any]:
    """A hit for programs."""
    return {
        "document": hit.document,
        "document_id": hit.document_id,
        "page_number": hit.page_number,
        "boxes": [box.as_tuple() for box in hit.boxes],
        "elements": hit.element_ids,
        "score": hit.score,
        "confidence": hit.confidence,
        "uri": address(hit.document, hit.page_number),
    }
