"""From lines to paragraphs, list items, captions and candidates for headings."""

from __future__ import annotations

import re

from mmrank.ingest.drafts import Draft, Line, hull
from mmrank.ingest.letters import join
from mmrank.ingest.tables import rows_of
from mmrank.types import ElementKind

BULLET = re.compile(r"^\s*([•●○◦▪■□‣⁃∙·–➢➤✓►▶]|[-*>›»]\s|\(?[a-z0-9]{1,2}[.)]\s)")
_DASH = re.compile(r"^\s*[-–—]\s")
CAPTION = re.compile(
    r"^\s*(fig(?:ure|\.)?|table|tab\.|chart|exhibit|scheme|algorithm|box|map|plate|photo|diagram|listing|graph)"
    r"\s*\.?\s*((?:[A-Z]\.?)?\d+(?:[.\-]\d+)*[a-z]?|[IVXLC]+)(?:\s*[.:|–—]|\s*-\s|\s*$|\s+(?=(?-i:[A-Z(\"“])))",
    re.IGNORECASE,
)
FORMULA = re.compile(r"[=∑∫∏√≤≥≈∈∀∃∂∇±×→⟨⟩∥]")


def paragraphs(lines: list[Line]) -> list[Draft]:
    """Group lines into text drafts, in no particular order."""
    drafts: list[Draft] = []
    blocks: dict[int, list[Line]] = {}
    for line in lines:
        blocks.setdefault(line.block, []).append(line)
    for block in blocks.values():
        for group in _split(block):
            drafts.append(paragraph(group))
    return drafts


def _split(block: list[Line]) -> list[list[Line]]:
    groups: list[list[Line]] = []
    previous: Line | None = None
    for line in block:
        if previous is None or _breaks(previous, line, groups[-1]):
            groups.append([line])
        else:
            groups[-1].append(line)
        previous = line
    return groups


def _breaks(previous: Line, line: Line, group: list[Line]) -> bool:
    height = max(previous.box[3] - previous.box[1], line.box[3] - line.box[1])
    same_row = abs(previous.box[1] - line.box[1]) < 0.5 * height
    if same_row:
        return line.box[0] - previous.box[2] > 4 * max(line.size, 6)
    if line.box[1] - previous.box[3] > 0.9 * height or line.box[3] < previous.box[1] - height:
        return True
    if abs(line.size - previous.size) > 0.12 * max(line.size, previous.size):
        return len(line.text.strip()) > 3
    if line.bold != previous.bold and line.bold == _mostly_bold(group) is False:
        return len(group) > 0 and line.box[0] - group[0].box[0] < 30
    if CAPTION.match(line.text) or (BULLET.match(line.text) and not _dashed(previous, line, group)):
        return True
    narrow = min(line.box[2], previous.box[2]) - max(line.box[0], previous.box[0])
    return narrow <= 0


def _dashed(previous: Line, line: Line, group: list[Line]) -> bool:
    """Whether a line begins with a dash within a sentence: below a full line that ends none, in no list."""
    width = max(other.box[2] for other in group) - group[0].box[0]
    full = len(previous.text) > 40 and previous.box[2] + 0.1 * width > max(line.box[2], group[0].box[0] + width)
    flush = abs(line.box[0] - previous.box[0]) < 2
    open_ended = previous.text.rstrip()[-1:] not in {".", ":", ";", "!", "?"} and not BULLET.match(group[0].text)
    return bool(_DASH.match(line.text)) and full and flush and open_ended


def _mostly_bold(group: list[Line]) -> bool:
    return sum(len(line.text) for line in group if line.bold) > 0.5 * sum(len(line.text) for line in group)


def paragraph(group: list[Line]) -> Draft:
    """One paragraph, caption or list item from lines in reading order; how it begins decides which."""
    text = join([line.text for line in group])
    scores = [line.confidence for line in group if line.confidence is not None]
    kind = ElementKind.TEXT
    if CAPTION.match(text) and len(text) < 1500 and not text.rstrip().endswith("...."):
        kind = ElementKind.CAPTION
    elif BULLET.match(text):
        kind = ElementKind.LIST_ITEM
    return Draft(
        kind,
        hull(line.box for line in group),
        text,
        group[0].size,
        _mostly_bold(group),
        len(rows_of(group)),
        None,
        sum(scores) / len(scores) if scores else None,
    )
