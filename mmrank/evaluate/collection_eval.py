"""How well a whole collection answers: is the right document first, and the right page?

The unit is the question, the intervals are by documents (`mmrank.evaluate.bootstrap`). Documents are ranked by their
first page among the pages found.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmrank.errors import InputError, MmrankError
from mmrank.evaluate.bootstrap import Figure, Sample
from mmrank.evaluate.collection_data import CollectionBenchmark, CollectionQuestion
from mmrank.evaluate.text_benchmarks import numbered_lines

if TYPE_CHECKING:
    from rich.table import Table

    from mmrank.collection import Collection
    from mmrank.progress import AddProgress

PAGES_KEPT = 10
"""Pages per question in a run: the largest cutoff."""

Page = tuple[str, int]
"""Name of a document and a 0-based page of it."""

Ask = Callable[[str], Sequence[Page]]
"""A question to the best pages of the collection, best first."""


@dataclass(frozen=True, slots=True)
class Response:
    """What a system found for one question. With an `error`, no page was found and every measure is 0."""

    question: str
    """The question's id."""
    pages: tuple[Page, ...]
    seconds: float = 0.0
    error: str = ""


@dataclass(frozen=True, slots=True)
class CollectionReport:
    """Figures by measure, and how long a question took."""

    benchmark: str
    documents: int
    figures: Mapping[str, Figure]
    seconds_p50: float
    seconds_p95: float
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """For JSON: each figure as value, low and high."""
        return {
            "benchmark": self.benchmark,
            "documents": self.documents,
            "questions": next(iter(self.figures.values())).questions,
            "figures": {
                name: {"value": figure.value, "low": figure.low, "high": figure.high}
                for name, figure in self.figures.items()
            },
            "seconds": {"p50": self.seconds_p50, "p95": self.seconds_p95},
            "notes": list(self.notes),
        }


def ask_all(
    benchmark: CollectionBenchmark, ask: Ask, *, progress: Callable[[int, int], None] | None = None
) -> list[Response]:
    """Ask every question. One that ends in an `MmrankError` is kept with the error, and the others go on."""
    responses = []
    for question in benchmark.questions:
        started = time.perf_counter()
        try:
            pages, error = tuple(ask(question.text))[:PAGES_KEPT], ""
        except MmrankError as failure:
            pages, error = (), str(failure)
        responses.append(Response(question.id, pages, time.perf_counter() - started, error))
        if progress is not None:
            progress(len(responses), len(benchmark.questions))
    return responses


def measures(question: CollectionQuestion, pages: Sequence[Page]) -> dict[str, float]:
    """All measures of one question.

    >>> question = CollectionQuestion("1", "?", frozenset({("b.pdf", 3), ("b.pdf", 4)}))
    >>> found = measures(question, [("b.pdf", 2), ("a.pdf", 0), ("b.pdf", 3)])
    >>> found["document first"], found["page recall@3"], found["any gold page in the first 5"], round(found["MRR"], 2)
    (1.0, 0.5, 1.0, 0.33)
    """
    documents = list(dict.fromkeys(document for document, _ in pages))
    gold = question.pages
    first = next((rank for rank, page in enumerate(pages, start=1) if page in gold), 0)
    return {
        "document first": float(bool(documents) and documents[0] in question.documents),
        "document in the first 5": float(bool(question.documents & set(documents[:5]))),
        **{f"page recall@{k}": len(gold & set(pages[:k])) / len(gold) for k in (1, 3, 5, 10)},
        "any gold page first": float(first == 1),
        "any gold page in the first 5": float(0 < first <= 5),
        "MRR": 1 / first if first else 0.0,
    }


