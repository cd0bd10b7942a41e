"""Pages per second: our pipeline, PyMuPDF's bare text and pymupdf4llm, on the same pages in one run.

    python benchmarks/ingest.py [--data ../shared/mmdocir/documents] [--pages 8] [--ocr-pages 2]

Takes some pages, evenly spread, of every PDF and writes them to files of their own. Every arm reads the same
files with the same number of processes, started and warmed beforehand; caches are off. "raw" is
`page.get_text("dict")` on the pages that hold text, and is compared with our "fast" on these pages.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mmrank.ingest import IngestOptions, read_documents
from mmrank.ingest.pipeline import LocalEngine


def sample(folder: Path, target: Path, pages: int, *, born_digital: bool = False) -> list[Path]:
    """Write at most `pages` pages, evenly spread, of each PDF in `folder` to `target`."""
    import pymupdf

    target.mkdir(parents=True)
    files = []
    for path in sorted(folder.glob("*.pdf")):
        with pymupdf.open(path) as source, pymupdf.open() as part:
            numbers = range(source.page_count)
            if born_digital:
                numbers = [n for n in numbers if len(source[n].get_text().strip()) >= 20]
            for at in sorted({len(numbers) * i // pages for i in range(pages)} if numbers else ()):
                part.insert_pdf(source, from_page=numbers[at], to_page=numbers[at])
            if part.page_count:
                files.append(target / path.name)
                part.save(files[-1])
    return files


def ours(files: list[Path], workers: int, **options: Any) -> float:
    """Seconds for the whole pipeline, workers warmed up with the first file."""
    engine = LocalEngine(workers)
    chosen = IngestOptions(**options)
    tasks = [(file, file.name) for file in files]
    kept = engine.close
    engine.close = lambda: None  # type: ignore[method-assign]
    list(read_documents(tasks[:1] * (2 * workers), options=chosen, engine=engine))
    start = time.perf_counter()
    failed = [o.error for o in read_documents(tasks, options=chosen, engine=engine) if o.error]
    seconds = time.perf_counter() - start
    kept()
    assert not failed, failed
    return seconds


def raw(path: str) -> None:
    """PyMuPDF's own text extraction."""
    import pymupdf

    with pymupdf.open(path) as file:
        for page in file:
            page.get_text("dict")


def pymupdf4llm_text(path: str) -> None:
    """The anchor without OCR."""
    import pymupdf4llm

    pymupdf4llm.to_markdown(path, use_ocr=False)


def pymupdf4llm_ocr(path: str) -> None:
    """The anchor with OCR where it thinks it worthwhile, by the RapidOCR it finds."""
    import pymupdf4llm

    pymupdf4llm.to_markdown(path)


def theirs(work: Callable[[str], None], files: list[Path], workers: int) -> float:
    """Seconds for one file after another in as many processes, warmed up with the first file."""
    names = [str(file) for file in files]
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        pool.map(work, names[:1] * (2 * workers), chunksize=1)
        start = time.perf_counter()
        for _ in pool.imap_unordered(work, names, chunksize=1):
            pass
        return time.perf_counter() - start


def count(files: list[Path]) -> int:
    """Pages in all files."""
    import pymupdf

    total = 0
    for path in files:
        with pymupdf.open(path) as file:
            total += file.page_count
    return total


def main() -> None:
    """Print pages/s of every arm, then one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/mmdocir/documents"))
    parser.add_argument("--pages", type=int, default=8, help="pages of each document without OCR")
    parser.add_argument("--ocr-pages", type=int, default=2, help="pages of each document with OCR")
    parser.add_argument("--only", choices=["text", "ocr"], help="one half of the arms")
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    speeds: dict[str, float] = {}

    def note(name: str, pages: int, seconds: float) -> None:
        speeds[name] = round(pages / seconds, 2)
        print(f"{name:22} {pages:5} pages {seconds:7.1f} s {speeds[name]:8.1f} pages/s", flush=True)

    workers = given.workers
    with tempfile.TemporaryDirectory() as folder:
        if given.only != "ocr":
            whole = sample(given.data, Path(folder) / "born", 1000, born_digital=True)
            text = sample(given.data, Path(folder) / "text", given.pages)
            n_whole, n_text = count(whole), count(text)
            note("raw", n_whole, theirs(raw, whole, workers))
            note("fast, born-digital", n_whole, ours(whole, workers, ocr=False))
            note("fast", n_text, ours(text, workers, ocr=False))
            note("model", n_text, ours(text, workers, ocr=False, layout="model"))
            note("pymupdf4llm", n_text, theirs(pymupdf4llm_text, text, workers))
        if given.only != "text":
            ocr = sample(given.data, Path(folder) / "ocr", given.ocr_pages)
            n_ocr = count(ocr)
            note("fast, OCR", n_ocr, ours(ocr, workers))
            note("model, OCR", n_ocr, ours(ocr, workers, layout="model"))
            note("pymupdf4llm, OCR", n_ocr, theirs(pymupdf4llm_ocr, ocr, workers))
    pairs = {
        "text_vs_pymupdf4llm": ("fast", "pymupdf4llm"),
        "ocr_vs_pymupdf4llm": ("fast, OCR", "pymupdf4llm, OCR"),
        "model_vs_pymupdf4llm": ("model", "pymupdf4llm"),
        "model_ocr_vs_pymupdf4llm": ("model, OCR", "pymupdf4llm, OCR"),
        "fast_vs_pymupdf_raw": ("fast, born-digital", "raw"),
    }
    ratios = {name: speeds[a] / speeds[b] for name, (a, b) in pairs.items() if a in speeds and b in speeds}
    rounded = {name: round(value, 2) for name, value in ratios.items()}
    print(json.dumps({"benchmark": "ingest", "ratios": rounded, "pages_per_second": speeds}))


if __name__ == "__main__":
    main()
