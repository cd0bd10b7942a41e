"""How far a long command is: a bar on a terminal, elsewhere a line now and then; both on standard error."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mmrank.cli.output import errors

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from mmrank.progress import Progress

FIRST, LATER_LINES = 1.0, 15.0
"""Seconds until the bar or the first line, and between later lines, where there is no terminal."""

Reading = Callable[["Progress"], None]
Counting = Callable[[int, int], None]
"""Called with how many are done and how many there are; 0 where that is not known."""


@contextmanager
def reading_progress(*, quiet: bool) -> Iterator[Reading]:
    """How many pages were read of how many, how fast, and how long it will take."""
    if quiet:
        yield lambda now: None
        return
    with _shown("reading") as show:
        yield _reading(show)


@contextmanager
def counting_progress(title: str, unit: str) -> Iterator[Counting]:
    """How many things are done of a number that is known, or not yet: `step(done, total)`."""
    with _shown(title) as show:
        yield _counting(show, title, unit)


@contextmanager
def evaluation_progress() -> Iterator[tuple[Reading, Counting]]:
    """First how many pages of a benchmark's documents were read, then how many of its questions were asked."""
    with _shown("preparing") as show:
        yield _reading(show), _counting(show, "asking", "questions")


@contextmanager
def reranking_progress() -> Iterator[None]:
    """How many calls a reranker made of its model while this lasts; how many it needs is not known before."""
    from mmrank.rerankers.ledger import watched

    with counting_progress("reranking", "calls of the model") as step, watched(lambda calls: step(calls, 0)):
        yield


Show = Callable[[str, str, int, int, "float | None", str], None]


def _reading(show: Show) -> Reading:
    def step(now: Progress) -> None:
        files = f"{now.files} of {now.files_expected} files"
        rate = f"{now.pages_per_second:.1f} pages/s" if now.pages else ""
        amount = ", ".join(filter(None, (_amount(now.pages, now.pages_expected, "pages"), files, rate)))
        show("reading", amount, now.pages, now.pages_expected, now.seconds_left, now.name)

    return step


def _counting(show: Show, title: str, unit: str) -> Counting:
    begun: tuple[float, int] | None = None

    def step(done: int, total: int) -> None:
        nonlocal begun
        # The first one may have waited for models to load, so that it says nothing of the others.
        begun = begun or (time.monotonic(), done)
        since = done - begun[1]
        left = (time.monotonic() - begun[0]) * (total - done) / since if total and since else None
        show(title, _amount(done, total, unit), done, total, left, "")

    return step


@contextmanager
def _shown(title: str) -> Iterator[Show]:
    if not errors.is_terminal:
        yield _lines()
        return
    bar = _bar()
    task = bar.add_task(title, total=None, done="", left="")

    def show(title: str, amount: str, done: int, total: int, left: float | None, name: str) -> None:
        described = f"{title} {name[-40:]}".strip()
        bar.update(task, completed=done, total=total or None, done=amount, left=_left(left), description=described)

    # What is done at once shows no bar.
    timer = threading.Timer(FIRST, bar.start)
    timer.daemon = True
    timer.start()
    try:
        yield show
    finally:
        timer.cancel()
        timer.join()
        if bar.live.is_started:
            bar.stop()


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


def _lines() -> Show:
    due = time.monotonic() + FIRST

    def show(title: str, amount: str, done: int, total: int, left: float | None, name: str) -> None:
        nonlocal due
        if time.monotonic() >= due:
            due = time.monotonic() + LATER_LINES
            said = ", ".join(filter(None, (amount, _left(left))))
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
