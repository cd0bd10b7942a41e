"""Progress of reranking and evaluation: a bar on a terminal, elsewhere a line now and then."""

from __future__ import annotations

import io
import time

import pytest

from mmrank.cli import progress
from mmrank.cli.output import CleanConsole
from mmrank.llm.protocol import Answer
from mmrank.rerankers.ledger import Ledger


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    written = io.StringIO()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(progress, "errors", CleanConsole(file=written, force_terminal=True, width=100))
    return written


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    written = io.StringIO()
    monkeypatch.setattr(progress, "errors", CleanConsole(file=written, force_terminal=False, width=100))
    return written


def test_what_is_quick_shows_nothing(terminal: io.StringIO) -> None:
    with progress.counting_progress("reranking", "queries") as step:
        step(1, 2)
        step(2, 2)
    assert terminal.getvalue() == ""


def test_a_terminal_gets_a_bar(terminal: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "FIRST", 0.01)
    with progress.counting_progress("reranking", "queries") as step:
        step(1, 4)
        time.sleep(0.3)
        step(2, 4)
        time.sleep(0.3)
    assert "reranking" in terminal.getvalue() and "2 of 4 queries" in terminal.getvalue()
    assert "0:00 left" in terminal.getvalue() or "0:01 left" in terminal.getvalue()


def test_elsewhere_lines_come_now_and_then(pipe: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "FIRST", 0.0)
    with progress.evaluation_progress() as (_, asking):
        for done in range(1, 11):
            asking(done, 10)
    assert pipe.getvalue() == "asking: 1 of 10 questions\n"  # the next line is not due for a while


def test_calls_of_a_reranker_are_counted_while_it_runs(pipe: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "FIRST", 0.0)
    monkeypatch.setattr(progress, "LATER_LINES", 0.0)
    with progress.reranking_progress():
        inner, outer = Ledger(), Ledger()
        inner.computed(2, 10)
        outer.include(inner.ranking((), "cheap"))
        outer.answered([Answer("[1]", True, 3, 1)])
    Ledger().computed(5, 10)
    assert pipe.getvalue().splitlines() == ["reranking: 2 calls of the model", "reranking: 3 calls of the model"]
