"""One page of a file into drafts in reading order."""

from __future__ import annotations

from typing import Any

from mmrank.ingest.drafts import Draft, Line, PageDraft, Rect, area, hull, inside
from mmrank.ingest.figures import Graphic, graphics, is_background
from mmrank.ingest.lines import Content, garbled, page_content
from mmrank.ingest.ocr import Recogniser
from mmrank.ingest.options import IngestOptions
from mmrank.ingest.order import reading_order
from mmrank.ingest.paragraphs import paragraphs
from mmrank.ingest.tables import find_tables, markdown, rows_of
from mmrank.types import ElementKind


def page_draft(page: Any, number: int, options: IngestOptions, recogniser: Recogniser | None) -> PageDraft:
    """Read one PyMuPDF page (0-based `number`)."""
    content = page_content(page)
    if recogniser and garbled(content.lines):
        content.lines = []
    figures = graphics(content)
    if recogniser:
        _recognise(page, content, figures, recogniser)
    drafts = _drafts(content, figures)
    order = reading_order([draft.box for draft in drafts])
    return PageDraft(number, content.width, content.height, [drafts[i] for i in order])


def _recognise(page: Any, content: Content, figures: list[Graphic], recogniser: Recogniser) -> None:
    """Add lines for text that the file does not hold as text."""
    whole = (0.0, 0.0, content.width, content.height)
    if not content.lines and (content.rasters or len(content.vectors) > 20):
        density = max((figure.pixels_per_point for figure in figures), default=0.0)
        content.lines = _blocked(recogniser.lines(page, whole, density), 0)
        return
    block = 1 + max((line.block for line in content.lines), default=0)
    for figure in figures:
        if not figure.raster_area or area(figure.box) < 1500:
            continue
        held = sum(len(line.text) for line in content.lines if inside(line.box, figure.box) > 0.5)
        if held > 40 and not is_background(figure.box, content):
            continue
        known = [line.box for line in content.lines]
        fresh = [
            line
            for line in recogniser.lines(page, figure.box, figure.pixels_per_point)
            if not any(inside(line.box, box) > 0.4 or inside(box, line.box) > 0.6 for box in known)
        ]
        content.lines += _blocked(fresh, block)
        block += len(fresh)


def _blocked(lines: list[Line], first: int) -> list[Line]:
    """Number the blocks of recognised lines: lines that stand closely below one another share one."""
    blocks: list[list[Line]] = []
    for line in sorted(lines, key=lambda item: item.box[1]):
        for group in reversed(blocks):
            last = group[-1]
            height = min(last.box[3] - last.box[1], line.box[3] - line.box[1])
            apart = line.box[1] - last.box[3]
            aligned = (
                abs(line.box[0] - last.box[0]) < 2 * height
                or abs(line.box[0] + line.box[2] - last.box[0] - last.box[2]) < 2 * height
            )
            alike = max(last.size, line.size) < 1.5 * min(last.size, line.size)
            if -0.5 * height < apart < 0.9 * height and aligned and alike:
                group.append(line)
                break
        else:
            blocks.append([line])
    for number, group in enumerate(blocks):
        size = sum(line.size for line in group) / len(group)
        for line in group:
            line.block, line.size = first + number, round(size, 1)
    return lines


def _drafts(content: Content, figures: list[Graphic]) -> list[Draft]:
    drafts: list[Draft] = []
    lines = content.lines
    pictures = [figure for figure in figures if not is_background(figure.box, content)]
    pictures = [figure for figure in pictures if not _is_frame(figure, lines)]
    if not lines and not pictures:
        pictures = [figure for figure in figures if figure.raster_area]
    for figure in pictures:
        held = [line for line in lines if inside(line.box, figure.box) > 0.6]
        taken = {id(line) for line in held}
        lines = [line for line in lines if id(line) not in taken]
        drafts.append(_figure(figure, held))
    for grid in find_tables(lines, content.vectors):
        taken = {id(line) for line in grid.lines}
        lines = [line for line in lines if id(line) not in taken]
        scores = [line.confidence for line in grid.lines if line.confidence is not None]
        drafts.append(
            Draft(
                ElementKind.TABLE,
                grid.box,
                markdown(grid.table),
                table=grid.table,
                line_count=grid.table.row_count,
                confidence=sum(scores) / len(scores) if scores else None,
            )
        )
    return drafts + paragraphs(lines)


def _is_frame(figure: Graphic, lines: list[Line]) -> bool:
    """Whether a graphic is only the frame, ground or rules of running text or of a table."""
    if figure.raster_area > 0.5 * area(figure.box):
        return False
    held = [line for line in lines if inside(line.box, figure.box) > 0.6]
    if not held:
        return False
    text_area = sum(area(line.box) for line in held)
    long_lines = [line for line in held if len(line.text) > 45]
    if figure.curved < 3 and not figure.raster_area:
        return True
    return text_area > 0.35 * area(figure.box) or sum(area(line.box) for line in long_lines) > 0.2 * area(figure.box)


def _figure(figure: Graphic, held: list[Line]) -> Draft:
    text = "\n".join(" ".join(line.text.strip() for line in row) for row in rows_of(held))
    scores = [line.confidence for line in held if line.confidence is not None]
    box: Rect = hull([figure.box, *(line.box for line in held)]) if held else figure.box
    numbers = sum(1 for line in held if any(c.isdigit() for c in line.text) and len(line.text) < 12)
    kind = ElementKind.CHART if numbers >= 4 else ElementKind.FIGURE
    return Draft(kind, box, text, line_count=len(held), confidence=sum(scores) / len(scores) if scores else None)
