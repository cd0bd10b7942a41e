"""Layout by geometry: what is drawn as a grid, painted together, lined up in columns, or set as paragraphs."""

from __future__ import annotations

from mmrank.ingest.broken import join_broken
from mmrank.ingest.charts import chart_lines, label_text
from mmrank.ingest.drafts import Draft, Line, Rect, area, distance, hull, inside
from mmrank.ingest.figures import Graphic, graphics, is_background, lone_pictures, within_any, without_shading
from mmrank.ingest.grids import find_grids
from mmrank.ingest.lines import Content
from mmrank.ingest.paragraphs import paragraphs
from mmrank.ingest.spaced import join_spaced
from mmrank.ingest.tables import Grid, find_ruled_lists, find_tables, make_table, markdown, rows_of, running_text
from mmrank.types import ElementKind


def fast_drafts(content: Content) -> list[Draft]:
    """Elements of a page by geometry alone, in no particular order."""
    drafts: list[Draft] = []
    lines = content.lines
    content.vectors = without_shading(content.vectors, lines)
    drawn = find_grids(lines, content.vectors)
    lines = without(lines, [line for grid in drawn for line in grid.lines])
    drawn += find_ruled_lists(lines, content.vectors)
    lines = without(lines, [line for grid in drawn for line in grid.lines])
    boxes = [grid.box for grid in drawn]
    if boxes:
        content.vectors = [v for v in content.vectors if not within_any(v.box, boxes, 0.9)]
        content.rasters = [r for r in content.rasters if area(r.box) > 2500 or not within_any(r.box, boxes, 0.9)]
    figures = graphics(content)
    pictures = [figure for figure in figures if not is_background(figure.box, content)]
    pictures = [figure for figure in pictures if not is_frame(figure, lines)]
    grounds = [figure for figure in figures if figure.raster_area and is_background(figure.box, content)]
    if grounds and not any(ground.scanned for ground in grounds):
        pictures += lone_pictures(content)
    if not pictures:
        drafts += [figure_draft(ground, []) for ground in grounds if ground.scanned or not lines]
    running = running_text(lines)
    for figure in pictures:
        held = held_lines(figure, lines, running)
        held += chart_lines(figure, pictures, content, without(lines, held), running)
        lines = without(lines, held)
        drafts.append(
            table_draft(_scanned_table(figure, held)) if _is_table(figure, held) else figure_draft(figure, held)
        )
    aligned = find_tables(lines, content.vectors)
    lines = without(lines, [line for grid in aligned for line in grid.lines])
    drafts += [table_draft(grid) for grid in [*drawn, *aligned]]
    return drafts + join_broken(join_spaced(paragraphs(lines)))


def _is_table(figure: Graphic, held: list[Line]) -> bool:
    """Whether a graphic on a scan is in fact the rules of a table."""
    dense = sum(area(line.box) for line in held) > 0.15 * area(figure.box)
    return figure.scanned and dense and bool(find_tables(held, []))


def _scanned_table(figure: Graphic, held: list[Line]) -> Grid:
    return Grid(hull([figure.box, *(line.box for line in held)]), make_table(rows_of(held)), held)


def without(lines: list[Line], taken: list[Line]) -> list[Line]:
    """Lines that are not among the taken ones."""
    gone = {id(line) for line in taken}
    return [line for line in lines if id(line) not in gone]


def table_draft(grid: Grid) -> Draft:
    """A table as an element."""
    scores = [line.confidence for line in grid.lines if line.confidence is not None]
    return Draft(
        ElementKind.TABLE,
        grid.box,
        markdown(grid.table),
        bold=all(line.bold for line in rows_of(grid.lines)[0]),
        table=grid.table,
        line_count=grid.table.row_count,
        confidence=sum(scores) / len(scores) if scores else None,
        columns=grid.columns,
    )


def is_frame(figure: Graphic, lines: list[Line]) -> bool:
    """Whether a graphic is only the frame, background or rules of running text or of a table."""
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


def held_lines(figure: Graphic, lines: list[Line], running: set[int]) -> list[Line]:
    """Lines in a figure, and the short labels right beside its painted paths."""
    held = [line for line in lines if inside(line.box, figure.box) > 0.6]
    if figure.raster_area and not figure.scanned:
        return held
    box = figure.box
    for _ in range(2):
        for line in without(lines, held):
            label = len(line.text) <= 24 and id(line) not in running and not line.bold
            label = label and (not figure.scanned or (len(line.text) <= 10 and any(c.isdigit() for c in line.text)))
            if label and distance(line.box, box) < 1.3 * line.size:
                held.append(line)
        box = hull([box, *(line.box for line in held)])
    return held


def figure_draft(figure: Graphic, held: list[Line]) -> Draft:
    """A figure or chart as an element, with the text inside it."""
    scores = [line.confidence for line in held if line.confidence is not None]
    box: Rect = hull([figure.box, *(line.box for line in held)]) if held else figure.box
    numbers = sum(1 for line in held if any(c.isdigit() for c in line.text) and len(line.text) < 12)
    kind = ElementKind.CHART if numbers >= 4 or figure.bars else ElementKind.FIGURE
    text = label_text(held, chart=kind is ElementKind.CHART)
    return Draft(kind, box, text, line_count=len(held), confidence=sum(scores) / len(scores) if scores else None)
