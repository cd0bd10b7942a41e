"""From one page of a file to drafts in reading order."""

from __future__ import annotations

from typing import Any

from mmrank.ingest.doubles import without_doubles
from mmrank.ingest.drafts import Draft, Line, PageDraft, Rect, area, hull, inside
from mmrank.ingest.fast import fast_drafts, without
from mmrank.ingest.figures import Graphic, graphics, is_background
from mmrank.ingest.hidden import without_hidden
from mmrank.ingest.initials import with_initials
from mmrank.ingest.learned import model_drafts
from mmrank.ingest.line_numbers import without_line_numbers
from mmrank.ingest.lines import Content, Raster, page_content
from mmrank.ingest.ocr import Recogniser
from mmrank.ingest.options import IngestOptions
from mmrank.ingest.order import reading_order
from mmrank.ingest.orientation import oriented_lines
from mmrank.ingest.scans import drawn_regions
from mmrank.ingest.stamps import take_stamps
from mmrank.ingest.trust import garbled, is_complete, untrue_lines
from mmrank.ingest.turning import main_turn, sideways_tables, turn_back, turned, turned_box
from mmrank.setting_models import ocr_mode
from mmrank.types import ElementKind

PICTURES = {ElementKind.FIGURE, ElementKind.CHART}
MOST_PATHS_FOR_MODEL = 20_000
"""With more painted paths (maps) than this, the layout model would take a minute for one page."""

LOWEST_STRIP, HIGHEST_STRIP = 7.0, 30.0
"""Height in points of a picture that may be a line of text."""
MOST_STRIPS = 40


def page_draft(page: Any, number: int, options: IngestOptions, recogniser: Recogniser | None) -> PageDraft:
    """Read one PyMuPDF page (0-based `number`).

    The layout model needs the text that a file holds. Scanned pages, and pages with more paths than the model can
    process in reasonable time, are laid out by geometry in either mode.
    """
    content = page_content(page, options.limits)
    content.lines = without_doubles(without_hidden(page, content))
    scanned = not content.lines
    mode = ocr_mode(str(options.ocr), number)
    recogniser = None if mode == "never" else recogniser
    if recogniser and mode == "always":
        whole = (0.0, 0.0, content.width, content.height)
        density = max((figure.pixels_per_point for figure in graphics(content)), default=0.0)
        content.lines = _in_blocks(oriented_lines(page, whole, density, recogniser), content)
    elif recogniser:
        _recognise_unreadable(page, content, recogniser)
        _recognise(page, content, graphics(content), recogniser)
    _split_pictures(page, content, scanned)
    turn = main_turn(content.lines)
    if not turn:
        drafts = _drafts(page, content, options)
    else:
        frame = turned(content, turn)
        drafts = _drafts(None, frame, options)
        turn_back(drafts, turn, frame)
    return PageDraft(number, content.width, content.height, drafts)


def _drafts(page: Any, content: Content, options: IngestOptions) -> list[Draft]:
    """Drafts of what is painted, in reading order; by geometry where there is no page for the layout model to see."""
    stamps = take_stamps(content)
    content.lines = with_initials(without_line_numbers(content.lines))
    sideways = sideways_tables(content)
    learned = options.layout == "model" and len(content.vectors) <= MOST_PATHS_FOR_MODEL
    if page is not None and learned and any(line.confidence is None for line in content.lines):
        drafts = model_drafts(page, content)
    else:
        drafts = fast_drafts(content)
    # Page-wide pictures lie under everything else, so they say nothing about the order.
    grounds: list[Draft] = []
    others: list[Draft] = []
    for draft in [*drafts, *sideways]:
        ground = draft.kind in PICTURES and is_background(draft.box, content)
        (grounds if ground else others).append(draft)
    order = reading_order([draft.box for draft in others])
    return [others[i] for i in order] + grounds + stamps


def _split_pictures(page: Any, content: Content, scanned: bool) -> None:
    """Replace a page-wide picture, or any picture of a scanned page, by the figures found in it."""
    rest = [raster for raster in content.rasters if not (scanned or is_background(raster.box, content))]
    if content.lines and len(rest) < len(content.rasters):
        content.rasters = rest + [Raster(box, (0, 0)) for box in drawn_regions(page, content.lines)]


def _recognise_unreadable(page: Any, content: Content, recogniser: Recogniser) -> None:
    """Recognise the text of lines whose fonts have no usable character map."""
    bad = [line for line in content.lines if garbled(line)]
    bad += untrue_lines(page, without(content.lines, bad), recogniser)
    if sum(len(line.text) for line in bad) < 8:
        return
    content.lines = without(content.lines, bad)
    _add(content, recogniser.lines(page, hull(line.box for line in bad), 0.0))


def _add(content: Content, found: list[Line]) -> None:
    """Add recognised lines where the file holds no text."""
    known = [line.box for line in content.lines]
    fresh = [
        line for line in found if not any(inside(line.box, box) > 0.4 or inside(box, line.box) > 0.6 for box in known)
    ]
    content.lines += _blocked(fresh, 1 + max((line.block for line in content.lines), default=-1))


def _recognise(page: Any, content: Content, figures: list[Graphic], recogniser: Recogniser) -> None:
    """Add lines for text that the file does not hold as text."""
    if not content.lines and (content.rasters or len(content.vectors) > 20):
        whole = (0.0, 0.0, content.width, content.height)
        if len(content.vectors) <= 20:
            whole = hull(raster.box for raster in content.rasters)
        density = max((figure.pixels_per_point for figure in figures), default=0.0)
        content.lines = _in_blocks(oriented_lines(page, whole, density, recogniser), content)
        return
    for figure in figures:
        outlines = figure.curved >= 20
        if not (figure.raster_area or outlines) or area(figure.box) < 1500:
            continue
        held = sum(len(line.text) for line in content.lines if inside(line.box, figure.box) > 0.5)
        if held <= 40 or (is_background(figure.box, content) and not is_complete(page, content.lines)):
            _add(content, recogniser.lines(page, figure.box, figure.pixels_per_point))
    for strip in _strips(content, figures):
        _add(content, recogniser.lines(page, strip, 0.0))


def _strips(content: Content, figures: list[Graphic]) -> list[Rect]:
    """Pictures as high as a line and much wider, without text on them: words that were pasted as pictures, and headings
    in a gradient of colours, which are a picture cut out along the letters."""
    found: list[Rect] = []
    for box in sorted((raster.box for raster in content.rasters), key=lambda box: (round(box[1] / 4), box[0])):
        width, height = box[2] - box[0], box[3] - box[1]
        if not LOWEST_STRIP <= height <= HIGHEST_STRIP or width < 4 * height:
            continue
        if any(inside(box, figure.box) > 0.6 for figure in figures) or any(
            inside(line.box, box) > 0.5 for line in content.lines
        ):
            continue
        if found and abs(found[-1][1] - box[1]) < 4 and box[0] - found[-1][2] < 2 * height:
            found[-1] = hull([found[-1], box])
        else:
            found.append(box)
    return found[:MOST_STRIPS]


def _in_blocks(lines: list[Line], content: Content) -> list[Line]:
    """Number the blocks of a recognised page, in the frame in which most of its text is upright."""
    turn = main_turn(lines)
    boxes = [line.box for line in lines]
    for line in lines:
        line.box = turned_box(line.box, turn, content.width, content.height)
    _blocked(lines, 0)
    for line, box in zip(lines, boxes, strict=True):
        line.box = box
    return lines


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
