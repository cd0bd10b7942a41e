"""A file whose reading was interrupted is read on where it stopped."""

from __future__ import annotations

from pathlib import Path

import pymupdf
import pytest

from mmrank.cache import cache_root, cache_sizes
from mmrank.ingest import IngestOptions, Limits, read_document, read_documents
from mmrank.ingest.drafts import PageDraft, pages_to_json
from mmrank.ingest.job import Job
from mmrank.ingest.unfinished import Unfinished

OPTIONS = IngestOptions(ocr="never", limits=Limits(pages_per_task=2))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMRANK_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def book(tmp_path: Path) -> Path:
    with pymupdf.open() as file:
        for number in range(7):
            file.new_page().insert_text((72, 300), f"Otters of pond {number}.")
        file.save(tmp_path / "book.pdf")
    return tmp_path / "book.pdf"


def kept_files() -> int:
    return sum(1 for path in cache_root().rglob("*-*.json.z"))


def interrupt(book: Path, after: int) -> None:
    """Read a file until so many of its pages were read, and be interrupted then."""

    def tick(_: object) -> None:
        if kept_files() >= after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(read_documents([(book, "book.pdf")], options=OPTIONS, workers=1, resume=True, tick=tick))


def test_after_an_interruption_only_the_rest_is_read_and_nothing_is_kept_then(book, monkeypatch):
    interrupt(book, after=2)
    kept = kept_files()
    assert 2 <= kept < 4
    asked = []
    real = Job.next_task

    def noted(job):
        task = real(job)
        asked.extend([task[0]] if task else [])
        return task

    monkeypatch.setattr(Job, "next_task", noted)
    [found] = read_documents([(book, "book.pdf")], options=OPTIONS, workers=1, resume=True)
    assert found.document == read_document(book, options=OPTIONS)
    assert [task["kind"] for task in asked] == ["pages"] * (4 - kept) + ["assemble"]
    assert kept_files() == 0


def test_a_file_that_changed_or_other_options_are_read_from_the_beginning(book):
    interrupt(book, after=1)
    other = IngestOptions(ocr="never", passage_tokens=80, limits=OPTIONS.limits)
    assert Job(book, "book.pdf", other, None, Unfinished(other)).kept == 0
    assert Job(book, "book.pdf", OPTIONS, None, Unfinished(OPTIONS)).kept > 0
    book.write_bytes(book.read_bytes() + b"\n")
    assert Job(book, "book.pdf", OPTIONS, None, Unfinished(OPTIONS)).kept == 0


@pytest.mark.parametrize("what", ["head", "part", "overlap"])
def test_what_is_damaged_is_read_again(book, what):
    digest = Job(book, "book.pdf", OPTIONS, None).digest
    unfinished = Unfinished(OPTIONS)
    drafts = pages_to_json([PageDraft(page, 100, 100) for page in range(2)])
    unfinished.put(digest, 7, 2, {}, 0, 2, drafts)
    assert unfinished.get(digest)
    folder = next(cache_root().rglob("head.json")).parent
    if what == "head":
        (folder / "head.json").write_text('{"pages": "many"}')
    elif what == "part":
        (folder / "0-2.json.z").write_bytes(b"\0")
    else:
        unfinished.put(digest, 7, 2, {}, 1, 2, drafts)
    assert unfinished.get(digest) is None
    [found] = read_documents([(book, "book.pdf")], options=OPTIONS, workers=1, resume=True)
    assert found.document == read_document(book, options=OPTIONS)


def test_a_page_that_failed_is_tried_again_and_others_are_not_seen_by_others(book):
    unfinished = Unfinished(OPTIONS)
    digest = Job(book, "book.pdf", OPTIONS, None).digest
    unfinished.put(digest, 7, 2, {"title": "Ponds"}, 2, 2, pages_to_json([PageDraft(2, 9, 9), PageDraft(3, 9, 9)]))
    job = Job(book, "book.pdf", OPTIONS, None, unfinished)
    asked = [job.next_task()[0] for _ in range(3)]
    assert [(task["start"], task["stop"]) for task in asked] == [(0, 2), (4, 6), (6, 7)]
    assert cache_root().joinpath("reading").stat().st_mode & 0o077 == 0
    assert {size.kind: size.files for size in cache_sizes()}["reading"] == 3
