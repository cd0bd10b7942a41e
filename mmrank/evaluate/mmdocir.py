"""MMDocIR from disk: a folder of annotations and PDFs, or the files of its hub repository.

Annotations are `annotations.jsonl` or `MMDocIR_annotations.jsonl`, one document per line. The PDFs are in
`documents/` or `doc_pdfs/`; where there are none, they are put together from `MMDocIR_pages.parquet` and
`MMDocIR_layouts.parquet` (see `mmdocir_parquet`). Candidates are the pages of the PDF, in order.

Source of the format: Dong et al. 2025, "MMDocIR: Benchmarking Multi-Modal Retrieval for Long Documents", and its
dataset card.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmrank.errors import InputError
from mmrank.evaluate.benchmark import Benchmark, BenchmarkQuestion, Paper, Region
from mmrank.pictures import PYMUPDF_LOCK
from mmrank.types import BBox

ANNOTATIONS = ("annotations.jsonl", "MMDocIR_annotations.jsonl")
FOLDERS = ("documents", "doc_pdfs", "doc_miscellaneous/doc_pdfs")
PAGES = "MMDocIR_pages.parquet"

PageSizes = tuple[tuple[float, float], ...]


def load_mmdocir(data: str | Path, *, cache: Path) -> Benchmark:
    """Read the benchmark.

    Args:
        data: the folder.
        cache: where PDFs made from parquet files are kept.

    Raises:
        InputError: when the folder, its annotations or a PDF is missing, or a line is malformed (names the
            line).
        MissingExtraError: when parquet files are to be read and pyarrow is not installed.
    """
    folder = Path(data)
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; --data takes one that holds {ANNOTATIONS[0]} and the PDFs")
    annotations = next((folder / name for name in ANNOTATIONS if (folder / name).is_file()), None)
    if annotations is None:
        raise InputError(f"{folder} holds no annotations: neither {' nor '.join(ANNOTATIONS)}")
    lines = _read_lines(annotations)
    paths = _find_papers(folder, [line["doc_name"] for _, line in lines], cache)
    papers: list[Paper] = []
    notes: list[str] = []
    for number, line in lines:
        name = line["doc_name"]
        sizes = _page_sizes(paths[name])
        try:
            papers.append(_paper(line, paths[name], sizes, notes))
        except (ValueError, TypeError, KeyError, IndexError) as error:
            raise _malformed(annotations, number, error) from error
    if not any(paper.questions for paper in papers):
        raise InputError(f"{annotations} holds no question with gold pages")
    return Benchmark("MMDocIR", tuple(papers), tuple(notes))


def _read_lines(annotations: Path) -> list[tuple[int, dict[str, Any]]]:
    try:
        text = annotations.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{annotations} cannot be read: {error}") from error
    lines: list[tuple[int, dict[str, Any]]] = []
    names: dict[str, int] = {}
    for number, raw in enumerate(text.split("\n"), start=1):  # other marks may end a line inside a text
        if not raw.strip():
            continue
        try:
            line = json.loads(raw)
            if not isinstance(line, dict):
                raise ValueError("it holds no object")
            name = line["doc_name"]
            if not isinstance(name, str) or not name or Path(name).name != name:
                raise ValueError(f"doc_name {name!r} is not the name of a file")
            if not isinstance(line["questions"], list):
                raise ValueError("questions is no list")
        except (ValueError, KeyError) as error:
            raise _malformed(annotations, number, error) from error
        if names.setdefault(name, number) != number:
            raise InputError(f"{annotations}, line {number}: {name} is on line {names[name]} already")
        lines.append((number, line))
    if not lines:
        raise InputError(f"{annotations} is empty")
    return lines


def _find_papers(folder: Path, names: Sequence[str], cache: Path) -> Mapping[str, Path]:
    places = [folder / place for place in FOLDERS if (folder / place).is_dir()]
    found = {name: path for name in names for place in places if (path := place / name).is_file()}
    missing = [name for name in names if name not in found]
    if not missing:
        return found
    if (folder / PAGES).is_file():
        from mmrank.evaluate.mmdocir_parquet import build_papers

        return {**found, **build_papers(folder, missing, cache)}
    where = " or ".join(str(place) for place in places) if places else f"{folder}/{FOLDERS[0]} (no such folder)"
    others = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    raise InputError(f"{where} lacks {missing[0]}{others}, and there is no {PAGES} to make it from")


def _page_sizes(path: Path) -> PageSizes:
    import pymupdf

    try:
        with PYMUPDF_LOCK, pymupdf.open(path, filetype="pdf") as file:
            if file.needs_pass:
                raise ValueError("it is encrypted")
            sizes = tuple((float(page.rect.width), float(page.rect.height)) for page in file)
    except Exception as error:  # PyMuPDF raises several unrelated types
        raise InputError(f"{path} is not a PDF that can be opened: {error}") from error
    if not sizes:
        raise InputError(f"{path} has no pages")
    return sizes


def _paper(line: Mapping[str, Any], path: Path, sizes: PageSizes, notes: list[str]) -> Paper:
    name = line["doc_name"]
    first, last = line.get("page_indices") or (0, len(sizes) - 1)  # both ends belong to the document
    if last - first + 1 != len(sizes):
        notes.append(f"{name}: annotated with {last - first + 1} pages, the PDF has {len(sizes)}")
    questions = []
    for index, row in enumerate(line["questions"]):
        question = _question(name, index, row, sizes)
        if not question.pages:
            notes.append(f"{name}: question {index} names no gold page and is left out")
            continue
        beyond = sorted(page for page in question.pages if page >= len(sizes))
        if beyond:
            notes.append(f"{name}: question {index} has gold on page {beyond[0]}, past the PDF's end: never found")
        questions.append(question)
    return Paper(name, str(line["domain"]), path, sizes, tuple(questions))


def _question(name: str, index: int, row: Mapping[str, Any], sizes: PageSizes) -> BenchmarkQuestion:
    text = row["Q"]
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"question {index} is empty")
    pages = frozenset(_page(page) for page in row["page_id"])
    regions = tuple(_region(spot, sizes) for spot in row.get("layout_mapping") or ())
    kinds = ast.literal_eval(row["type"]) if isinstance(row["type"], str) else row["type"]
    return BenchmarkQuestion(
        name,
        index,
        text,
        str(row.get("A", "")),
        pages,
        tuple(region for region in regions if region.box.area > 0),
        tuple(dict.fromkeys(map(str, kinds))),
    )


def _region(spot: Mapping[str, Any], sizes: PageSizes) -> Region:
    """A gold box, scaled from the page size it was annotated on to that of the PDF."""
    page = _page(spot["page"])
    x0, y0, x1, y1 = map(float, spot["bbox"])
    across = down = 1.0
    if page < len(sizes):
        across, down = (have / float(had) for have, had in zip(sizes[page], spot["page_size"], strict=True))
    return Region(page, BBox(x0 * across, y0 * down, x1 * across, y1 * down))


def _page(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"page {value!r} is not a page index")
    return value


def _malformed(annotations: Path, number: int, error: Exception) -> InputError:
    reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
    return InputError(f"{annotations}, line {number}, is not as MMDocIR's annotations are: {reason}")
