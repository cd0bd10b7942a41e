"""Reports as tables for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from mmrank.evaluate.bootstrap import Figure
from mmrank.evaluate.report import LAYOUT_CUTOFFS, PAGE_CUTOFFS, Report

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

SLICED = ("page_recall@1", "page_recall@3", "page_recall@5", "mrr", "layout_covered@5")

LAYOUT_CAVEAT = (
    "Layout recall is MMDocIR's: intersections with the gold boxes are summed, so large and overlapping boxes score "
    "high (a box as large as the page scores 1). Read it together with 'covered', which counts every spot once, and "
    "the mean share of the page that a box takes."
)


def report_tables(report: Report) -> list[RenderableType]:
    """What to print, in order: pages, layouts, by domain, by kind, then notes and times."""
    from rich.text import Text

    shown: list[RenderableType] = [_pages(report), _layouts(report), Text(LAYOUT_CAVEAT, style="dim")]
    shown += [_slices("By domain", report.by_domain), _slices("By kind of evidence", report.by_kind)]
    shown += [Text(f"note: {note}", style="yellow") for note in report.notes]
    if report.stages:
        shown.append(Text("answered by: " + ", ".join(f"{name} {n}" for name, n in report.stages.items())))
    if report.seconds is not None:
        each = report.seconds.questions / report.questions
        shown.append(
            Text(
                f"{report.seconds.prepare:.1f} s to prepare {report.documents} documents; "
                f"{report.seconds.questions:.1f} s for {report.questions} questions "
                f"({each * 1000:.0f} ms each, slowest {report.seconds.slowest_question * 1000:.0f} ms)"
            )
        )
    return shown


def show(figure: Figure) -> str:
    """A figure with its interval, in the field's short form: .419 (.36–.48)."""
    return f"{_short(figure.value, 3)} ({_short(figure.low, 2)}–{_short(figure.high, 2)})"


def _short(value: float, digits: int) -> str:
    text = f"{value:.{digits}f}"
    return text.removeprefix("0") if value < 1 else text


def _pages(report: Report) -> Table:
    names = [*(f"page_recall@{k}" for k in PAGE_CUTOFFS), "mrr", "ndcg@5", "ndcg@10"]
    table = _table(
        f"{report.benchmark}, pages: {report.system}, {report.questions} questions on {report.documents} documents",
        ["mean (95 % interval)", *(name.removeprefix("page_") for name in names)],
    )
    for title, figures in (("micro", report.micro), ("macro", report.macro)):
        table.add_row(title, *(show(figures[name]) for name in names))
    table.add_row("perfect", *(_short(report.best[name], 3) if name in report.best else "" for name in names))
    return table


def _layouts(report: Report) -> Table:
    table = _table(f"{report.benchmark}, layouts: {report.system}", ["", *(f"first {k}" for k in LAYOUT_CUTOFFS)])
    for title, name, means in (
        ("recall, as MMDocIR defines it", "layout_recall", ("micro", "macro")),
        ("covered, every spot once", "layout_covered", ("micro", "macro")),
        ("mean share of the page a box takes", "layout_page_share", ("micro",)),
    ):
        for mean in means:
            figures = [getattr(report, mean).get(f"{name}@{k}") for k in LAYOUT_CUTOFFS]
            table.add_row(f"{title}, {mean}", *(show(figure) if figure else "none given" for figure in figures))
    return table


def _slices(title: str, slices: Mapping[str, Mapping[str, Figure]]) -> Table:
    table = _table(title, ["", "questions", *(name.removeprefix("page_") for name in SLICED)])
    for name, figures in slices.items():
        cells = [show(figures[measure]) if measure in figures else "" for measure in SLICED]
        table.add_row(name, str(figures[SLICED[0]].questions), *cells)
    return table


def _table(title: str, columns: Iterable[str]) -> Table:
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for position, column in enumerate(columns):
        table.add_column(column, justify="left" if position == 0 else "right")
    return table


def grouped_table(title: str, groups: Mapping[str, Mapping[str, Figure]]) -> Table:
    """Figures in groups, with intervals and numbers of questions."""
    from rich.table import Table

    table = Table(title=f"{title}, mean (95 % interval)", title_justify="left")
    for heading in ("", "", "", "questions"):
        table.add_column(heading)
    for group, row in groups.items():
        for at, (name, figure) in enumerate(row.items()):
            last = at == len(row) - 1
            table.add_row("" if at else group, name, show(figure), str(figure.questions), end_section=last)
    return table
