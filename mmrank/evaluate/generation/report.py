"""Figures of the comparison with intervals, and differences between arms, paired item by item."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmrank.evaluate.bootstrap import Figure, micro_figures
from mmrank.evaluate.generation.data import TASKS
from mmrank.evaluate.generation.modelling import NO_DOCUMENT
from mmrank.evaluate.generation.run import LOG_PROBABILITY, Item

if TYPE_CHECKING:
    from rich.table import Table

BASES = {"questions": "bm25", "reranking": "bm25", "modelling": NO_DOCUMENT}
"""What the other arms of a task are compared with."""

Figures = Mapping[str, Mapping[str, Figure]]


@dataclass(frozen=True, slots=True)
class GenerationReport:
    """Figures by task, arm and measure; `changes`: differences from the arm in `BASES`, in the measure's own unit."""

    figures: Mapping[str, Figures]
    changes: Mapping[str, Figures]

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {"figures": _plain(self.figures), "changes": _plain(self.changes)}


def report_of(items: Sequence[Item]) -> GenerationReport:
    """The report of what `compare_generation` found."""
    figures: dict[str, Figures] = {}
    changes: dict[str, Figures] = {}
    for task in TASKS:
        chosen = [item for item in items if item.task == task]
        if not chosen:
            continue
        arms = list(chosen[0].arms)
        base = BASES[task]
        figures[task] = {arm: _figures([(item.group, item.arms[arm]) for item in chosen]) for arm in arms}
        changes[task] = {
            arm: micro_figures([(item.group, _difference(item.arms[arm], item.arms[base])) for item in chosen])
            for arm in arms
            if arm != base
        }
    return GenerationReport(figures, changes)


def _figures(rows: Sequence[tuple[str, Mapping[str, float]]]) -> dict[str, Figure]:
    found = micro_figures(rows)
    if LOG_PROBABILITY in found:
        one = found[LOG_PROBABILITY]
        # exp(−x) falls: the interval's ends change places.
        ends = (math.exp(-one.value), math.exp(-one.high), math.exp(-one.low))
        found = {"perplexity": Figure(*ends, one.questions), **found}
    return found


def _difference(row: Mapping[str, float], base: Mapping[str, float]) -> dict[str, float]:
    return {name: row[name] - base[name] for name in row if name in base}


def generation_tables(report: GenerationReport) -> list[Table]:
    """A table per task, for people."""
    from rich.table import Table

    from mmrank.evaluate.tables import show

    tables = []
    for task, arms in report.figures.items():
        table = Table(title=f"{task}: mean (95 % interval), change from {BASES[task]}", title_justify="left")
        for heading in ("", "", "", "change", "items"):
            table.add_column(heading)
        for arm, row in arms.items():
            for at, (name, figure) in enumerate(row.items()):
                change = report.changes[task].get(arm, {}).get(name)
                said = "" if change is None else f"{change.value:+.3f} ({change.low:+.3f} to {change.high:+.3f})"
                last = at == len(row) - 1
                table.add_row("" if at else arm, name, show(figure), said, str(figure.questions), end_section=last)
        tables.append(table)
    return tables


def _plain(found: Mapping[str, Figures]) -> dict[str, object]:
    return {
        task: {
            arm: {
                name: {"value": one.value, "low": one.low, "high": one.high, "items": one.questions}
                for name, one in row.items()
            }
            for arm, row in arms.items()
        }
        for task, arms in found.items()
    }
