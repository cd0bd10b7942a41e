"""The printed numbering of a document, from the labels of its pages.

A label by itself is weak: it may be a year in a footer, a line number, or the number of the last page ("3 / 17"). A
number belongs to the numbering when its neighbours count on with it: pages 9 to 20 of a file that say "1" to "12".
Where one page of the file shows two printed ones, a spread, numbers go up by two.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from mmrank.numerals import roman_to_int

ENOUGH = 3
"""Pages that must count on together; 2 in a document of up to `SHORT` pages."""
SHORT = 5
LONGEST_GAP = 8
"""Pages without a fitting label over which a numbering still goes on."""
_LABEL = re.compile(r"(?P<arabic>\d{1,5})(?:\s*[-–]\s*(?P<to>\d{1,5}))?|(?P<roman>[ivxlc]+)")


@dataclass(frozen=True, slots=True)
class PrintedNumbers:
    """The numbers printed on one page: none, one, or two on a spread."""

    arabic: tuple[int, ...] = ()
    roman: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class _Run:
    """A stretch of pages that count on together: page `at` has the number `offset + step × at`."""

    roman: bool
    step: int
    offset: int
    first: int
    last: int
    support: int


def printed_numbers(labels: Sequence[str | None]) -> list[PrintedNumbers]:
    """What is printed on each page, from the labels that were found on some of them.

    Labels that do not count on with others are left out, and pages between those that do are filled in.

    Args:
        labels: of all pages in order, as in `Page.label`.

    >>> [found.arabic for found in printed_numbers([None, "ii", "iii", "2019", "2", None, "4", "5"])]
    [(), (), (), (1,), (2,), (3,), (4,), (5,)]
    >>> [found.arabic for found in printed_numbers([None, "2", "4", "6", "8"])]
    [(), (2, 3), (4, 5), (6, 7), (8, 9)]
    """
    found = [PrintedNumbers()] * len(labels)
    taken = [False] * len(labels)
    runs = sorted(_runs(labels), key=lambda run: (-run.support, run.first))
    for run in runs:
        _number(found, taken, run, run.first, run.last)
    for run in runs:
        _number(found, taken, run, *_extent(run, taken))
    return found


def mended_labels(labels: Sequence[str | None]) -> list[str | None]:
    """Labels as they are printed, where the numbering of the document tells more than the label of one page.

    A label that the numbering contradicts is replaced, a missing one is filled in, and one that several pages share
    ("3 / 17" read as 17) is left out.

    >>> mended_labels([None, "ii", "iii", "1", "2019", "3", "4"])
    [None, 'ii', 'iii', '1', '2', '3', '4']
    """
    shared = Counter(labels)
    mended: list[str | None] = []
    for label, printed in zip(labels, printed_numbers(labels), strict=True):
        if printed.arabic:
            mended.append("–".join(map(str, printed.arabic)))
        elif printed.roman:
            mended.append(label if label and not label.isdigit() else None)
        else:
            mended.append(label if shared[label] == 1 else None)
    return mended


def _runs(labels: Sequence[str | None]) -> list[_Run]:
    least = ENOUGH if len(labels) > SHORT else 2
    groups: dict[tuple[bool, int, int], list[int]] = defaultdict(list)
    for at, label in enumerate(labels):
        match = _LABEL.fullmatch((label or "").strip().lower())
        if match is None:
            continue
        value = int(match["arabic"]) if match["arabic"] else roman_to_int(match["roman"])
        if value is None:
            continue
        for step in (2,) if match["to"] else (1,) if match["roman"] else (1, 2):
            groups[match["roman"] is not None, step, value - step * at].append(at)
    runs: list[_Run] = []
    for (roman, step, offset), pages in groups.items():
        start = 0
        for end in range(1, len(pages) + 1):
            if end < len(pages) and pages[end] - pages[end - 1] <= LONGEST_GAP:
                continue
            held = pages[start:end]
            start = end
            if len(held) >= (2 if roman else least):
                runs.append(_Run(roman, step, offset, held[0], held[-1], len(held)))
    return runs


def _number(found: list[PrintedNumbers], taken: list[bool], run: _Run, first: int, last: int) -> None:
    for at in range(first, last + 1):
        number = run.offset + run.step * at
        if taken[at] or number < 0:
            continue
        taken[at] = True
        if run.roman:
            found[at] = PrintedNumbers(roman=(number,))
        elif run.step == 1:
            found[at] = PrintedNumbers(arabic=(number,))
        else:
            left = number - number % 2  # the left page of a spread has the even number
            found[at] = PrintedNumbers(arabic=tuple(one for one in (left, left + 1) if one > 0))


def _extent(run: _Run, taken: Sequence[bool]) -> tuple[int, int]:
    """From the first to the last page of a run, and on over free pages where nothing else is counted."""
    first, last = run.first, run.last
    while (
        first > 0
        and not taken[first - 1]
        and run.first - first < LONGEST_GAP
        and run.offset + run.step * (first - 1) > 0
    ):
        first -= 1
    while last + 1 < len(taken) and not taken[last + 1] and last - run.last < LONGEST_GAP:
        last += 1
    return first, last
