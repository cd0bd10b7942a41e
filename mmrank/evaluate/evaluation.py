"""Running a system over a benchmark, from the folder to the figures."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mmrank.cache import cache_folder
from mmrank.errors import InputError, MmrankError
from mmrank.evaluate.benchmark import Benchmark
from mmrank.evaluate.loading import load_system
from mmrank.evaluate.mmdocir import load_mmdocir
from mmrank.evaluate.protocol import System, SystemRanking
from mmrank.evaluate.report import Report, Seconds, score
from mmrank.evaluate.run_files import Answered, read_run, write_run

QuestionProgress = Callable[[int, int], None]
"""Called after each question with how many are done and how many there are."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a system answered, and how good that is."""

    run: tuple[Answered, ...]
    report: Report


def evaluate(system: System, benchmark: Benchmark, *, progress: QuestionProgress | None = None) -> Evaluation:
    """Ask a system every question of a benchmark.

    A question that ends in an `MmrankError` scores 0 and is named in the report's notes; the other questions are asked.
    """
    started = time.perf_counter()
    system.prepare({paper.name: paper.path for paper in benchmark.papers})
    prepared = time.perf_counter() - started
    run: list[Answered] = []
    for paper, question in benchmark.questions():
        asked = time.perf_counter()
        try:
            ranking, error = system.rank(paper.name, question.text), ""
        except MmrankError as failure:
            ranking, error = SystemRanking(()), str(failure)
        run.append(Answered(paper.name, question.index, ranking, time.perf_counter() - asked, error))
        if progress is not None:
            progress(len(run), len(benchmark))
    times = [answered.seconds for answered in run]
    seconds = Seconds(prepared, sum(times), max(times))
    return Evaluation(tuple(run), score(run, benchmark, system=system.name, seconds=seconds))


def run_mmdocir(
    data: str | Path,
    system: str | System = "mmrank",
    *,
    out: str | Path | None = None,
    run: str | Path | None = None,
    limit: int | None = None,
    cache: Path | None = None,
    progress: QuestionProgress | None = None,
) -> Report:
    """Evaluate on MMDocIR.

    Args:
        data: folder of annotations and PDFs, or of the official parquet files.
        system: a name of `system_names()`, or a system.
        out: where the figures go, as JSON.
        run: where the answers go, one JSON line per question.
        limit: ask only this many questions.
        cache: directory of what is kept between evaluations; by default the folder `evaluate` of mmrank's cache.
        progress: called after each question.

    Raises:
        InputError: for data that is missing or malformed, an unknown system, a limit below 1.
        MmrankError: when a result cannot be written.
    """
    kept = cache or cache_folder("evaluate")
    chosen = load_system(system, kept) if isinstance(system, str) else system
    for path in (out, run):
        check_writable(path)
    benchmark = load_mmdocir(data, cache=kept / "mmdocir")
    evaluation = evaluate(chosen, benchmark if limit is None else benchmark.limited(limit), progress=progress)
    if run is not None:
        write_run(run, evaluation.run)
    if out is not None:
        write_report(out, evaluation.report)
    return evaluation.report


def score_run(data: str | Path, run: str | Path, *, limit: int | None = None, cache: Path | None = None) -> Report:
    """The figures of a run file, made by anyone.

    Raises:
        InputError: when the data or the run is missing, malformed, or they do not belong together.
    """
    benchmark = load_mmdocir(data, cache=(cache or cache_folder("evaluate")) / "mmdocir")
    return score(
        read_run(run), benchmark if limit is None else benchmark.limited(limit), system=f"run {Path(run).name}"
    )


def write_report(path: str | Path, report: Report) -> None:
    """Write the figures as JSON.

    Raises:
        MmrankError: when it cannot be written.
    """
    try:
        Path(path).write_text(json.dumps(report.to_json(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise MmrankError(f"the figures cannot be written to {path}: {error.strerror or error}") from error


def check_writable(path: str | Path | None) -> None:
    """Refuse a path that cannot be written, before the long run whose results are to go there."""
    if path is None:
        return
    folder = Path(path).absolute().parent
    if not folder.is_dir():
        raise InputError(f"{path} cannot be written: there is no folder {folder}")
    if Path(path).is_dir():
        raise InputError(f"{path} cannot be written: it is a folder; name a file")
    if not os.access(folder, os.W_OK):
        raise MmrankError(f"{path} cannot be written: no permission in {folder}")
