from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from mmrank.errors import InputError
from mmrank.ingest import IngestOptions, Limits, read_document, read_documents

FAST = IngestOptions(ocr=False)


@pytest.fixture
def folder(tmp_path: Path, prose: str) -> list[tuple[Path, str]]:
    import pymupdf

    files = []
    for number in range(6):
        path = tmp_path / f"{number}.pdf"
        with pymupdf.open() as file:
            for page in range(3):
                shown = file.new_page()
                shown.insert_text((60, 60), f"{page + 1} Part {page + 1} of file {number}", fontsize=16)
                shown.insert_textbox((60, 90, 530, 400), prose)
            file.save(path)
        files.append((path, f"file {number}"))
    return files


def test_the_pipeline_gives_what_reading_in_this_process_gives(folder):
    found = {o.name: o.document for o in read_documents(folder, options=FAST, workers=2)}
    for path, name in folder:
        assert found[name] == read_document(path, name=name, options=FAST)


def test_a_long_file_read_in_parts_by_several_workers_is_the_same_document(folder):
    path, name = folder[0]
    parts = replace(FAST, limits=Limits(pages_per_task=1))
    (outcome,) = read_documents([(path, name)], options=parts, workers=2)
    assert outcome.document == read_document(path, name=name, options=FAST)


def test_finished_files_are_not_read_again(folder, tmp_path):
    cache = tmp_path / "cache"
    first = list(read_documents(folder[:4], options=FAST, workers=2, cache=cache))
    again = {o.name: o for o in read_documents(folder, options=FAST, workers=2, cache=cache)}
    assert not any(o.cached for o in first)
    assert [again[name].cached for _, name in folder] == [True] * 4 + [False] * 2
    assert next(o.document for o in first if o.name == "file 1") == again["file 1"].document


def test_a_changed_file_and_changed_options_are_read_anew(folder, tmp_path):
    cache = tmp_path / "cache"
    list(read_documents(folder[:1], options=FAST, workers=1, cache=cache))
    other = list(read_documents(folder[:1], options=replace(FAST, passage_tokens=40), workers=1, cache=cache))
    folder[0][0].write_bytes(folder[1][0].read_bytes())
    changed = list(read_documents(folder[:1], options=FAST, workers=1, cache=cache))
    assert not other[0].cached and not changed[0].cached


def test_a_renamed_copy_is_found_in_the_cache_under_its_new_name_and_path(folder, tmp_path):
    cache = tmp_path / "cache"
    list(read_documents(folder[:1], options=FAST, workers=1, cache=cache))
    copy = tmp_path / "copy.pdf"
    copy.write_bytes(folder[0][0].read_bytes())
    (outcome,) = read_documents([(copy, "copy")], options=FAST, workers=1, cache=cache)
    assert outcome.cached and outcome.document == read_document(copy, name="copy", options=FAST)


def test_a_damaged_cache_entry_is_made_anew(folder, tmp_path):
    cache = tmp_path / "cache"
    list(read_documents(folder[:1], options=FAST, workers=1, cache=cache))
    (entry,) = (cache / "documents").rglob("*.json.z")
    entry.write_bytes(entry.read_bytes()[:-20])
    (outcome,) = read_documents(folder[:1], options=FAST, workers=1, cache=cache)
    assert outcome.document and not outcome.cached


@pytest.mark.slow
def test_a_killed_run_goes_on_where_it_was(folder, tmp_path):
    cache = tmp_path / "cache"
    program = (
        "import sys, time\nfrom mmrank.ingest import IngestOptions, read_documents\n"
        "files = [(a, a) for a in sys.argv[2:]]\n"
        "for o in read_documents(files, options=IngestOptions(ocr=False), workers=1, cache=sys.argv[1]):\n"
        "    print(o.name, flush=True)\n    time.sleep(1)\n"
    )
    paths = [str(path) for path, _ in folder]
    run = subprocess.Popen([sys.executable, "-c", program, str(cache), *paths], stdout=subprocess.PIPE)
    assert run.stdout and run.stdout.readline()
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    run.stdout.close()
    outcomes = list(read_documents(folder, options=FAST, workers=2, cache=cache))
    assert all(o.document for o in outcomes)
    assert 1 <= sum(o.cached for o in outcomes) < len(folder)


def test_files_are_taken_a_few_at_a_time(folder):
    taken = []

    def endless():
        for entry in folder * 1000:
            taken.append(entry)
            yield entry

    stream = read_documents(endless(), options=FAST, workers=2)
    next(stream)
    stream.close()
    assert len(taken) <= 4


def test_workers_are_gone_when_the_stream_is_dropped(folder):
    stream = read_documents(folder, options=FAST, workers=2)
    next(stream)
    stream.close()
    time.sleep(0.2)
    listing = ["ps", "-o", "args", "--ppid", str(os.getpid())]
    told = subprocess.run(listing, check=False, capture_output=True, text=True).stdout
    assert "mmrank.ingest.worker" not in told


@pytest.mark.parametrize("moment", [0.0, 0.3])
def test_workers_that_are_stopped_before_they_answer_keep_nobody_waiting(moment):
    from concurrent.futures import wait

    from mmrank.ingest.pipeline import LocalEngine

    limits = {"seconds": 60.0, "file_seconds": 60.0, "pages": 1}
    task = {"path": "none.pdf", "kind": "document", "options": {"limits": limits}}
    for _ in range(3):
        engine = LocalEngine(3, command=[sys.executable, "-S", "-c", "import time; time.sleep(60)"])
        asked = [engine.submit(task) for _ in range(5)]
        time.sleep(moment)
        begun = time.monotonic()
        engine.close()
        assert not wait([future for future in asked if not future.cancelled()], timeout=20).not_done
        assert time.monotonic() - begun < 20


def test_an_unknown_engine_is_named():
    with pytest.raises(InputError, match="local, ray"):
        list(read_documents([], engine="dask"))  # type: ignore[arg-type]


@pytest.mark.slow
def test_ray_gives_the_same_documents_and_survives_a_bad_file(folder, tmp_path):
    pytest.importorskip("ray")
    (tmp_path / "bad.pdf").write_bytes(b"no pdf at all")
    files = [*folder, (tmp_path / "bad.pdf", "bad")]
    options = replace(FAST, limits=Limits(pages_per_task=2))
    local = {o.name: (o.document, o.error) for o in read_documents(files, options=options, workers=2)}
    ray = {o.name: (o.document, o.error) for o in read_documents(files, options=options, workers=2, engine="ray")}
    assert ray == local
    assert "cannot be opened" in (ray["bad"][1] or "")


def test_importing_the_package_loads_no_reader():
    code = "import sys, mmrank.ingest; print([m for m in ('pymupdf', 'rapidocr', 'onnxruntime') if m in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
