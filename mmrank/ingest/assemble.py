"""From page drafts to a Document: what is known only after every page has been read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mmrank.ingest.bookmarks import outline
from mmrank.ingest.captions import match_captions
from mmrank.ingest.continued import continue_tables
from mmrank.ingest.drafts import Draft, PageDraft
from mmrank.ingest.furniture import mark_furniture
from mmrank.ingest.handles import build_handles
from mmrank.ingest.headings import mark_headings, sections
from mmrank.ingest.marks import join_marks
from mmrank.ingest.notes import mark_notes
from mmrank.ingest.opening import FileError
from mmrank.ingest.options import IngestOptions
from mmrank.ingest.passages import build_passages
from mmrank.ingest.titles import document_title
from mmrank.names import UNREAD
from mmrank.types import BBox, Document, Element, Page


def assemble(
    drafts: list[PageDraft],
    *,
    document_id: str,
    name: str,
    path: str,
    metadata: Mapping[str, str],
    options: IngestOptions,
) -> Document:
    """Make a document from the drafts of all its pages, which are changed in place.

    Raises:
        FileError: when no page could be read; says why the first could not.
    """
    if all(draft.failure for draft in drafts):
        more = f" (nor can the other {len(drafts) - 1} pages be read)" if len(drafts) > 1 else ""
        raise FileError(f"{path}: page 1 {drafts[0].failure}{more}")
    join_marks(drafts)
    mark_furniture(drafts)
    mark_notes(drafts)
    marks = outline(drafts)
    mark_headings(drafts, marks)
    continue_tables(drafts)
    pages = [_page(draft) for draft in drafts]
    tree = sections(pages, marks.unnamed if marks else ())
    handles = build_handles(pages, tree)
    passages = build_passages(document_id, path, pages, tree, handles, options.passage_tokens)
    noted = {**metadata, **_unread(drafts)}
    document = Document(document_id, name, path, tuple(pages), passages, tree, metadata=noted, handles=handles)
    return replace(document, title=document_title(document))


def _unread(drafts: list[PageDraft]) -> dict[str, str]:
    """The note of which pages could not be read, and why: see `mmrank.names.UNREAD`."""
    runs: list[list[Any]] = []
    for draft in drafts:
        if draft.failure and runs and runs[-1][1:] == [draft.page - 1, draft.failure]:
            runs[-1][1] = draft.page
        elif draft.failure:
            runs.append([draft.page, draft.page, draft.failure])
    return {UNREAD: json.dumps(runs, ensure_ascii=False)} if runs else {}


def _page(draft: PageDraft) -> Page:
    elements = [_element(item, draft.page, at) for at, item in enumerate(draft.drafts)]
    matched = match_captions(elements)
    elements = [replace(e, caption_of=matched[e.id]) if e.id in matched else e for e in elements]
    return Page(draft.page, draft.width, draft.height, tuple(elements), draft.label)


def _element(draft: Draft, page: int, order: int) -> Element:
    x0, y0, x1, y1 = (round(value, 2) for value in draft.box)
    return Element(
        f"p{page}e{order}",
        draft.kind,
        page,
        BBox(x0, y0, max(x0, x1), max(y0, y1)),
        draft.text,
        draft.level,
        draft.table,
        None,
        round(draft.confidence, 3) if draft.confidence is not None else None,
    )
