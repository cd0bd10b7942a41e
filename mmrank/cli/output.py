"""How results reach a terminal or a program."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mmrank.ingest import Outcome

PIPED_WIDTH = 140
console = Console(width=None if sys.stdout.isatty() else PIPED_WIDTH)
errors = Console(stderr=True)


def print_json(value: Any) -> None:
    """One JSON document on standard output."""

    def plain(item: Any) -> Any:
        if is_dataclass(item) and not isinstance(item, type):
            return asdict(item)
        if isinstance(item, Path):
            return str(item)
        if hasattr(item, "isoformat"):
            return item.isoformat()
        if hasattr(item, "item"):
            return item.item()
        raise TypeError(f"{type(item).__name__} has no JSON form")

    print(json.dumps(value, default=plain, ensure_ascii=False, indent=2))


@contextmanager
def progress_bar(title: str, *, quiet: bool) -> Iterator[Callable[[Outcome, int, int], None]]:
    """A bar over files with pages a second and the time left, on standard error."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=errors, disable=quiet, transient=True) as bar:
        task = bar.add_task(title, total=None, rate="")
        pages = 0

        def step(outcome: Outcome, done: int, total: int) -> None:
            nonlocal pages
            pages += outcome.pages
            elapsed = bar.tasks[0].elapsed or 0.0
            rate = f"{pages / elapsed:.1f} pages/s" if elapsed > 0 else ""
            bar.update(task, completed=done, total=total, rate=rate, description=outcome.name[-40:])

        yield step
