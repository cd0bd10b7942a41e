"""A sheet of paper with a cursor: paragraphs, lists, tables and figures set one below the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import pymupdf

Colour = tuple[float, float, float]

BLACK: Colour = (0.1, 0.1, 0.12)
GREY: Colour = (0.45, 0.47, 0.5)
RULE: Colour = (0.75, 0.77, 0.8)
A4 = (595.0, 842.0)

FACES = {
    "sans": {"": "helv", "b": "hebo", "i": "heit"},
    "serif": {"": "tiro", "b": "tibo", "i": "tiit"},
}


@cache
def font(name: str) -> pymupdf.Font:
    """One of PyMuPDF's built-in fonts, so that every machine sets the same lines."""
    return pymupdf.Font(name)


def save(document: pymupdf.Document, path: Path, title: str) -> Path:
    """Write the document; the same content always gives the same bytes."""
    document.set_metadata({"title": title, "creationDate": "D:20260105090000Z", "modDate": "D:20260105090000Z"})
    document.save(path, garbage=3, deflate=True, no_new_id=True)
    document.close()
    return path


class Sheet:
    """One page being filled. Coordinates are points; `y` is the cursor in the current column.

    Args:
        document: receives the page.
        size: width and height.
        margins: left, top, right, bottom.
        columns: number of equal columns.
        face: "sans" or "serif".
        body: size of running text.
    """

    def __init__(
        self,
        document: pymupdf.Document,
        *,
        size: tuple[float, float] = A4,
        margins: tuple[float, float, float, float] = (68, 74, 68, 70),
        columns: int = 1,
        face: str = "sans",
        body: float = 10,
        accent: Colour = BLACK,
    ) -> None:
        self.page = document.new_page(width=size[0], height=size[1])
        left, self.top, right, bottom = margins
        self.bottom = size[1] - bottom
        gap = 22 if columns > 1 else 0
        width = (size[0] - left - right - gap * (columns - 1)) / columns
        self.columns = [(left + i * (width + gap), left + i * (width + gap) + width) for i in range(columns)]
        self.column = 0
        self.y = self.top
        self.face, self.body, self.accent = FACES[face], body, accent

    @property
    def left(self) -> float:
        """Left edge of the current column."""
        return self.columns[self.column][0]

    @property
    def right(self) -> float:
        """Right edge of the current column."""
        return self.columns[self.column][1]

    def next_column(self) -> None:
        """Go on at the top of the next column."""
        self.column, self.y = self.column + 1, self.top

    def text(
        self,
        text: str,
        *,
        size: float | None = None,
        style: str = "",
        colour: Colour = BLACK,
        align: str = "left",
        indent: float = 0,
        after: float = 7,
        leading: float = 1.36,
    ) -> None:
        """Set a paragraph over the column's width. `align` is left, right, centre or justify."""
        size = size or self.body
        lines = wrap(text, font(self.face[style]), size, self.right - self.left - indent)
        for number, line in enumerate(lines):
            self.y += size * leading
            last = number == len(lines) - 1
            self.line(
                line,
                self.left + indent,
                self.right,
                size,
                style,
                colour,
                "left" if last and align == "justify" else align,
            )
        self.y += after
        if self.y > self.bottom + after + 1:
            raise ValueError(f"the page is full at: {text[:60]}")

    def line(
        self, words: Sequence[str], left: float, right: float, size: float, style: str, colour: Colour, align: str
    ) -> None:
        """Set one line of words with its baseline at the cursor."""
        face = font(self.face[style])
        space = face.text_length(" ", size)
        used = sum(face.text_length(word, size) for word in words)
        free = right - left - used - space * (len(words) - 1)
        x = left + {"left": 0.0, "justify": 0.0, "right": free, "centre": free / 2}[align]
        writer = pymupdf.TextWriter(self.page.rect, color=colour)
        if align == "justify" and len(words) > 1:
            space += free / (len(words) - 1)
            for word in words:
                writer.append((x, self.y), word, face, size)
                x += face.text_length(word, size) + space
        else:
            writer.append((x, self.y), " ".join(words), face, size)
        writer.write_text(self.page)

    def at(
        self,
        x: float,
        y: float,
        text: str,
        size: float,
        *,
        style: str = "",
        colour: Colour = BLACK,
        align: str = "left",
    ) -> None:
        """Set one line anywhere; `x` is its left end, middle or right end, as `align` says."""
        put(self.page, x, y, text, size, face=self.face[style], colour=colour, align=align)

    def heading(self, text: str, *, level: int = 1, before: float = 10) -> None:
        """A heading; nothing is added above it at the top of a column."""
        if self.y > self.top:
            self.y += before
        scale = {1: 1.7, 2: 1.25, 3: 1.05}[level]
        self.text(text, size=self.body * scale, style="b", colour=self.accent, after=4, leading=1.2)

    def items(self, items: Sequence[str], *, numbered: bool = False, start: int = 1, after: float = 6) -> None:
        """A bulleted or numbered list."""
        for number, item in enumerate(items, start):
            mark = f"{number}." if numbered else "•"
            self.at(self.left + 4, self.y + self.body * 1.36, mark, self.body, style="b" if numbered else "")
            self.text(item, indent=self.body * 1.9, after=self.body * 0.36)
        self.y += after

    def caption(self, text: str, after: float = 12) -> None:
        """A caption: "Figure 1. …"."""
        self.text(text, size=self.body * 0.88, style="i", colour=GREY, after=after, leading=1.3)

    def table(
        self,
        rows: Sequence[Sequence[str]],
        widths: Sequence[float],
        *,
        size: float | None = None,
        totals: Sequence[int] = (),
        wrapped: bool = False,
        after: float = 14,
    ) -> None:
        """A table: the first row is its header, `totals` are rows in bold, `widths` are shares of the column.

        Columns of figures are set to the right, unless `wrapped`, where every cell is a small paragraph.
        """
        self.y += 5
        figures = [
            not wrapped and all(not row[i] or any(c.isdigit() for c in row[i]) for row in rows[1:])
            for i in range(len(widths))
        ]
        size = size or self.body * 0.92
        edges = [self.left]
        for width in widths:
            edges.append(edges[-1] + width / sum(widths) * (self.right - self.left))
        self.rule(1.1)
        for number, row in enumerate(rows):
            style = "b" if number == 0 or number in totals else ""
            face = font(self.face[style])
            cells = [
                wrap(cell, face, size, edges[i + 1] - edges[i] - 10) if wrapped else [[cell]]
                for i, cell in enumerate(row)
            ]
            top, height = self.y, max(len(cell) for cell in cells) * size * 1.3 + size * 0.55
            if number == 0:
                self.page.draw_rect((self.left, top, self.right, top + height), color=None, fill=(0.93, 0.945, 0.96))
            for i, cell in enumerate(cells):
                self.y = top + size * 1.2
                for words in cell:
                    align = "right" if figures[i] else "left"
                    self.line(
                        words, edges[i] + (14 if i and not wrapped else 5), edges[i + 1] - 5, size, style, BLACK, align
                    )
                    self.y += size * 1.3
            self.y = top + height
            self.rule(0.9 if number == 0 else 0.35)
        self.rule(1.1)
        self.y += after

    def rule(self, width: float = 0.5) -> None:
        """A line across the column at the cursor."""
        self.page.draw_line((self.left, self.y), (self.right, self.y), color=GREY if width > 0.5 else RULE, width=width)

    def figure(self, height: float, draw: Callable[[pymupdf.Page, pymupdf.Rect], None], caption: str) -> None:
        """Room of `height` points that `draw` fills, and the caption below."""
        self.y += 6
        draw(self.page, pymupdf.Rect(self.left, self.y, self.right, self.y + height))
        self.y += height + 2
        self.caption(caption)

    def furniture(self, header: str, number: str, *, rule: bool = True) -> None:
        """Running header and page number."""
        left, right = self.columns[0][0], self.columns[-1][1]
        put(self.page, left, 44, header, 8.5, colour=GREY, face=self.face[""])
        put(self.page, right, self.page.rect.height - 34, number, 8.5, colour=GREY, face=self.face[""], align="right")
        if rule:
            self.page.draw_line((left, 51), (right, 51), color=RULE, width=0.6)


def put(
    page: pymupdf.Page,
    x: float,
    y: float,
    text: str,
    size: float,
    *,
    face: str = "helv",
    colour: Colour = BLACK,
    align: str = "left",
) -> None:
    """One line of text; `x` is its left end, middle or right end, as `align` says."""
    length = font(face).text_length(text, size)
    x -= {"left": 0.0, "centre": length / 2, "right": length}[align]
    writer = pymupdf.TextWriter(page.rect, color=colour)
    writer.append((x, y), text, font(face), size)
    writer.write_text(page)


def wrap(text: str, face: pymupdf.Font, size: float, width: float) -> list[list[str]]:
    """Break a text into lines of words no wider than `width`."""
    lines: list[list[str]] = [[]]
    for word in text.split(" "):
        if lines[-1] and face.text_length(" ".join([*lines[-1], word]), size) > width:
            lines.append([])
        lines[-1].append(word)
    return lines
