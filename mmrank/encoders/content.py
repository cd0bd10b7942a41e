"""What a vision-language encoder sees of a passage: texts and pictures in the order of the page, within limits."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmrank.budget import fair_shares
from mmrank.picture_sizes import prepared
from mmrank.types import ImageRef, Passage

if TYPE_CHECKING:
    from PIL.Image import Image

POINTS_TO_PIXELS = 300 / 72
"""Pages are never rendered above 300 dpi."""


@dataclass(frozen=True, slots=True)
class PictureCost:
    """How many tokens a picture costs.

    `side` is the edge in pixels of the square that becomes one token, where the model takes pictures of any size;
    None where every picture costs `max_tokens` (tiled models).
    """

    side: int | None
    max_tokens: int

    def of(self, picture: ImageRef) -> int:
        """Most tokens the picture can cost, before it is rendered."""
        if self.side is None or picture.box is None:
            return self.max_tokens
        pixels = picture.box.area * POINTS_TO_PIXELS**2
        return max(1, min(self.max_tokens, math.ceil(pixels / self.side**2)))


def shown(passage: Passage) -> list[str | ImageRef]:
    """Heading path and parts in reading order. A table or figure is its picture where there is one, else its text."""
    heading = " > ".join(title.strip() for title in passage.heading_path if title.strip())
    items = [heading, *(part.image or part.text.strip() for part in passage.parts)]
    return [item for item in items if item]


def within(
    items: Sequence[str | ImageRef],
    *,
    max_tokens: int,
    cost: PictureCost,
    tokenise: Callable[[str], Sequence[tuple[int, int]]],
) -> list[str | Image]:
    """Shorten texts and render pictures so that together they take at most `max_tokens` tokens.

    The longest part is shortened first: a text is cut at its end, a picture is rendered smaller. No part is dropped
    unless there are more parts than tokens.

    Args:
        items: what to show, in order.
        max_tokens: for all of them.
        cost: of pictures.
        tokenise: a text to the (start, end) offsets of its tokens.
    """
    spans = [[] if isinstance(item, ImageRef) else tokenise(item) for item in items]
    costs = [
        cost.of(item) if isinstance(item, ImageRef) else len(span) for item, span in zip(items, spans, strict=True)
    ]
    if cost.side is None:  # a picture of fixed cost cannot be made smaller
        fixed = sum(price for item, price in zip(items, costs, strict=True) if isinstance(item, ImageRef))
        texts = iter(fair_shares([len(span) for span in spans if span], max(0, max_tokens - fixed)))
        shares = [next(texts) if span else price for span, price in zip(spans, costs, strict=True)]
    else:
        shares = fair_shares(costs, max_tokens)
    result: list[str | Image] = []
    for item, span, share in zip(items, spans, shares, strict=True):
        if share == 0:
            continue
        if isinstance(item, ImageRef):
            result.append(render(item, share, cost))
        else:
            result.append(item[: span[share - 1][1]])
    return result


def render(picture: ImageRef, tokens: int, cost: PictureCost) -> Image:
    """The picture at a size that costs at most `tokens` tokens."""
    if cost.side is None:
        return picture.open()
    most = tokens * cost.side**2
    return prepared(picture.open(max_pixels=most), side=cost.side, max_pixels=most)
