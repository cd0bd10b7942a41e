"""How many threads are started."""

from __future__ import annotations

import pytest

from mmrank.llm import threads


@pytest.mark.parametrize(
    ("cores", "load", "allowed", "wanted"),
    [
        (8, 0.2, "", 8),
        (8, 6.6, "", 1),
        (8, 3.0, "", 5),
        (2, 9.0, "", 1),
        (8, 0.0, "4", 4),
        (8, 6.0, "4", 2),
        (1, 0, "", 1),
    ],
)
def test_threads_are_as_many_as_cores_are_idle(monkeypatch, cores, load, allowed, wanted) -> None:
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda _: range(cores), raising=False)
    monkeypatch.setattr(threads.os, "getloadavg", lambda: (load, 0, 0), raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", allowed)
    assert threads.idle_threads() == wanted
