"""One bad page costs one page, and one slow file keeps no other waiting."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mmrank.index.records import unread_pages
from mmrank.ingest import IngestOptions, Limits, Outcome, read_document, read_documents
from mmrank.ingest.drafts import PageDraft, pages_from_json, pages_to_json
from mmrank.ingest.job import Job
from mmrank.ingest.pipeline import LocalEngine

WORKER = '''
"""The real worker, except that pages whose text says so end it, or take long."""
import os, time
from mmrank.ingest import reading, worker

real = reading.page_draft

def page_draft(page, *rest):
    text = page.get_text()
    if "CRASHES" in text:
        os.abort()
    if "SLOW" in text:
        time.sleep(0.3)
    return real(page, *rest)

reading.page_draft = page_draft
worker.main()
'''
LIMITS = Limits(pages=100)
PLAIN = IngestOptions(ocr=False, limits=LIMITS)

Read = Callable[..., dict[str, Outcome]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    program = tmp_path / "worker.py"
    program.write_text(WORKER)

    def run(*files: Path, options: IngestOptions = PLAIN, workers: int = 1) -> dict[str, Outcome]:
        engine = LocalEngine(workers, [sys.executable, str(program)])
        named = [(file, file.name) for file in files]
        return {outcome.name: outcome for outcome in read_documents(named, options=options, engine=engine)}

    return run


def book(path: Path, pages: list[str]) -> Path:
    import pymupdf

    with pymupdf.open() as file:
        for words in pages:
            file.new_page().insert_text((72, 300), words)
        file.save(path)
    return path


def texts(outcome: Outcome) -> list[str]:
    assert outcome.document is not None, outcome.error
    return [" ".join(element.text for element in page.elements) for page in outcome.document.pages]


def missing(outcome: Outcome) -> dict[int, str]:
    assert outcome.document is not None, outcome.error
    return unread_pages(outcome.document.metadata, len(outcome.document.pages))


@pytest.mark.parametrize("per_task", [2, 32])
def test_a_page_that_kills_its_worker_costs_that_page(read: Read, tmp_path: Path, per_task: int) -> None:
    words = ["Otters", "CRASHES", "Beavers", "Voles", "CRASHES", "Shrews"]
    options = replace(PLAIN, limits=replace(LIMITS, pages_per_task=per_task))
    [found] = read(book(tmp_path / "a.pdf", words), options=options).values()
    assert texts(found) == ["Otters", "", "Beavers", "Voles", "", "Shrews"]
    assert sorted(missing(found)) == [1, 4] and "signal 6" in missing(found)[1]


def test_a_file_of_which_no_page_can_be_read_is_refused(read: Read, tmp_path: Path) -> None:
    [found] = read(book(tmp_path / "a.pdf", ["CRASHES", "CRASHES"])).values()
    assert found.document is None and str(tmp_path / "a.pdf") in (found.error or "")
    assert "signal 6" in (found.error or "")


def test_after_too_much_time_was_lost_no_more_pages_are_tried(read: Read, tmp_path: Path) -> None:
    options = replace(PLAIN, limits=replace(LIMITS, lost_seconds=0.0))
    [found] = read(book(tmp_path / "a.pdf", ["Otters", "CRASHES", "Voles"]), options=options).values()
    assert found.document is None or "took too long to fail" in missing(found)[2]


def test_a_file_that_takes_more_than_its_time_keeps_the_pages_it_has(tmp_path: Path) -> None:
    job = Job(book(tmp_path / "a.pdf", ["Otters"] * 6), "a.pdf", PLAIN, None)
    first = job.next_task()
    assert first is not None
    read = pages_to_json([PageDraft(page, 100, 100) for page in range(2)])
    job.advance(first[0], {"pages": 6, "metadata": {}, "split": 2, "read": 2}, read)
    job.spent = 1e9
    last = job.next_task()
    assert last is not None and last[0]["kind"] == "assemble"
    drafts = pages_from_json(last[1])
    assert [bool(draft.failure) for draft in drafts] == [False] * 2 + [True] * 4
    assert "more time than one may take" in drafts[5].failure


def test_files_behind_a_slow_one_are_read_meanwhile(read: Read, tmp_path: Path) -> None:
    options = replace(PLAIN, limits=replace(LIMITS, turn_seconds=0.5))
    slow = book(tmp_path / "slow.pdf", [f"SLOW {n}" for n in range(40)])
    quick = [book(tmp_path / f"{n}.pdf", [f"Quick {n}"]) for n in range(5)]
    found = read(slow, *quick, options=options)
    assert list(found)[-1] == "slow.pdf"
    assert texts(found["slow.pdf"]) == [f"SLOW {n}" for n in range(40)]


def test_a_long_text_is_the_same_read_in_parts(tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_text("\n\n".join(f"Paragraph {n} of a long tale about otters." for n in range(1500)))
    options = replace(PLAIN, limits=replace(LIMITS, pages_per_task=2))
    [found] = read_documents([(path, "long.txt")], options=options, workers=2)
    assert found.document == read_document(path, options=options)
