"""What the adapters share: hits as texts with metadata, and texts reranked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mmrank.errors import InputError
from mmrank.types import Candidate, Hit, ImageRef, Part, PartKind, Query

if TYPE_CHECKING:
    from mmrank.collection import Collection
    from mmrank.rerankers.protocol import Reranker

Content = Literal["page", "evidence"]
"""What a retrieved text is: the whole page, or only the elements that speak for the answer."""


def opened(library: Collection | str | Path) -> Collection:
    """A collection, opened for reading where a path is given.

    Raises:
        InputError: when there is none.
    """
    from mmrank.collection import Collection

    return library if isinstance(library, Collection) else Collection.open(library, read_only=True)


def page_metadata(hit: Hit) -> dict[str, Any]:
    """What frameworks keep beside a text: only values that JSON has.

    `page_number` is 1-based; `boxes` are [x0, y0, x1, y1] in points from the top left of the page; `source` is the
    path of the file.
    """
    return {
        "document": hit.document,
        "document_id": hit.document_id,
        "page_number": hit.page_number,
        "label": hit.label,
        "boxes": [list(box.as_tuple()) for box in hit.boxes],
        "headings": list(hit.heading_path),
        "score": hit.score,
        "confidence": hit.confidence,
        "source": None if hit.picture is None else hit.picture.path,
    }


def page_id(hit: Hit) -> str:
    """Names the page in one collection or another: the document's id is a hash of its content."""
    return f"{hit.document_id}#{hit.page_number}"


def texts_of(library: Collection, hits: Sequence[Hit], content: Content) -> list[str]:
    """The text of each hit.

    Args:
        library: the collection.
        hits: of a search in it.
        content: whole pages, in reading order, or evidence alone.

    Raises:
        InputError: for another `content`.
    """
    if content not in {"page", "evidence"}:
        raise InputError(f"content is 'page' or 'evidence', not {content!r}")
    documents = {name: library.document(name) for name in dict.fromkeys(hit.document_id for hit in hits)}
    texts = []
    for hit in hits:
        elements = documents[hit.document_id].pages[hit.page].elements
        if content == "evidence":
            wanted = set(hit.element_ids)
            elements = tuple(element for element in elements if element.id in wanted)
        texts.append("\n\n".join(element.text for element in elements if element.text.strip()))
    return texts


def loaded(reranker: str | Reranker, settings: Mapping[str, Any] | None = None) -> Reranker:
    """A reranker, loaded by its name where one is given.

    Raises:
        InputError: for an unknown name or setting.
    """
    from mmrank.rerankers import load_reranker

    return load_reranker(reranker, **(settings or {})) if isinstance(reranker, str) else reranker


def reranked(
    reranker: Reranker, query: str, texts: Iterable[str], metadata: Iterable[Mapping[str, Any]], pictures: bool
) -> list[tuple[int, float, str | None]]:
    """Positions of texts, best first, with the reranker's score and reason. Empty texts come last.

    Args:
        reranker: the reranker.
        query: the question.
        texts: what is ranked.
        metadata: of each text.
        pictures: show the reranker the page as a picture where the metadata, as `page_metadata` makes it, say which.
    """
    candidates, empty = [], []
    for at, (text, said) in enumerate(zip(texts, metadata, strict=True)):
        picture = _picture(said) if pictures else None
        if not text.strip() and picture is None:
            empty.append(at)
            continue
        kind = PartKind.TEXT if picture is None else PartKind.IMAGE
        candidates.append(Candidate(str(at), (Part(kind, text, (), picture),), score=1 / (at + 1)))
    ranking = reranker.rerank(Query(query), candidates)
    found = [(int(item.candidate.id), float(item.score), item.reasoning) for item in ranking.items]
    floor = min((score for _, score, _ in found), default=0.0)
    return found + [(at, floor - place, None) for place, at in enumerate(empty, 1)]


def _picture(metadata: Mapping[str, Any]) -> ImageRef | None:
    source, number = metadata.get("source"), metadata.get("page_number")
    if isinstance(source, str) and isinstance(number, int) and number >= 1 and Path(source).is_file():
        return ImageRef(source, number - 1)
    return None
