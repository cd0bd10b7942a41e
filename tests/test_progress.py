"""How long reading will still take."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmrank.progress import Meter


def test_the_time_before_the_first_pages_is_not_waited_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr("mmrank.progress.time.monotonic", lambda: clock[0])
    files = [(tmp_path / name, name) for name in ("a.pdf", "b.pdf")]
    for path, _ in files:
        path.write_bytes(bytes(1000))
    meter = Meter(files)
    first = str(files[0][0])

    clock[0] = 20.0  # processes started, models were loaded
    assert meter.now({}).seconds_left is None
    assert meter.now({first: (1, 100)}).seconds_left is None

    clock[0] = 20.5
    assert meter.now({first: (5, 100)}).seconds_left is None  # few pages tell little

    clock[0] = 21.0
    now = meter.now({first: (11, 100)})
    assert now.seconds_left == pytest.approx(18.9)
    assert (now.pages, now.pages_expected) == (11, 200)
    clock[0] = 29.9
    assert meter.finished(files[0][0], 100).seconds_left == pytest.approx(10.0)
