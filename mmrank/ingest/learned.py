"""Layout by the model of pymupdf_layout, and by geometry for table cells and figures that the model misses."""

from __future__ import annotations

from typing import Any

from mmrank.ingest.charts import chart_lines
from mmrank.ingest.drafts import Draft, Line, Rect, hull, inside
from mmrank.ingest.fast import figure_draft, held_lines, is_frame, table_draft, without
from mmrank.ingest.figures import Graphic, graphics, has_bars, is_background, within_any, without_shading
from mmrank.ingest.grids import find_grids
from mmrank.ingest.lines import Content, placer
from mmrank.ingest.paragraphs import paragraph, paragraphs
from mmrank.ingest.tables import Grid, make_table, rows_of, running_text
from mmrank.types import ElementKind

KINDS = {
    "title": ElementKind.HEADING,
    "section-header": ElementKind.HEADING,
    "text": ElementKind.TEXT,
    "list-item": ElementKind.LIST_ITEM,
    "caption": ElementKind.CAPTION,
    "footnote": ElementKind.FOOTNOTE,
    "formula": ElementKind.FORMULA,
    "page-header": ElementKind.HEADER,
    "page-footer": ElementKind.FOOTER,
    "table": ElementKind.TABLE,
    "picture": ElementKind.FIGURE,
}
"""The model's classes. The title and the levels of headings are decided by font size, over the whole document."""

Region = tuple[str, Rect]


def model_drafts(page: Any, content: Content) -> list[Draft]:
    """Elements of a page by the layout model, in no particular order."""
    regions = _regions(page)
    lines = content.lines
    content.vectors = without_shading(content.vectors, lines)
    drafts: list[Draft] = []
    grids = find_grids(lines, content.vectors)
    tables = [box for kind, box in regions if kind == "table"]
    for box in tables:
        held = [line for line in lines if inside(line.box, box) > 0.5]
        if len(rows_of(held)) < 2:
            continue
        drawn = [grid for grid in grids if inside(grid.box, box) > 0.6]
        table = (
            drawn[0].table if len(drawn) == 1 and len(drawn[0].lines) > 0.8 * len(held) else make_table(rows_of(held))
        )
        drafts.append(table_draft(Grid(hull([box, *(line.box for line in held)]), table, held)))
        lines = without(lines, held)
    content.vectors = [v for v in content.vectors if not within_any(v.box, tables, 0.7)]
    pictures = _figures(regions, content, lines)
    for figure in pictures:
        held = held_lines(figure, lines, set())
        held += chart_lines(figure, pictures, content, without(lines, held), running_text(lines))
        lines = without(lines, held)
        drafts.append(figure_draft(figure, held))
    for kind, box in regions:
        if kind in {"table", "picture"}:
            continue
        held = [line for line in lines if inside(line.box, box) > 0.5]
        if held:
            lines = without(lines, held)
            drafts.append(paragraph([line for row in rows_of(held) for line in row]))
            if KINDS.get(kind, ElementKind.TEXT) is not ElementKind.TEXT:
                drafts[-1].kind = KINDS[kind]
    return drafts + paragraphs(lines)


def _regions(page: Any) -> list[Region]:
    import pymupdf.layout

    pymupdf.layout.activate()
    page.get_layout()
    place = placer(page)
    regions = []
    for x0, y0, x1, y1, kind, *_ in page.layout_information or ():
        if x0 < x1 and y0 < y1:
            regions.append((str(kind), place((x0, y0, x1, y1))))
    return regions


def _figures(regions: list[Region], content: Content, lines: list[Line]) -> list[Graphic]:
    """The model's pictures, and graphics on the page that it missed."""
    painted = graphics(content)
    found = []
    for kind, box in regions:
        if kind == "picture":
            parts = [g for g in painted if inside(g.box, box) > 0.5]
            raster = sum(g.raster_area for g in parts)
            density = max((g.pixels_per_point for g in parts), default=0.0)
            bars = has_bars([v for v in content.vectors if inside(v.box, box) > 0.9])
            found.append(Graphic(box, raster, len(parts), sum(g.curved for g in parts), density, bars=bars))
    known = [figure.box for figure in found]
    for graphic in painted:
        seen = any(inside(box, graphic.box) > 0.5 for box in known) or within_any(graphic.box, known, 0.3)
        if not seen and not is_background(graphic.box, content) and not is_frame(graphic, lines):
            found.append(graphic)
    return found
