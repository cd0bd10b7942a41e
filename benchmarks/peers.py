"""mmrank beside what people would pick instead, on the same files and the same questions, in one run.

    pip install 'mmrank[peers]'
    python benchmarks/peers.py --data DIR                    all files and questions; hours for thousands of pages
    python benchmarks/peers.py --data DIR --documents 12     the twelve smallest files, and the questions to them

DIR is what `mmrank eval collection` takes: documents/ and questions. Each system indexes the files and answers the
questions in a process of its own, one after the other, with limits of memory and time. One that fails or is not
installed is listed as such, and the others go on. Nothing is downloaded: all use the MiniLM that mmrank embeds.

Not here: byaldi, whose models come from the Hugging Face hub alone, and haiku.rag, which needs Python 3.12.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from peer_systems import PEERS, missing_module

from mmrank.cache import cache_folder
from mmrank.errors import MmrankError
from mmrank.evaluate.collection_data import CollectionBenchmark, load_collection_benchmark
from mmrank.evaluate.collection_eval import (
    CollectionReport,
    Response,
    ask_all,
    read_responses,
    score_responses,
    write_responses,
)
from mmrank.evaluate.tables import show

OURS = "mmrank"
QUALITY = {
    "document first": "document_first",
    "document in the first 5": "document_in_first_5",
    **{f"page recall@{k}": f"page_recall_at_{k}" for k in (1, 3, 5, 10)},
    "MRR": "mrr",
}
"""Measures of `mmrank.evaluate.collection_eval`, and their names in the ratios."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds to index, by the clock and of the processors, bytes on disk, and the largest memory in bytes."""

    index_seconds: float
    index_processor_seconds: float
    bytes_on_disk: int
    peak_memory: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """A system's figures, or why it has none."""

    report: CollectionReport | None
    cost: Cost | None
    failure: str = ""


