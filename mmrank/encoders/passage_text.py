"""What a text encoder reads of a passage."""

from __future__ import annotations

from mmrank.types import Passage


def passage_parts(passage: Passage) -> list[str]:
    """The texts of a passage in reading order: its heading path, then its parts. Empty ones are left out."""
    heading = " > ".join(title.strip() for title in passage.heading_path if title.strip())
    return [text for text in (heading, *(part.text.strip() for part in passage.parts)) if text]


def passage_text(passage: Passage) -> str:
    """The passage as a text encoder reads it: its heading path, then its parts, one below the other.

    >>> from mmrank.types import Part, PartKind
    >>> part = Part(PartKind.TEXT, "Sales rose.", ("p0e1",))
    >>> print(passage_text(Passage("d/0", "d", 0, 0, (part,), ("p0e1",), (), ("Report", "Sales"))))
    Report > Sales
    Sales rose.
    """
    return "\n".join(passage_parts(passage))
