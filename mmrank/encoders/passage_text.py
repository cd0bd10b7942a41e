"""What a text encoder reads of a passage, and how a long one is shortened."""

from __future__ import annotations

from collections.abc import Sequence

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


def fair_shares(lengths: Sequence[int], budget: int) -> list[int]:
    """How much each part may keep so that all fit: the longest give first, short ones stay whole.

    Where even one unit a part is too much, the kept parts are spread evenly and the last is among them.

    >>> fair_shares([10, 100, 50], 70)
    [10, 30, 30]
    >>> fair_shares([1, 2], 70)
    [1, 2]
    >>> fair_shares([5, 5, 5, 5, 5], 2)
    [1, 0, 0, 0, 1]
    """
    if sum(lengths) <= budget:
        return list(lengths)
    shares = [0] * len(lengths)
    left = budget
    for done, part in enumerate(sorted(range(len(lengths)), key=lengths.__getitem__)):
        shares[part] = min(lengths[part], left // (len(lengths) - done))
        left -= shares[part]
    if any(share == 0 < length for share, length in zip(shares, lengths, strict=True)):
        filled = [position for position, length in enumerate(lengths) if length]
        chosen = (
            {filled[round(k * (len(filled) - 1) / max(budget - 1, 1))] for k in range(budget)} if budget > 0 else set()
        )
        return [int(position in chosen) for position in range(len(lengths))]
    return shares
