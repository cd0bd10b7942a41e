"""Pages with one made table each, for `tables.py`: words and numbers are seeded, so every run draws the same."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

Rows = list[list[str]]
NOUNS = (
    "harbour lantern granite meadow river orchard pilot timber copper barley linen candle anchor beacon mill quarry "
    "ferry cellar chimney stable kettle ladder saddle barrel"
).split()
QUALITIES = "north old inner upper wide grey long still open lower east deep plain narrow bright".split()
PROSE = (
    "The keeper walked along the wall and counted what the evening had lit, one after another, until the land beyond "
    "lay in the dark. Nobody had asked for a report, but the habit of many winters is not given up in a single season, "
    "and so the numbers went into the book again, as they had gone the year before and the year before that. "
)


class Sheet:
    """One page with one table: draws it and remembers what it says."""

    def __init__(self, file: Any, chance: random.Random) -> None:
        import pymupdf

        self.chance = chance
        self.page = file.new_page(width=595, height=842)
        self.font = pymupdf.Font("helv")
        self.page.insert_textbox((60, 60, 535, 150), PROSE, fontsize=10)
        self.page.insert_text((60, 172), f"Table {chance.randint(1, 9)}. Counts by {chance.choice(NOUNS)}", fontsize=9)
        self.top = 182.0
        self.step = chance.choice([13, 16, 20, 24])
        self.relations: Counter[tuple[str, str, str]] = Counter()

    def finish(self, bottom: float) -> None:
        """Notes and text below the table."""
        self.page.insert_text(
            (60, bottom + 14), "(1) Counted at the end of the year, as in the years before.", fontsize=7
        )
        self.page.insert_text((60, bottom + 45), "What follows from the counts", fontsize=13, fontname="hebo")
        self.page.insert_textbox((60, bottom + 55, 535, bottom + 140), PROSE, fontsize=10)

    def write(
        self, x: float, y: float, words: str, size: float = 9, *, right: bool = False, bold: bool = False
    ) -> None:
        """One line of text, its baseline at y, from x on or up to x."""
        if right:
            x -= self.font.text_length(words, size)
        self.page.insert_text((x, y), words, fontsize=size, fontname="hebo" if bold else "helv")

    def rule(self, x0: float, y0: float, x1: float, y1: float, width: float = 0.6) -> None:
        """A thin line."""
        self.page.draw_line((x0, y0), (x1, y1), width=width)

    def fill(self, x0: float, y0: float, x1: float, y1: float, shade: float = 0.9) -> None:
        """A grey rectangle without a border."""
        self.page.draw_rect((x0, y0, x1, y1), fill=(shade, shade, shade), color=None)

    def label(self, words: int = 2) -> str:
        """Some words."""
        told = [self.chance.choice(QUALITIES)] * (words > 1) + [
            self.chance.choice(NOUNS) for _ in range(max(1, words - 1))
        ]
        return " ".join(told).capitalize()

    def number(self) -> str:
        """A number as reports write it."""
        value = self.chance.randint(3, 99_999)
        return self.chance.choice(
            [f"{value:,}", f"({value:,})", f"{value / 100:,.1f}", f"{value / 1000:.1f}%", f"{value}"]
        )


def relations(rows: Rows) -> Counter[tuple[str, str, str]]:
    """Each text with the next text to its right and the next one below, empty cells left out."""
    found: Counter[tuple[str, str, str]] = Counter()
    clean = [[re.sub(r"\s+|<br>|[*_`~]", "", cell) for cell in row] for row in rows]
    width = max((len(row) for row in clean), default=0)
    for way, lines in (("right", clean), ("below", [[row[c] for row in clean if c < len(row)] for c in range(width)])):
        for line in lines:
            texts = [cell for cell in line if cell]
            for a, b in pairwise(texts):
                found[way, a, b] += 1
    return found


def body(sheet: Sheet, rows: int, columns: int, *, empty: float = 0.0) -> Rows:
    """Labels and numbers; some cells may be empty."""
    return [
        [
            sheet.label(sheet.chance.choice([1, 2, 3])),
            *("" if sheet.chance.random() < empty else sheet.number() for _ in range(columns)),
        ]
        for _ in range(rows)
    ]


def years(sheet: Sheet, columns: int) -> list[str]:
    """Heads of columns."""
    first = sheet.chance.randint(2005, 2019)
    return sheet.chance.choice(
        [[str(first + i) for i in range(columns)], [sheet.chance.choice(NOUNS).capitalize() for _ in range(columns)]]
    )


def put(sheet: Sheet, rows: Rows, lefts: list[float], step: float, *, heads: int = 1, right: bool = True) -> float:
    """Write rows; the first column begins at lefts[0], the others end before the next entry. Returns the foot."""
    for r, row in enumerate(rows):
        y = sheet.top + (r + 1) * step - 0.3 * step
        for c, words in enumerate(row):
            if words:
                if c == 0 or not right:
                    sheet.write(lefts[c] + 4, y, words, bold=r < heads)
                else:
                    sheet.write(lefts[c + 1] - 6, y, words, right=True, bold=r < heads)
    return sheet.top + len(rows) * step


def plain(sheet: Sheet, *, empty: float = 0.0, rows: int | None = None) -> tuple[Rows, list[float], float]:
    """A table of labels and numbers, written; with its column edges and its foot."""
    columns = sheet.chance.randint(2, 5)
    table = [["Item", *years(sheet, columns)], *body(sheet, rows or sheet.chance.randint(4, 12), columns, empty=empty)]
    lefts = [60, *(200 + i * 320 / columns for i in range(columns + 1))]
    foot = put(sheet, table, lefts, sheet.step)
    sheet.relations = relations(table)
    return table, lefts, foot


def unruled(sheet: Sheet) -> float:
    """Nothing drawn."""
    return plain(sheet)[2]


def booktabs(sheet: Sheet) -> float:
    """A rule above and below the head, and one at the foot."""
    _, _, foot = plain(sheet)
    for y in (sheet.top, sheet.top + sheet.step, foot):
        sheet.rule(60, y, 520, y)
    return foot


def lined(sheet: Sheet) -> float:
    """A rule below each row."""
    table, _, foot = plain(sheet)
    for r in range(len(table) + 1):
        sheet.rule(60, sheet.top + sheet.step * r, 520, sheet.top + sheet.step * r)
    return foot


def gridded(sheet: Sheet) -> float:
    """Every cell framed, some empty."""
    table, lefts, foot = plain(sheet, empty=0.2)
    for r in range(len(table) + 1):
        sheet.rule(60, sheet.top + sheet.step * r, 520, sheet.top + sheet.step * r)
    for x in lefts:
        sheet.rule(x, sheet.top, x, foot)
    return foot


def striped(sheet: Sheet) -> float:
    """Every other row shaded, no rules."""
    top, rows = sheet.top, sheet.chance.randint(4, 12)
    for r in range(0, rows + 1, 2):
        sheet.fill(60, top + sheet.step * r, 520, top + sheet.step * (r + 1))
    return plain(sheet, rows=rows)[2]


def shaded_words(sheet: Sheet) -> float:
    """Every cell framed; words of every other row marked by shading of their own."""
    chance = sheet.chance
    columns, count = chance.randint(2, 4), chance.randint(4, 9)
    table = [["Item", *years(sheet, columns)], *body(sheet, count, columns)]
    lefts = [60, *(200 + i * 320 / columns for i in range(columns + 1))]
    for r, row in enumerate(table):
        y = sheet.top + (r + 1) * sheet.step - 0.3 * sheet.step
        for c, words in enumerate(row):
            if r % 2:
                x = lefts[0] + 4 if c == 0 else lefts[c + 1] - 6 - sheet.font.text_length(words, 9)
                for word in re.findall(r"\S+\s*", words):
                    wide = sheet.font.text_length(word, 9)
                    sheet.fill(x, y - 8, x + wide, y + 2, 0.92)
                    x += wide
    foot = put(sheet, table, lefts, sheet.step)
    for r in range(len(table) + 1):
        sheet.rule(60, sheet.top + sheet.step * r, 520, sheet.top + sheet.step * r)
    for x in lefts:
        sheet.rule(x, sheet.top, x, foot)
    sheet.relations = relations(table)
    return foot


def sparse(sheet: Sheet) -> float:
    """No rules; many cells empty, a whole column of them now and then."""
    return plain(sheet, empty=0.35)[2]


def grouped(sheet: Sheet, *, ruled: bool) -> float:
    """Two header rows: each head of the first spans two columns."""
    chance = sheet.chance
    groups = chance.choice([2, 3])
    names = [sheet.label(2) for _ in range(groups)]
    seconds = [text for i in range(groups) for text in (str(2018 + i), "Change")]
    rows = body(sheet, chance.randint(4, 9), 2 * groups)
    table = [["", *(text for name in names for text in (name, ""))], ["Item", *seconds], *rows]
    width = 320 / (2 * groups)
    lefts = [60, *(200 + i * width for i in range(2 * groups + 1))]
    foot = put(sheet, [[""] * (2 * groups + 1), *table[1:]], lefts, sheet.step, heads=2)
    for i, name in enumerate(names):
        middle = 200 + (2 * i + 1) * width
        sheet.write(middle - sheet.font.text_length(name, 9) / 2, sheet.top + 0.7 * sheet.step, name, bold=True)
        if not ruled:
            sheet.rule(204 + 2 * i * width, sheet.top + sheet.step, 196 + (2 * i + 2) * width, sheet.top + sheet.step)
    if ruled:
        for r in range(len(table) + 1):
            sheet.rule(60 if r != 1 else 200, sheet.top + sheet.step * r, 520, sheet.top + sheet.step * r)
        for c, x in enumerate(lefts):
            sheet.rule(x, sheet.top + (sheet.step if c % 2 == 0 and 0 < c <= 2 * groups else 0), x, foot)
    else:
        for y in (sheet.top, sheet.top + 2 * sheet.step, foot):
            sheet.rule(60, y, 520, y)
    if ruled:
        table[0][0], table[1][0] = "Item", ""
    sheet.relations = relations(table)
    return foot


def grouped_ruled(sheet: Sheet) -> float:
    """Merged header cells, every cell framed."""
    return grouped(sheet, ruled=True)


def grouped_open(sheet: Sheet) -> float:
    """Merged header cells over short rules."""
    return grouped(sheet, ruled=False)


def statement(sheet: Sheet) -> float:
    """A financial statement: dots, currency signs in columns of their own, sections, sums."""
    chance = sheet.chance
    table = [["", "", "2023", "", "2022"]]
    for _ in range(chance.randint(2, 3)):
        table.append([f"{sheet.label(2)}:", "", "", "", ""])
        for r in range(chance.randint(2, 4)):
            sign = "$" if r == 0 else ""
            table.append(
                [sheet.label(3), sign, f"{chance.randint(10, 99999):,}", sign, f"{chance.randint(10, 99999):,}"]
            )
        table.append(["Total", "", f"{chance.randint(10, 99999):,}", "", f"({chance.randint(10, 99999):,})"])
    for r, row in enumerate(table):
        y = sheet.top + 14 * (r + 1) - 4
        sheet.write(60 if row[0].endswith(":") or r == 0 else 70, y, row[0])
        if r and not row[0].endswith(":"):
            start = 72 + sheet.font.text_length(row[0], 9)
            sheet.write(start, y, "." * int((360 - start) / sheet.font.text_length(".", 9)))
        for left, right, at in ((375, 435, 1), (455, 515, 3)):
            if row[at]:
                sheet.write(left, y, row[at])
            if row[at + 1]:
                sheet.write(right, y, row[at + 1], right=True)
    sheet.relations = relations(table)
    return sheet.top + 14 * len(table)


def units(sheet: Sheet) -> float:
    """Numbers with their units in a column of their own."""
    chance = sheet.chance
    table = [["Part", "Size", "Unit", "Note"]]
    for _ in range(chance.randint(4, 9)):
        table.append(
            [
                sheet.label(2),
                f"{chance.randint(1, 900)}",
                chance.choice(["mm", "kg", "m/s", "°C", "kW"]),
                sheet.label(1),
            ]
        )
    foot = put(sheet, table, [60, 220, 300, 380, 520], sheet.step, right=False)
    sheet.relations = relations(table)
    return foot


def wrapped(sheet: Sheet, *, ruled: bool) -> float:
    """Cells of running text over several lines."""
    chance = sheet.chance
    lefts = [60, 150, 330, 520]
    table: Rows = [["Code", "Meaning", "What to do"]]
    y = sheet.top
    edges = [y]
    for c, words in enumerate(table[0]):
        sheet.write(lefts[c] + 4, y + 12, words, bold=True)
    y += 18
    edges.append(y)
    for r in range(chance.randint(3, 6)):
        cells = [f"E{r}{chance.randint(10, 99)}", sheet.label(chance.randint(3, 9)), sheet.label(chance.randint(3, 12))]
        most = 1
        for c, words in enumerate(cells):
            lines, line = [], ""
            for word in words.split():
                if line and sheet.font.text_length(f"{line} {word}", 9) > lefts[c + 1] - lefts[c] - 12:
                    lines.append(line)
                    line = word
                else:
                    line = f"{line} {word}".strip()
            for at, text in enumerate([*lines, line]):
                sheet.write(lefts[c] + 4, y + 11 + 11 * at, text)
            most = max(most, len(lines) + 1)
        y += 11 * most + 7
        edges.append(y)
        table.append(cells)
    for edge in edges if ruled else (edges[0], edges[1], edges[-1]):
        sheet.rule(60, edge, 520, edge)
    if ruled:
        for x in lefts:
            sheet.rule(x, sheet.top, x, y)
    sheet.relations = relations(table)
    return y


def wrapped_ruled(sheet: Sheet) -> float:
    """Running text in framed cells."""
    return wrapped(sheet, ruled=True)


def wrapped_open(sheet: Sheet) -> float:
    """Running text between three rules."""
    return wrapped(sheet, ruled=False)


def filled_head(sheet: Sheet) -> float:
    """A dark head, thin rules below."""
    top = sheet.top
    sheet.fill(60, top, 520, top + sheet.step, 0.7)
    table, _, foot = plain(sheet)
    for r in range(2, len(table) + 1):
        sheet.rule(60, top + sheet.step * r, 520, top + sheet.step * r, 0.3)
    return foot


def on_its_side(sheet: Sheet) -> float:
    """Set sideways on an upright page, without rules."""
    chance = sheet.chance
    columns = chance.randint(3, 5)
    table = [["Item", *years(sheet, columns)], *body(sheet, chance.randint(5, 10), columns)]
    for r, row in enumerate(table):
        for c, words in enumerate(row):
            sheet.page.insert_text((120 + 20 * r, 780 - 100 * c), words, fontsize=9, rotate=90)
    sheet.relations = relations(table)
    return 0.0


STYLES: tuple[Callable[[Sheet], float], ...] = (
    unruled, booktabs, lined, gridded, striped, shaded_words, sparse, grouped_ruled, grouped_open, statement, units,
    wrapped_ruled, wrapped_open, filled_head, on_its_side,
)  # fmt: skip


def make(folder: Path, count: int) -> list[tuple[str, Path, Counter[tuple[str, str, str]]]]:
    """One file per made table: its style, its path, the relations between its cells."""
    import pymupdf

    made = []
    for style in STYLES:
        for number in range(count):
            with pymupdf.open() as file:
                sheet = Sheet(file, random.Random(f"{style.__name__} {number}"))
                bottom = style(sheet)
                if bottom:
                    sheet.finish(bottom)
                path = folder / f"{style.__name__}-{number}.pdf"
                file.save(path)
            made.append((style.__name__, path, sheet.relations))
    return made
