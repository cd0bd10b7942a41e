"""Documents made without a file, for stores."""

from __future__ import annotations

import hashlib

from mmrank.types import BBox, Document, Element, ElementKind, Page, Part, PartKind, Passage


def make_document(key: str, texts: list[str], name: str | None = None, **fields: object) -> Document:
    """One page, one passage a text; its id follows from `key`."""
    identifier = hashlib.sha256(key.encode()).hexdigest()[:16]
    box = BBox(0, 0, 10, 10)
    elements = tuple(Element(f"p0e{at}", ElementKind.TEXT, 0, box, text) for at, text in enumerate(texts))
    passages = tuple(
        Passage(
            id=f"{identifier}/{at}",
            document_id=identifier,
            position=at,
            page=0,
            parts=(Part(PartKind.TEXT, text, (f"p0e{at}",)),),
            element_ids=(f"p0e{at}",),
            boxes=(box,),
        )
        for at, text in enumerate(texts)
    )
    return Document(
        id=identifier,
        name=name or f"{key}.pdf",
        path=f"/library/{name or key}.pdf",
        pages=(Page(0, 612, 792, elements),),
        passages=passages,
        **fields,  # type: ignore[arg-type]
    )
