"""What a reading process may answer: what it was asked for, about the file it was given, and nothing else.

A file may have taken over the process that read it. So its answer is checked here before anything is made of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from math import isfinite
from typing import Any

from mmrank import codec
from mmrank.errors import MmrankError
from mmrank.ingest.opening import FileError
from mmrank.names import UNREAD
from mmrank.types import BBox, Document, Element, ImageRef, Page, Passage

FARTHEST = 1e6
"""No box reaches farther, and no page is larger, in points."""
MOST_METADATA = 1000
LONGEST_METADATA = 20_000
LONGEST_NOTE = 8 << 20
"""Characters of the note on pages that could not be read."""
LONGEST_REASON = 1000


class AnswerError(FileError):
    """An answer is not what was asked for."""


def check_reason(task: dict[str, Any], header: dict[str, Any]) -> FileError:
    """The reason why a file could not be read, as an error that names the file."""
    reason = header["error"]
    if not isinstance(reason, str) or not reason.strip():
        raise _wrong(task, "gives no reason")
    reason = reason[:LONGEST_REASON]
    return FileError(reason if task["path"] in reason else f"{task['path']}: {reason}")


@dataclass(frozen=True, slots=True)
class PartAnswer:
    """What was answered about some pages of a file."""

    pages: int
    """How many the file has."""
    read: int
    """How many of those asked for were read."""
    size: int
    """How many pages a task should read from now on; 0 where nothing is said of it."""
    metadata: dict[str, str]


def check_part(task: dict[str, Any], header: dict[str, Any], body: bytes, known: int) -> PartAnswer:
    """The answer to a task on some pages. What `body` holds is checked once the document is assembled.

    Args:
        task: what was asked.
        header: the answer.
        body: drafts as a JSON list.
        known: how many pages the file has; 0 where that is not known.

    Raises:
        AnswerError: when it is an answer to something else.
    """
    numbers = [header.get("pages"), header.get("read"), header.get("split") or 0]
    pages, read, size = (value if type(value) is int else -1 for value in numbers)
    if not 1 <= pages <= task["options"]["limits"]["pages"] or known not in {0, pages}:
        raise _wrong(task, f"claims {str(numbers[0])[:20]} pages")
    asked = task["stop"] - task["start"] if task["kind"] == "pages" else pages
    whole = task["kind"] == "pages" and not size
    most = max(pages, task["options"]["limits"]["pages_per_task"])
    if not 0 <= read <= asked or not 0 <= size <= most or (whole and not read):
        raise _wrong(task, "is about other pages")
    if read and (body[:1] != b"[" or body[-1:] != b"]"):
        raise _wrong(task, "holds no pages")
    return PartAnswer(pages, read, size, _metadata(task, header.get("metadata")))


def check_document(task: dict[str, Any], body: bytes, pages: int | None = None) -> Document:
    """The document that was asked for.

    Args:
        task: what was asked.
        body: the document as JSON.
        pages: how many pages it must have, where that is known.

    Raises:
        AnswerError: when it is about another file, or contradicts itself.
    """
    try:
        document = codec.from_json(Document, body)
    except (MmrankError, RecursionError) as error:
        raise _wrong(task, f"is no document: {str(error)[:200]}") from error
    if (document.id, document.name, document.path) != (task["digest"], task["name"], task["path"]):
        raise _wrong(task, "is about another file")
    count = len(document.pages)
    limit = task["options"]["limits"]["pages"]
    if not 1 <= count <= limit or (pages is not None and count != pages):
        raise _wrong(task, f"has {count} pages")
    _metadata(task, dict(document.metadata))
    problem = _problem(document)
    if problem:
        raise _wrong(task, problem)
    return document


def _problem(document: Document) -> str:
    """What is wrong with a document; "" if nothing is."""
    known: set[str] = set()
    for number, page in enumerate(document.pages):
        if page.page != number:
            return f"holds page {page.page + 1} in the place of page {number + 1}"
        if not (0 < page.width < FARTHEST and 0 < page.height < FARTHEST):
            return f"claims a size that page {number + 1} cannot have"
        if problem := _page_problem(page, known):
            return f"{problem} on page {number + 1}"
    by_page = [{element.id for element in page.elements} for page in document.pages]
    for position, passage in enumerate(document.passages):
        if problem := _passage_problem(document, passage, position, by_page):
            return f"{problem} in passage {position}"
    for at, section in enumerate(document.sections):
        if not 0 <= section.page < len(by_page) or not known.issuperset(section.element_ids):
            return "holds a section of another file"
        if section.parent is not None and not 0 <= section.parent < at:
            return "holds sections that contain each other"
    if not all(known.issuperset(ids) for ids in document.handles.values()):
        return "names places of another file"
    return ""


def _page_problem(page: Page, known: set[str]) -> str:
    own = {element.id for element in page.elements}
    if len(own) < len(page.elements) or not known.isdisjoint(own):
        return "holds two elements of one name"
    known |= own
    for element in page.elements:
        if element.page != page.page or not element.id.startswith(f"p{page.page}e"):
            return "holds an element of another page"
        if not _boxed([element.box]):
            return "holds an impossible box"
        if element.caption_of is not None and element.caption_of not in own:
            return "holds a caption of another page"
        if element.ocr_confidence is not None and not isfinite(element.ocr_confidence):
            return "holds a confidence that is no number"
        if element.table and not _sound_table(element):
            return "holds an impossible table"
    return ""


def _sound_table(element: Element) -> bool:
    table = element.table
    assert table
    rows, columns = table.row_count, table.column_count
    most = max(64, 4 * len(table.cells))
    return (0 <= rows <= most and 0 <= columns <= most) and all(
        cell.row >= 0
        and cell.column >= 0
        and cell.row_span >= 1
        and cell.column_span >= 1
        and cell.row + cell.row_span <= rows
        and cell.column + cell.column_span <= columns
        for cell in table.cells
    )


def _passage_problem(document: Document, passage: Passage, position: int, by_page: list[set[str]]) -> str:
    if (passage.id, passage.document_id, passage.position) != (f"{document.id}/{position}", document.id, position):
        return "holds the name of another one"
    if not 0 <= passage.page < len(by_page):
        return "names a page that is not there"
    if not _of_page([passage.element_ids, *(part.element_ids for part in passage.parts)], by_page[passage.page]):
        return "holds elements of another page"
    if len(passage.boxes) != len(passage.element_ids) or not _boxed(passage.boxes):
        return "holds an impossible box"
    pictures = [part.image for part in passage.parts if part.image]
    if not all(_shows(picture, document, passage.page) for picture in pictures):
        return "holds a picture of another file or page"
    return ""


def _of_page(groups: Iterable[Collection[str]], own: set[str]) -> bool:
    return all(own.issuperset(ids) for ids in groups)


def _shows(picture: ImageRef, document: Document, page: int) -> bool:
    return picture.path == document.path and picture.page == page and (not picture.box or _boxed([picture.box]))


def _boxed(boxes: Iterable[BBox]) -> bool:
    return all(-FARTHEST < box.x0 <= box.x1 < FARTHEST and -FARTHEST < box.y0 <= box.y1 < FARTHEST for box in boxes)


def _metadata(task: dict[str, Any], found: Any) -> dict[str, str]:
    if not isinstance(found, dict) or len(found) > MOST_METADATA:
        raise _wrong(task, "holds no metadata")
    for key, value in found.items():
        longest = LONGEST_NOTE if key == UNREAD else LONGEST_METADATA
        if not isinstance(value, str) or len(key) + len(value) > longest:
            raise _wrong(task, "holds metadata that is no short text")
    return found


def _wrong(task: dict[str, Any], what: str) -> AnswerError:
    return AnswerError(f"{task['path']} confused the reading process: its answer {what}")
