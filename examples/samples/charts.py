"""Vector charts. Their values are written in them and nowhere else."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pymupdf

from samples.sheet import BLACK, GREY, RULE, Colour, put

Draw = Callable[[pymupdf.Page, pymupdf.Rect], None]

PALETTE: tuple[Colour, ...] = (
    (0.13, 0.38, 0.55),
    (0.89, 0.53, 0.18),
    (0.36, 0.6, 0.42),
    (0.62, 0.3, 0.42),
    (0.55, 0.58, 0.62),
)


def bars(labels: Sequence[str], values: Sequence[float], *, unit: str = "", title: str = "", size: float = 8) -> Draw:
    """Vertical bars, each with its value above it."""

    def draw(page: pymupdf.Page, room: pymupdf.Rect) -> None:
        plot = _axes(page, room, title, size)
        slot = plot.width / len(values)
        for i, (label, value) in enumerate(zip(labels, values, strict=True)):
            left = plot.x0 + slot * (i + 0.22)
            top = plot.y1 - (plot.height - 14) * value / max(values)
            page.draw_rect((left, top, left + slot * 0.56, plot.y1), color=None, fill=PALETTE[0])
            put(page, left + slot * 0.28, top - 4, f"{value:g}{unit}", size, align="centre")
            put(page, left + slot * 0.28, plot.y1 + size * 1.5, label, size, colour=GREY, align="centre")

    return draw


def lines(
    labels: Sequence[str], series: dict[str, Sequence[float]], *, title: str = "", size: float = 8, values: bool = True
) -> Draw:
    """Lines with a marker and, where `values`, a number at each point; a legend above."""

    def draw(page: pymupdf.Page, room: pymupdf.Rect) -> None:
        plot = _axes(page, room, title, size)
        low, high = min(min(s) for s in series.values()), max(max(s) for s in series.values())
        low -= (high - low) * 0.15
        step = plot.width / len(labels)
        x = plot.x1
        for number, (name, points) in reversed(list(enumerate(series.items()))):
            colour = PALETTE[number]
            place = [
                pymupdf.Point(plot.x0 + step * (i + 0.5), plot.y1 - (plot.height - 16) * (v - low) / (high - low))
                for i, v in enumerate(points)
            ]
            page.draw_polyline(place, color=colour, width=1.6)
            for point, value in zip(place, points, strict=True):
                page.draw_circle(point, 2.2, color=colour, fill=colour)
                if values:
                    above = -size * 0.75 if number == 0 else size * 1.55
                    put(page, point.x, point.y + above, f"{value:g}", size * 0.95, colour=colour, align="centre")
            if len(series) == 1:
                continue
            put(page, x, room.y0 + size, name, size, colour=colour, align="right")
            x -= len(name) * size * 0.55 + 22
            page.draw_line((x + 6, room.y0 + size * 0.7), (x + 16, room.y0 + size * 0.7), color=colour, width=2)
        for i, label in enumerate(labels):
            put(page, plot.x0 + step * (i + 0.5), plot.y1 + size * 1.5, label, size, colour=GREY, align="centre")

    return draw


def pie(labels: Sequence[str], values: Sequence[float], *, size: float = 9) -> Draw:
    """A pie with a legend of names and shares beside it."""

    def draw(page: pymupdf.Page, room: pymupdf.Rect) -> None:
        radius = room.height / 2 - 6
        middle = pymupdf.Point(room.x0 + radius + 10, room.y0 + room.height / 2)
        start = pymupdf.Point(middle.x, middle.y - radius)
        total = sum(values)
        row = room.y0 + room.height / 2 - len(values) * size
        for i, (label, value) in enumerate(zip(labels, values, strict=True)):
            angle = -360 * value / total
            page.draw_sector(middle, start, angle, color=(1, 1, 1), fill=PALETTE[i], fullSector=True)
            turn = math.radians(-angle)
            dx, dy = start.x - middle.x, start.y - middle.y
            start = pymupdf.Point(
                middle.x + dx * math.cos(turn) - dy * math.sin(turn),
                middle.y + dx * math.sin(turn) + dy * math.cos(turn),
            )
            x, y = middle.x + radius + 26, row + i * size * 2
            page.draw_rect((x, y, x + size, y + size), color=None, fill=PALETTE[i])
            put(page, x + size * 1.8, y + size * 0.9, f"{label}  {value:g} %", size)

    return draw


def _axes(page: pymupdf.Page, room: pymupdf.Rect, title: str, size: float) -> pymupdf.Rect:
    put(page, room.x0, room.y0 + size, title, size, face="hebo")
    plot = pymupdf.Rect(room.x0 + 4, room.y0 + size * 2.4, room.x1 - 4, room.y1 - size * 2.4)
    for i in range(1, 4):
        y = plot.y1 - plot.height * i / 4
        page.draw_line((plot.x0, y), (plot.x1, y), color=RULE, width=0.4)
    page.draw_line((plot.x0, plot.y1), (plot.x1, plot.y1), color=BLACK, width=0.8)
    return plot
