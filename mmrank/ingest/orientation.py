"""Scans that went through the scanner on their side or on their head."""

from __future__ import annotations

from typing import Any

from mmrank.ingest.drafts import Line, Rect
from mmrank.ingest.ocr import Recogniser

SURE = 0.9
"""Text recognised with at least this mean confidence stands upright."""
BETTER = 1.2
"""Another way up must be recognised better by this factor."""


def oriented_lines(page: Any, box: Rect, density: float, recogniser: Recogniser) -> list[Line]:
    """Lines of a scan, recognised the way up in which they read best; see `Recogniser.lines`."""
    found = recogniser.lines(page, box, density)
    letters = sum(len(line.text) for line in found)
    if not letters:
        return found
    tall = sum(len(line.text) for line in found if not line.upright) > 0.5 * letters
    mean = sum(len(line.text) * (line.confidence or 0.0) for line in found) / letters
    if not tall and mean >= SURE:
        return found
    best = found if not tall else [line for line in found if line.upright]
    for turn in (1, 3) if tall else (2,):
        other = recogniser.lines(page, box, density, turn)
        if _worth(other) > BETTER * _worth(best):
            best = other
    return best or found


def _worth(lines: list[Line]) -> float:
    """How much was read, and how surely."""
    return sum(len(line.text) * max(0.0, (line.confidence or 0.0) - 0.5) for line in lines)
