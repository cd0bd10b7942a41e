"""The run ends, every good file is in, every bad one is named."""

from __future__ import annotations

import os
import random
import re
from pathlib import Path

import pytest

from mmrank.ingest import IngestOptions, Limits, Outcome, read_documents


def outcomes(files: list[Path], options: IngestOptions) -> dict[str, Outcome]:
    return {o.path.stem: o for o in read_documents([(f, f.name) for f in files], options=options, workers=2)}


def test_every_bad_file_is_named_with_its_reason_and_every_good_one_is_in(tmp_path, bad_files, make_good, without_ocr):
    files = []
    for name, (build, _) in bad_files.items():
        path = tmp_path / f"{name}.pdf"
        build(path)
        good = tmp_path / f"good-{name}.pdf"
        make_good(good, words=name)
        files += [path, good]
    found = outcomes(files, without_ocr)
    for name, (_, reason) in bad_files.items():
        outcome = found[name]
        assert outcome.document is None, name
        assert reason in (outcome.error or ""), (name, outcome.error)
        assert str(tmp_path / f"{name}.pdf") in (outcome.error or "")
        good = found[f"good-{name}"].document
        assert good is not None
        assert name in good.passages[0].text


def test_odd_files_do_no_harm(tmp_path, odd_files, make_good, without_ocr):
    files = []
    for name, build in odd_files.items():
        build(tmp_path / f"{name}.pdf")
        files.append(tmp_path / f"{name}.pdf")
    make_good(tmp_path / "good.pdf")
    found = outcomes([*files, tmp_path / "good.pdf"], without_ocr)
    assert found["good"].document is not None
    assert all(found[name].document or found[name].error for name in odd_files)


def test_a_file_cut_at_any_tenth_of_its_length_is_read_or_named(tmp_path, make_good, without_ocr):
    make_good(tmp_path / "whole.pdf", pages=10)
    data = (tmp_path / "whole.pdf").read_bytes()
    files = [tmp_path / "whole.pdf"]
    for tenth in range(10):
        files.append(tmp_path / f"cut-{tenth}.pdf")
        files[-1].write_bytes(data[: len(data) * tenth // 10])
    found = outcomes(files, without_ocr)
    assert len(found) == 11
    assert found["whole"].document is not None
    assert all((o.document is None) == bool(o.error) for o in found.values())
    assert found["cut-0"].error and found["cut-1"].error


@pytest.mark.slow
def test_crashes_hangs_and_aborts_cost_their_own_file_only(tmp_path, run_faulty, make_good):
    names = ["hangs", "good1", "aborts", "good2", "segfaults", "exits", "good3", "hogs", "babbles", "changes", "good4"]
    for name in names:
        make_good(tmp_path / f"{name}.pdf", words=name)
    options = IngestOptions(ocr=False, limits=Limits(memory=2 << 30))
    found = run_faulty([tmp_path / f"{name}.pdf" for name in names], options)
    assert sorted(found) == sorted(names)
    assert all(found[name].document for name in names if name.startswith("good"))
    assert "longer than 2 s" in (found["hangs"].error or "")
    assert "signal 6" in (found["aborts"].error or "")
    assert "signal 11" in (found["segfaults"].error or "")
    assert "exit code 3" in (found["exits"].error or "")
    assert "memory" in (found["hogs"].error or "")
    assert "changed while it was being read" in (found["changes"].error or "")
    assert found["babbles"].document, "what a library prints is no answer"


@pytest.mark.slow
def test_a_busy_loop_is_stopped(tmp_path, run_faulty, make_good):
    make_good(tmp_path / "spins.pdf")
    make_good(tmp_path / "good.pdf")
    found = run_faulty([tmp_path / "spins.pdf", tmp_path / "good.pdf"], IngestOptions(ocr=False))
    # By the clock, or by its own limit of processor time where the parent was not given a turn in time.
    assert re.search("longer than 2 s|more processor time", found["spins"].error or "")
    assert found["good"].document


def test_an_unreadable_file_is_named(tmp_path, make_good, without_ocr):
    path = tmp_path / "locked.pdf"
    make_good(path)
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read every file")
    assert "cannot be read" in (outcomes([path], without_ocr)["locked"].error or "")


def test_a_picture_of_ten_thousand_megapixels_is_refused_before_it_is_decoded(tmp_path, png_bomb, without_ocr):
    png_bomb(tmp_path / "bomb.png")
    assert "100000 × 100000" in (outcomes([tmp_path / "bomb.png"], without_ocr)["bomb"].error or "")


def test_a_drawing_cannot_show_another_file(tmp_path, without_ocr):
    from PIL import Image

    Image.new("RGB", (50, 50), "red").save(tmp_path / "secret.png")
    drawing = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="90" height="90">'
        '<text x="5" y="80">label</text><image xlink:href="secret.png" width="50" height="50"/></svg>'
    )
    (tmp_path / "drawing.svg").write_text(drawing)
    document = outcomes([tmp_path / "drawing.svg"], without_ocr)["drawing"].document
    assert document is not None
    kinds = {element.kind.value for element in document.pages[0].elements}
    assert kinds <= {"text", "title", "heading"}


@pytest.mark.slow
def test_flipped_bytes_never_stop_the_run(tmp_path, make_good):
    make_good(tmp_path / "sample.pdf", pages=4)
    data = (tmp_path / "sample.pdf").read_bytes()
    chance = random.Random(20)
    files = []
    for turn in range(60):
        changed = bytearray(data)
        for _ in range(chance.choice([1, 4, 40])):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        files.append(tmp_path / f"fuzz-{turn}.pdf")
        files[-1].write_bytes(changed)
    found = outcomes(files, IngestOptions(ocr=False, limits=Limits(seconds=10)))
    assert len(found) == 60
    assert all((o.document is None) == bool(o.error) for o in found.values())
    assert sum(1 for o in found.values() if o.document) > 10
