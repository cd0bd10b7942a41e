"""Words whose letters are spaced out, as headings often are, put together again."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

LEAST_LETTERS = 4
"""Fewer letters that stand alone may be anything: initials, column heads, answers to tick."""
WIDER = 1.55
"""The gap between two words is wider than that between letters by at least this factor."""
WIDEST = 1.6
"""Letters that are farther apart than this, in font sizes, stand in columns."""


def spaced_out(text: str) -> bool:
    """Whether most of a line are letters that stand alone.

    >>> [spaced_out(text) for text in ("A N N U A L  REPORT", "Plan B or C", "1 0 1 1 0 1")]
    [True, False, False]
    """
    if text.count(" ") < LEAST_LETTERS - 1 or 2.6 * text.count(" ") < len(text.strip()) - 1:
        return False
    tokens = text.split()
    alone = [token for token in tokens if len(token) == 1 and token.isalpha()]
    alphabet = all(ord(b) - ord(a) == 1 for a, b in pairwise(alone))
    return len(alone) >= LEAST_LETTERS and len(alone) >= 0.6 * len(tokens) and not alphabet


def is_spaced_word(text: str) -> bool:
    """Whether a line is two or three letters that stand alone, as a short word is beside others that are spaced out."""
    tokens = text.split()
    return 1 < len(tokens) < LEAST_LETTERS and all(len(token) == 1 and token.isalpha() for token in tokens)


class Glyphs:
    """The glyphs of a page, read when they are first asked for."""

    def __init__(self, page: Any) -> None:
        self._page = page
        self._lines: list[dict[str, Any]] | None = None

    def in_row(self, line: dict[str, Any]) -> list[tuple[float, float, str]]:
        """Start and end along the line, in points, and character of each glyph of a line, blanks left out."""
        import pymupdf

        if self._lines is None:
            flags = pymupdf.TEXT_PRESERVE_WHITESPACE | pymupdf.TEXT_MEDIABOX_CLIP | pymupdf.TEXT_CLIP
            blocks = self._page.get_text("rawdict", flags=flags)["blocks"]
            self._lines = [other for block in blocks for other in block.get("lines", ())]
        dx, dy = line["dir"]
        box = line["bbox"]
        first = line["spans"][0]
        across = first["origin"][1] * dx - first["origin"][0] * dy
        found: list[tuple[float, float, str]] = []
        for other in self._lines:
            held = other["bbox"]
            if (
                other["dir"] != line["dir"]
                or held[0] > box[2]
                or held[2] < box[0]
                or held[1] > box[3]
                or held[3] < box[1]
            ):
                continue
            for span in other["spans"]:
                for char in span["chars"]:
                    x0, y0, x1, y1 = char["bbox"]
                    x, y = (x0 + x1) / 2, (y0 + y1) / 2
                    if abs(char["origin"][1] * dx - char["origin"][0] * dy - across) > 0.2 * first["size"]:
                        continue  # of a line close above or below
                    if not char["c"].isspace() and box[0] <= x <= box[2] and box[1] <= y <= box[3]:
                        start, end = sorted((x0 * dx + y0 * dy, x1 * dx + y1 * dy))
                        found.append((start, end, char["c"]))
        return sorted(found)


def closed_up(page: Glyphs, line: dict[str, Any]) -> str:
    """The text of a spaced line of PyMuPDF's: letters are one word up to a gap that is clearly wider than most."""
    glyphs = page.in_row(line)
    written = "".join(span["text"] for span in line["spans"])
    if len(glyphs) < 2 or sorted(c for *_, c in glyphs) != sorted("".join(written.split())):
        return written
    gaps = [b[0] - a[1] for a, b in pairwise(glyphs)]
    usual = sorted(gaps)[len(gaps) // 2]
    if not 0 < usual < WIDEST * line["spans"][0]["size"]:
        return written
    pieces = [glyphs[0][2]]
    for gap, (_, _, letter) in zip(gaps, glyphs[1:], strict=True):
        pieces.append(f" {letter}" if gap > WIDER * usual else letter)
    return "".join(pieces)
