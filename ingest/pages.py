"""One page of a file into drafts in reading order."""

from __future__ import annotations

from typing import Any

from mmrank.ingest.drafts import Draft, Line, PageDraft, Rect, area, distance, hull, inside
from mmrank.ingest.figures import Graphic, graphics, is_background, within_any
from mmrank.ingest.grids import find_grids
from mmrank.ingest.lines import Content, garbled, page_content
from mmrank.ingest.ocr import Recogniser
from mmrank.ingest.options import IngestOptions
from mmrank.ingest.order import reading_order
from mmrank.ingest.paragraphs import paragraphs
from mmrank.ingest.tables import Grid, find_tables, markdown, rows_of, running_text
from mmrank.types import ElementKind


def page_draft(page: Any, number: int, options: IngestOptions, recogniser: Recogniser | None) -> PageDraft:
    """Read one PyMuPDF page (0-based `number`)."""
    content = page_content(page)
    if recogniser and garbled(content.lines):
        content.lines = []
    if recogniser:
        _recognise(page, content, graphics(content), recogniser)
    drafts = _drafts(content)
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


def _drafts(content: Content) -> list[Draft]:
    drafts: list[Draft] = []
    lines = content.lines
    drawn = find_grids(lines, content.vectors)
    lines = _without(lines, [line for grid in drawn for line in grid.lines])
    boxes = [grid.box for grid in drawn]
    content.vectors = [v for v in content.vectors if not within_any(v.box, boxes, 0.9)]
    figures = graphics(content)
    pictures = [figure for figure in figures if not is_background(figure.box, content)]
    pictures = [figure for figure in pictures if not _is_frame(figure, lines)]
    if not lines and not pictures:
        pictures = [figure for figure in figures if figure.raster_area]
    running = running_text(lines)
    for figure in pictures:
        held = _held(figure, lines, running)
        lines = _without(lines, held)
        drafts.append(_figure(figure, held))
    aligned = find_tables(lines, content.vectors)
    lines = _without(lines, [line for grid in aligned for line in grid.lines])
    drafts += [_table(grid) for grid in [*drawn, *aligned]]
    return drafts + paragraphs(lines)


def _without(lines: list[Line], taken: list[Line]) -> list[Line]:
    gone = {id(line) for line in taken}
    return [line for line in lines if id(line) not in gone]


def _table(grid: Grid) -> Draft:
    scores = [line.confidence for line in grid.lines if line.confidence is not None]
    return Draft(
        ElementKind.TABLE,
        grid.box,
        markdown(grid.table),
        table=grid.table,
        line_count=grid.table.row_count,
        confidence=sum(scores) / len(scores) if scores else None,
    )


def _is_frame(figure: Graphic, lines: list[Line]) -> bool:
    """Whether a graphic is only the frame, ground or rules of running text or of a table."""
    size = area(figure.box)
    if figure.raster_area > 0.5 * size:
        return False
    held = [line for line in lines if inside(line.box, figure.box) > 0.6]
    if not held:
        return False
    text_area = sum(area(line.box) for line in held)
    if figure.bars:
        return False
    if (
        figure.curved < 3
        and not figure.raster_area
        and (figure.stripes > 0.5 * figure.path_count or text_area > 0.25 * size or find_tables(held, []))
    ):
        return True
    long_lines = sum(area(line.box) for line in held if len(line.text) > 45)
    return text_area > 0.35 * size or long_lines > 0.2 * size


def _held(figure: Graphic, lines: list[Line], running: set[int]) -> list[Line]:
    """Lines in a figure, and the short labels right beside what is drawn by paths."""
    held = [line for line in lines if inside(line.box, figure.box) > 0.6]
    if figure.raster_area:
        return held
    box = figure.box
    for _ in range(2):
        for line in _without(lines, held):
            label = len(line.text) <= 24 and id(line) not in running and not line.bold
            if label and distance(line.box, box) < 1.3 * line.size:
                held.append(line)
        box = hull([box, *(line.box for line in held)])
    return held


def _figure(figure: Graphic, held: list[Line]) -> Draft:
    text = "\n".join(" ".join(line.text.strip() for line in row) for row in rows_of(held))
    scores = [line.confidence for line in held if line.confidence is not None]
    box: Rect = hull([figure.box, *(line.box for line in held)]) if held else figure.box
    numbers = sum(1 for line in held if any(c.isdigit() for c in line.text) and len(line.text) < 12)
    kind = ElementKind.CHART if numbers >= 4 or figure.bars else ElementKind.FIGURE
    return Draft(kind, box, text, line_count=len(held), confidence=sum(scores) / len(scores) if scores else None)
