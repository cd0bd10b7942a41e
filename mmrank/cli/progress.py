"""How far a long command is: a bar on a terminal, elsewhere a line now and then; both on standard error."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mmrank.cli.output import errors

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from mmrank.progress import Progress

FIRST_LINE, LATER_LINES = 1.0, 15.0
"""Seconds until the first line, and between later ones, where there is no terminal."""


@contextmanager
def reading_progress(*, quiet: bool) -> Iterator[Callable[[Progress], None]]:
    """How many pages were read of how many, how fast, and how long it will take."""
    with _shown("reading", "pages", quiet=quiet) as show:

        def step(now: Progress) -> None:
            files = f"{now.files} of {now.files_expected} files"
            rate = f"{now.pages_per_second:.1f} pages/s" if now.pages else ""
            show(now.pages, now.pages_expected, now.seconds_left, ", ".join(filter(None, (files, rate))), now.name)

        yield step


@contextmanager
def counting_progress(title: str, unit: str, *, quiet: bool = False) -> Iterator[Callable[[int, int], None]]:
    """How many things of a known number are done: `step(done, total)`."""
    begun = time.monotonic()
    with _shown(title, unit, quiet=quiet) as show:

        def step(done: int, total: int) -> None:
            seconds = time.monotonic() - begun
            show(done, total, seconds * (total - done) / done if done else None, "", "")

        yield step


Show = Callable[[int, int, "float | None", str, str], None]


@contextmanager
def _shown(title: str, unit: str, *, quiet: bool) -> Iterator[Show]:
    if quiet:
        yield lambda done, total, left, more, name: None
    elif not errors.is_terminal:
        yield _lines(title, unit)
    else:
        with _bar() as bar:
            task = bar.add_task(title, total=None, done="", left="")

            def show(done: int, total: int, left: float | None, more: str, name: str) -> None:
                bar.update(
                    task,
                    completed=done,
                    total=total or None,
                    done=", ".join(filter(None, (_amount(done, total, unit), more))),
                    left=_left(left),
                    description=f"{title} {name[-40:]}".strip(),
                )

            yield show


def _bar() -> Bar:
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns: tuple[Any, ...] = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[done]}", markup=False),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}", markup=False),
    )
    return Bar(*columns, console=errors, transient=True)


def _lines(title: str, unit: str) -> Show:
    due = time.monotonic() + FIRST_LINE

    def show(done: int, total: int, left: float | None, more: str, name: str) -> None:
        nonlocal due
        if time.monotonic() >= due:
            due = time.monotonic() + LATER_LINES
            said = ", ".join(filter(None, (_amount(done, total, unit), more, _left(left))))
            errors.print(f"{title}: {said}", highlight=False, soft_wrap=True)

    return show


def _amount(done: int, total: int, unit: str) -> str:
    return f"{done} of {total} {unit}" if total else f"{done} {unit}"


def _left(seconds: float | None) -> str:
    """The time that is left, for people.

    >>> _left(75), _left(7500), _left(None)
    ('1:15 left', '2:05:00 left', '')
    """
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02} left" if hours else f"{minutes}:{rest:02} left"
