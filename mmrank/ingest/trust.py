"""Whether the text that a file holds is the text that its pages show."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from difflib import SequenceMatcher
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from mmrank.ingest.drafts import Line

if TYPE_CHECKING:
    from mmrank.ingest.ocr import Recogniser

FREQUENT = frozenset(
    (
        "aa ac ad ai al am an ar as at au be ca ce ch ci co ct cz da de di do ea ec ed ee ei el em en er es et fo ge "
        "ha he hi ho ia ic id ie if ij il im in io ir is it ka ke la le li ll lo ly ma me mo na nd ne ng ni no ns nt "
        "of ol om on oo op or os ot ou pe po pr qu ra re ri ro rs rt rz sa sc se si so ss st sz ta te th ti to tr ts "
        "tt ue ul un ur us ut va ve wa "
    ).split()
)
"""Pairs of letters that make up most of the text of any European language."""
LEAST_PAIRS = 60
"""Fewer pairs of letters in a font say nothing."""
USUAL = 0.42
"""Smallest share of frequent pairs in text that needs no second look."""
ALIKE = 0.5
"""Text and what is recognised in its place are the same where they agree at least by this much, 0 to 1."""
SAMPLES = 3
"""Lines of a font that are looked at."""
COMPLETE = 0.1
"""A text layer is complete where at most this share of what looks like letters lies outside of it."""


def garbled(line: Line) -> bool:
    """Whether a line is unreadable because its font has no usable character map.

    True where many of its characters are private-use, replacement or unassigned ones, or the symbols that text
    in a wrong encoding is full of.
    """
    marks = [c for c in line.text if not c.isspace()]
    odd = sum(1 for c in marks if c == "\ufffd" or unicodedata.category(c) in {"Co", "Cn", "Cc", "Cs"})
    symbols = sum(1 for c in marks if "\u0080" <= c <= "\u00bf")
    return odd > 0.3 * len(marks) or (len(marks) > 5 and symbols > 0.4 * len(marks))


def usual_pairs(text: str) -> tuple[float, int]:
    """The share of pairs of letters that are frequent in European languages, and how many pairs there are.

    >>> usual_pairs("the keeper")[0] > 0.8, usual_pairs("WKH NHHSHU")[0] < 0.2
    (True, True)
    """
    pairs = [a + b for a, b in pairwise(text.lower()) if "a" <= a <= "z" and "a" <= b <= "z"]
    return (sum(pair in FREQUENT for pair in pairs) / len(pairs), len(pairs)) if pairs else (1.0, 0)


def untrue_lines(page: Any, lines: list[Line], recogniser: Recogniser) -> list[Line]:
    """Lines in fonts whose character map gives other letters than the page shows.

    A font is looked at where its text does not look like that of a language. It is untrue where other words are
    recognised in the place of some of its lines.
    """
    fonts: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        if line.confidence is None:
            fonts[line.font].append(line)
    found: list[Line] = []
    for held in fonts.values():
        share, count = usual_pairs(" ".join(line.text for line in held))
        if count >= LEAST_PAIRS and share < USUAL and _looks_other(page, held, recogniser):
            found += held
    return found


def _looks_other(page: Any, lines: list[Line], recogniser: Recogniser) -> bool:
    samples = sorted((line for line in lines if line.upright), key=lambda line: -len(line.text))[:SAMPLES]
    differing = agreeing = 0
    for line in samples:
        x0, y0, x1, y1 = line.box
        seen = recogniser.lines(page, (max(0.0, x0 - 4), max(0.0, y0 - 3), x1 + 4, y1 + 3), 0.0)
        seen = [found for found in seen if (found.confidence or 0.0) > 0.8]
        shown = _letters(" ".join(found.text for found in seen))
        if len(shown) < 6:
            continue
        if SequenceMatcher(None, _letters(line.text), shown, autojunk=False).ratio() < ALIKE:
            differing += 1
        else:
            agreeing += 1
    return differing > agreeing


def _letters(text: str) -> str:
    return "".join(c for c in text.lower() if c.isalnum())


def is_complete(page: Any, lines: list[Line]) -> bool:
    """Whether the unpainted text over a scan covers nearly all that looks like letters in it."""
    import cv2
    import pymupdf

    if sum(not line.painted for line in lines) < 0.8 * len(lines):
        return False
    pixels = page.get_pixmap(matrix=pymupdf.Matrix(1, 1), colorspace=pymupdf.csGRAY, alpha=False)
    picture = np.frombuffer(pixels.samples, np.uint8).reshape(pixels.height, pixels.width)
    ink = (np.abs(picture.astype(np.int16) - int(np.median(picture))) > 60).astype(np.uint8)
    _, _, stats, centres = cv2.connectedComponentsWithStats(ink, connectivity=8)
    sizes = (stats[1:, 3] >= 3) & (stats[1:, 3] <= 40) & (stats[1:, 2] <= 300)
    if not sizes.any():
        return True
    covered = np.zeros_like(ink)
    for line in lines:
        x0, y0, x1, y1 = (round(v) for v in line.box)
        covered[max(0, y0 - 3) : y1 + 3, max(0, x0 - 6) : x1 + 6] = 1
    places = centres[1:][sizes].astype(int)
    inside = covered[places[:, 1].clip(0, ink.shape[0] - 1), places[:, 0].clip(0, ink.shape[1] - 1)]
    return bool((inside == 0).mean() <= COMPLETE)