def limited(benchmark: CollectionBenchmark, documents: int | None, questions: int | None) -> CollectionBenchmark:
    """The smallest files, the questions that they answer, and of these some, evenly spread."""
    names = sorted(benchmark.files, key=lambda name: (benchmark.files[name].stat().st_size, name))[:documents]
    kept = [question for question in benchmark.questions if question.documents <= set(names)]
    if questions is not None and len(kept) > questions:
        kept = [kept[at * len(kept) // questions] for at in range(questions)]
    if not kept:
        raise MmrankError(f"the {len(names)} smallest documents of {benchmark.name} answer no question; take more")
    return replace(benchmark, files={name: benchmark.files[name] for name in names}, questions=tuple(kept))


def processor_seconds() -> float:
    """Seconds of all processors, of this process and of those it started and that ended."""
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in spent)


def size(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def work(name: str, benchmark: CollectionBenchmark, folder: Path) -> None:
    """In a process of its own: index, ask, and write cost.json and run.jsonl."""
    target = folder / "index"
    target.mkdir()
    started, spent = time.perf_counter(), processor_seconds()
    ask = PEERS[name].index(benchmark.files, target)
    seconds, spent = time.perf_counter() - started, processor_seconds() - spent
    ask(benchmark.questions[0].text)  # what is loaded with the first question is not part of a warm process's time
    write_responses(folder / "run.jsonl", ask_all(benchmark, ask))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    (folder / "cost.json").write_text(json.dumps(asdict(Cost(seconds, spent, size(target), memory))))


def run(name: str, arguments: argparse.Namespace, benchmark: CollectionBenchmark, folder: Path) -> Outcome:
    """Start a system's process, wait for it, and score its answers."""
    missing = missing_module(PEERS[name])
    if missing is not None:
        return Outcome(None, None, f"not installed: no module {missing} (pip install 'mmrank[peers]')")
    folder.mkdir(parents=True)
    command = [sys.executable, __file__, *arguments.given, "--worker", name, "--folder", str(folder)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "true"}
    bound = int(arguments.memory * 2**30)
    errors = folder / "errors.txt"
    try:
        with errors.open("w") as file:
            code = subprocess.run(
                command,
                env=environment,
                stdout=file,
                stderr=file,
                timeout=arguments.seconds,
                check=False,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (bound, bound)),
            ).returncode
    except subprocess.TimeoutExpired:
        return Outcome(None, None, f"stopped after {arguments.seconds} seconds")
    if code:
        said = errors.read_text().strip().splitlines() or ["(no message)"]
        return Outcome(None, None, f"failed with exit status {code}: {said[-1][:300]}")
    responses: list[Response] = read_responses(folder / "run.jsonl")
    return Outcome(score_responses(benchmark, responses), Cost(**json.loads((folder / "cost.json").read_text())))


def ratios(outcomes: dict[str, Outcome]) -> dict[str, float]:
    """Ours over each peer's, for every figure that the peer has and that is not 0."""
    values = {name: figures(one.report, one.cost) for name, one in outcomes.items() if one.report and one.cost}
    ours = values.pop(OURS, {})
    return {
        f"{figure}_over_{peer}": round(ours[figure] / theirs, 3)
        for peer, found in values.items()
        for figure, theirs in found.items()
        if ours and theirs
    }


def figures(report: CollectionReport, cost: Cost) -> dict[str, float]:
    """A system's figures by their names in the ratios."""
    return {
        **{short: report.figures[name].value for name, short in QUALITY.items()},
        "search_p50": report.seconds_p50,
        "search_p95": report.seconds_p95,
        "index_seconds": cost.index_seconds,
        "index_processor_seconds": cost.index_processor_seconds,
        "bytes_on_disk": cost.bytes_on_disk,
    }


def rows(outcome: Outcome) -> list[str]:
    """A system's column of the table."""
    report, cost = outcome.report, outcome.cost
    if report is None or cost is None:
        return []
    return [
        *(show(report.figures[name]) for name in QUALITY),
        f"{report.seconds_p50:.3f}",
        f"{report.seconds_p95:.3f}",
        f"{cost.index_seconds:.0f} ({cost.index_processor_seconds:.0f})",
        f"{cost.bytes_on_disk / 1e6:.1f}",
        f"{cost.peak_memory / 1e9:.1f}",
    ]


def markdown(outcomes: dict[str, Outcome]) -> str:
    """The table, one column per system that ran."""
    done = {name: rows(outcome) for name, outcome in outcomes.items() if outcome.report is not None}
    labels = [
        *QUALITY,
        "seconds per question, p50",
        "seconds per question, p95",
        "seconds to index (of the processors)",
        "megabytes on disk",
        "gigabytes of memory, at most",
    ]
    lines = [
        f"| | {' | '.join(PEERS[name].title for name in done)} |",
        f"| --- |{' --- |' * len(done)}",
        *(f"| {label} | {' | '.join(column[at] for column in done.values())} |" for at, label in enumerate(labels)),
    ]
    return "\n".join(lines)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with documents/ and questions")
    parser.add_argument("--documents", type=int, help="only so many, the smallest files")
    parser.add_argument("--questions", type=int, help="only so many, evenly spread")
    parser.add_argument("--systems", nargs="+", choices=PEERS, default=list(PEERS), help="which ones (default: all)")
    parser.add_argument("--memory", type=float, default=12, help="GiB that a system may use (default: 12)")
    parser.add_argument("--seconds", type=int, default=7200, help="that a system may take (default: 7200)")
    parser.add_argument(
        "--out", type=Path, help="a new folder that keeps indexes and run files (default: kept nowhere)"
    )
    parser.add_argument("--worker", choices=PEERS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args(namespace=argparse.Namespace(given=sys.argv[1:]))
    try:
        benchmark = load_collection_benchmark(arguments.data, cache=cache_folder("evaluate"))
        benchmark = limited(benchmark, arguments.documents, arguments.questions)
    except MmrankError as error:
        parser.error(str(error))
    if arguments.worker:
        work(arguments.worker, benchmark, arguments.folder)
        return
    if arguments.out is not None and arguments.out.exists():
        parser.error(f"{arguments.out} is there already; name a new folder")
    print(f"{benchmark.name}: {len(benchmark.questions)} questions to {len(benchmark.files)} documents", flush=True)
    outcomes: dict[str, Outcome] = {}
    with tempfile.TemporaryDirectory() as scratch:
        home: Any = arguments.out or Path(scratch)
        for name in arguments.systems:
            print(f"{PEERS[name].title} …", file=sys.stderr, flush=True)
            outcomes[name] = run(name, arguments, benchmark, home / name)
            failure = outcomes[name].failure
            if failure:
                print(f"{PEERS[name].title}: {failure}", flush=True)
    print(markdown(outcomes))
    print(json.dumps({"benchmark": "peers", "ratios": ratios(outcomes)}))


if __name__ == "__main__":
    main()
