"""Drawing a page of a hostile file is bounded, and reaches nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mmrank import MmrankError, pictures


def endless(path: Path) -> None:
    """A page whose form draws itself by way of ten others, each ten times."""
    import pymupdf

    with pymupdf.open() as file:
        page = file.new_page()
        page.insert_text((72, 72), "slow")
        forms = []
        for _ in range(12):
            form = file.get_new_xref()
            inner = f"/XObject<</F {forms[-1]} 0 R>>" if forms else ""
            file.update_object(form, f"<</Type/XObject/Subtype/Form/BBox[0 0 600 800]/Resources<<{inner}>>>>")
            file.update_stream(form, b"/F Do " * 30 if forms else b"0 0 500 500 re f 0 0 m 9 9 l S " * 50, new=True)
            forms.append(form)
        file.xref_set_key(page.xref, "Resources", f"<</XObject<</F {forms[-1]} 0 R>>>>")
        contents = page.get_contents()[0]
        file.update_stream(contents, b"/F Do")
        file.save(path)


def test_a_page_that_takes_for_ever_to_draw_is_given_up(
    tmp_path: Path, make_good: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    endless(tmp_path / "endless.pdf")
    make_good(tmp_path / "good.pdf")
    monkeypatch.setattr(pictures, "SECONDS", 3.0)
    begun = time.monotonic()
    with pytest.raises(MmrankError, match=r"page 1 of .*endless.pdf cannot be rendered: it took (longer|more)"):
        pictures.render(str(tmp_path / "endless.pdf"), 0)
    assert time.monotonic() - begun < 60
    begun = time.monotonic()
    with pytest.raises(MmrankError, match=r"page 1 of .*endless.pdf cannot be rendered: it took (longer|more)"):
        pictures.render(str(tmp_path / "endless.pdf"), 0)
    assert time.monotonic() - begun < 1, "a page that was given up is not tried again at once"
    make_good(tmp_path / "endless.pdf")
    assert pictures.render(str(tmp_path / "endless.pdf"), 0).width > 100, "it is when its file has changed"
    monkeypatch.setattr(pictures, "SECONDS", 20.0)
    assert pictures.render(str(tmp_path / "good.pdf"), 0).width > 100
