"""What became of the files that `mmrank index` was given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mmrank.cli.output import console

if TYPE_CHECKING:
    from mmrank.adding import AddReport
    from mmrank.index import DocumentRecord

SHOWN = 5
"""Names of a kind that are printed before the rest is counted."""


def print_report(report: AddReport, total: str) -> None:
    """Print counts in one line, then what asks for attention, a line each.

    Args:
        report: of `Collection.add`.
        total: what the collection holds now.
    """
    counts = {
        "added": len(report.added),
        "replaced": len(report.replaced),
        "unchanged": len(report.unchanged),
        "moved": len(report.moved),
        "described anew": len(report.described),
        "duplicates": len(report.duplicates),
        "removed": len(report.pruned),
        "failed": len(report.failed),
    }
    summary = ", ".join(f"{number} {word}" for word, number in counts.items() if number) or "nothing to do"
    console.print(f"{summary}; {report.pages} pages in {report.seconds:.1f} s; {total}")
    for name, twin in report.duplicates.items():
        _warn(f"{name} is the same as {twin}, and is found under both names")
    if report.gone and not report.pruned:
        _warn(f"gone: {listed(report.gone)}; --prune removes them from the collection")
    elif report.pruned:
        _warn(f"gone, and removed: {listed(report.pruned)}")
    if report.passed_over:
        _warn(f"passed over: {passed_over(report.passed_over)}, which are of kinds that are not read")
    if report.links:
        _warn(f"links passed over: {listed(report.links)}; --follow-links follows them")
    for name, attached in report.attached.items():
        _warn(f"{name}: files are attached that were not read: {listed(attached)}; --attachments reads documents")
    for note in report.notes:
        _warn(note)
    for name, pages in report.unread.items():
        _say(f"{name}: {unread_pages(pages)}", "red")
    for name, reason in report.failed.items():
        _say(f"{name}: {reason}", "red")


def print_unread(records: Sequence[DocumentRecord]) -> None:
    """Name the pages of documents that could not be read."""
    for record in records:
        if record.unread:
            _warn(f"{record.name}: {unread_pages(record.unread)}; `mmrank index --retry` tries again")


def passed_over(kinds: Mapping[str, int]) -> str:
    """How many files there are by suffix.

    >>> passed_over({".zip": 3, "": 1})
    '3 .zip, 1 without suffix'
    """
    return ", ".join(f"{number} {kind or 'without suffix'}" for kind, number in kinds.items())


def listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def unread_pages(pages: Mapping[int, str]) -> str:
    """Which pages could not be read, and why, with pages that share a reason together.

    Args:
        pages: reasons by page, from 0.

    >>> unread_pages({2: "too large", 3: "too large", 7: "crashed"})
    'page 3, 4 could not be read: too large; page 8 could not be read: crashed'
    """
    reasons: dict[str, list[str]] = {}
    for page, reason in sorted(pages.items()):
        reasons.setdefault(reason, []).append(str(page + 1))
    return "; ".join(f"page {listed(numbers)} could not be read: {reason}" for reason, numbers in reasons.items())


def _warn(text: str) -> None:
    _say(text, "yellow")


def _say(text: str, style: str) -> None:
    console.print(f"  {text}", style=style, markup=False, highlight=False)