def score_responses(benchmark: CollectionBenchmark, responses: Iterable[Response]) -> CollectionReport:
    """Figures of a run, each with a 95 % interval by documents.

    Raises:
        InputError: when a response is to a question that is not asked, or a question has no response.
    """
    found = {response.question: response for response in responses}
    unknown = sorted(found.keys() - {question.id for question in benchmark.questions})
    if unknown:
        raise InputError(f"the run answers {unknown[0]}, which is no question of {benchmark.name}")
    missing = [question.id for question in benchmark.questions if question.id not in found]
    if missing:
        raise InputError(f"the run has no answer to {len(missing)} questions, the first is {missing[0]}")
    documents = [min(question.documents) for question in benchmark.questions]
    sample = Sample(documents, [""] * len(documents))
    rows = [measures(question, found[question.id].pages) for question in benchmark.questions]
    seconds = [found[question.id].seconds for question in benchmark.questions]
    failed = [response for response in found.values() if response.error]
    notes = [*benchmark.notes, *(f"question {one.question} failed: {one.error}" for one in failed)]
    return CollectionReport(
        benchmark.name,
        len(benchmark.files),
        {name: sample.micro([row[name] for row in rows]) for name in rows[0]},
        float(np.percentile(seconds, 50)),
        float(np.percentile(seconds, 95)),
        tuple(notes),
    )


def kept_collection(
    benchmark: CollectionBenchmark, cache: Path, *, progress: AddProgress | None = None, **settings: Any
) -> Collection:
    """A collection of exactly the benchmark's files, made on first use and kept in the cache.

    Args:
        benchmark: its files are indexed.
        cache: folder that keeps the collection.
        progress: called with how far the reading is.
        settings: of searches (`mmrank.config.FREE`), for this use of the collection.

    Raises:
        MmrankError: when a file cannot be read; names it.
    """
    from mmrank import __version__
    from mmrank.collection import Collection
    from mmrank.config import load_settings
    from mmrank.ingest import INGEST_VERSION

    listed = "\n".join((__version__, str(INGEST_VERSION), load_settings().fingerprint(), *sorted(benchmark.files)))
    folder = cache / "collections"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{hashlib.sha256(listed.encode()).hexdigest()[:16]}.mmrank"
    library = Collection.create(path, exist_ok=True, **settings)
    files = [(file, name) for name, file in benchmark.files.items()]
    report = library.add_files(files, cache=cache / "mmrank" / "documents", progress=progress)
    if report.failed:
        name, reason = next(iter(report.failed.items()))
        library.close()
        raise MmrankError(f"{name} of {benchmark.name} cannot be read: {reason}")
    return library


def collection_table(report: CollectionReport, title: str = "") -> Table:
    """The figures, for people. A title says what they are of."""
    from rich.table import Table

    from mmrank.evaluate.tables import show

    count = next(iter(report.figures.values())).questions
    heading = f"{report.benchmark}, {title}" if title else report.benchmark
    table = Table(
        title=f"{heading}: {count} questions to {report.documents} documents, mean (95 % interval)",
        title_justify="left",
    )
    table.add_column("")
    table.add_column("", justify="right")
    for name, figure in report.figures.items():
        table.add_row(name, show(figure))
    if report.seconds_p95:  # a run without times has none to show
        table.add_row("seconds per question, p50", f"{report.seconds_p50:.3f}")
        table.add_row("seconds per question, p95", f"{report.seconds_p95:.3f}")
    return table


def write_responses(path: str | Path, responses: Iterable[Response]) -> None:
    """Write a run: one JSON object per line with `question`, `pages` ([document, 0-based page], best first), `seconds`.

    Raises:
        MmrankError: when the file cannot be written.
    """
    try:
        with Path(path).open("w", encoding="utf-8") as file:
            for response in responses:
                line = {
                    "question": response.question,
                    "pages": [list(page) for page in response.pages],
                    "seconds": round(response.seconds, 4),
                    **({"error": response.error} if response.error else {}),
                }
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
    except OSError as error:
        raise MmrankError(f"the run cannot be written to {path}: {error.strerror or error}") from error


def read_responses(path: str | Path) -> list[Response]:
    """Read a run.

    Raises:
        InputError: when it cannot be read or a line is malformed; names the line.
    """
    responses: dict[str, Response] = {}
    for number, line in numbered_lines(Path(path)):
        try:
            row = json.loads(line)
            pages = tuple((str(document), int(page)) for document, page in row["pages"])
            response = Response(str(row["question"]), pages, float(row.get("seconds", 0)), str(row.get("error", "")))
        except (ValueError, TypeError, KeyError) as error:
            raise InputError(f"{path}, line {number} is no line of a run: {error!r}") from error
        if len(set(pages)) != len(pages):
            raise InputError(f"{path}, line {number} names a page twice")
        if response.question in responses:
            raise InputError(f"{path}, line {number} answers question {response.question} a second time")
        responses[response.question] = response
    return list(responses.values())
