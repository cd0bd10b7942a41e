"""`eval`: benchmarks."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mmrank.cli.evaluate_answers import answers, noise
from mmrank.cli.evaluate_generation import generation
from mmrank.cli.find import Passages, Settings, Unit, rerank_options
from mmrank.cli.manage import Json
from mmrank.cli.output import console, print_json
from mmrank.cli.progress import counting_progress, evaluation_progress, reading_progress

if TYPE_CHECKING:
    from mmrank.evaluate import Benchmark, Report, System
    from mmrank.evaluate.collection_eval import CollectionReport

Data = Annotated[Path, typer.Option(help="Folder with annotations and PDFs, or with MMDocIR's parquet files.")]
Out = Annotated[Path | None, typer.Option(help="Write the figures to this file, as JSON.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Ask only this many questions, evenly spread.")]
Cache = Annotated[
    Path | None,
    typer.Option(help="Folder for what evaluations keep.", show_default="evaluate in `mmrank cache where`"),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    group = typer.Typer(help="Measure retrieval on a benchmark.", no_args_is_help=True)
    for command in (
        mmdocir,
        collection,
        evidence,
        answers,
        noise,
        generation,
        ablation,
        crossvalidate,
        crossvalidate_collections,
        documents,
        score,
        score_collection,
        compare,
    ):
        group.command()(command)
    app.add_typer(group, name="eval")


def mmdocir(
    data: Data,
    system: Annotated[
        str, typer.Option(help="mmrank, or the plain baseline: reference, reference-bm25, reference-minilm.")
    ] = "mmrank",
    out: Out = None,
    run: Annotated[
        Path | None, typer.Option(help="Write the answers to this file, one JSON line per question.")
    ] = None,
    rerank: Annotated[
        str | None, typer.Option(help="A reranker, family or family:model (docs/rerankers.md), or none.")
    ] = None,
    weight: Annotated[float | None, typer.Option(min=0, max=1, help="Of the reranker beside retrieval.")] = None,
    depth: Annotated[int | None, typer.Option(min=1, help="Pages that the reranker sees.")] = None,
    unit: Annotated[Unit | None, typer.Option(help="What the reranker sees of a page.")] = None,
    passages: Passages = None,
    set_: Settings = None,
    limit: Limit = None,
    cache: Cache = None,
    json: Json = False,
) -> None:
    """Rank the pages and regions of each question's document, as MMDocIR defines it.

    Example: mmrank eval mmdocir --data DIR --run run.jsonl
    """
    from mmrank.evaluate import run_mmdocir
    from mmrank.evaluate.product import ProductSystem

    asked = _system(system, cache, rerank, rerank_options(weight, depth, unit, passages, set_))
    with evaluation_progress() as (reading, asking):
        if isinstance(asked, ProductSystem):
            asked.progress = reading
        report = run_mmdocir(data, asked, out=out, run=run, limit=limit, cache=cache, progress=asking)
    _show(report, json)


CollectionData = Annotated[
    Path, typer.Option("--data", help="Folder with documents/ and questions: JSONL, BEIR, TREC, or MMDocIR's.")
]


def collection(
    data: CollectionData,
    run: Annotated[
        Path | None, typer.Option(help="Write the answers to this file, one JSON line per question.")
    ] = None,
    rerank: Annotated[
        str | None, typer.Option(help="A reranker, family or family:model (docs/rerankers.md), or none.")
    ] = None,
    weight: Annotated[float | None, typer.Option(min=0, max=1, help="Of the reranker beside retrieval.")] = None,
    depth: Annotated[int | None, typer.Option(min=1, help="Pages that the reranker sees.")] = None,
    unit: Annotated[Unit | None, typer.Option(help="What the reranker sees of a page.")] = None,
    passages: Passages = None,
    set_: Settings = None,
    cache: Cache = None,
    json: Json = False,
) -> None:
    """Ask a whole collection: is the right document first, and the right page?

    Example: mmrank eval collection --data DIR --run run.jsonl
    """
    from mmrank.evaluate.collection_data import load_collection_benchmark
    from mmrank.evaluate.collection_eval import ask_all, kept_collection, score_responses, write_responses
    from mmrank.evaluate.evaluation import check_writable

    check_writable(run)
    settings = rerank_options(weight, depth, unit, passages, set_)
    _check_reranker(rerank, settings)
    with evaluation_progress() as (reading, asking):
        benchmark = load_collection_benchmark(data, cache=_kept(cache))
        with kept_collection(benchmark, _kept(cache), progress=reading, **settings) as library:
            responses = ask_all(
                benchmark,
                lambda question: [(hit.document, hit.page) for hit in library.search(question, k=10, rerank=rerank)],
                progress=asking,
            )
    if run is not None:
        write_responses(run, responses)
    _show_collection(score_responses(benchmark, responses), json)


def score_collection(
    run: Annotated[Path, typer.Argument(help="A run file, as `mmrank eval collection --run` writes it.")],
    data: CollectionData,
    cache: Cache = None,
    json: Json = False,
) -> None:
    """Compute the figures of a run file of `mmrank eval collection`, made by any system."""
    from mmrank.evaluate.collection_data import load_collection_benchmark
    from mmrank.evaluate.collection_eval import read_responses, score_responses

    responses = read_responses(run)
    benchmark = load_collection_benchmark(data, cache=_kept(cache))
    _show_collection(score_responses(benchmark, responses), json)


def evidence(data: CollectionData, cache: Cache = None, json: Json = False) -> None:
    """Look at what hits show: do the first box, the first three boxes and the snippet hold the answer?

    Takes MMDocIR's folder, or questions.jsonl with answers beside documents/.
    """
    from mmrank.evaluate.collection_data import load_collection_benchmark
    from mmrank.evaluate.collection_eval import kept_collection
    from mmrank.evaluate.evidence_eval import evaluate_evidence, evidence_table, load_evidence_questions

    with evaluation_progress() as (reading, asking):
        benchmark = load_collection_benchmark(data, cache=_kept(cache))
        questions = load_evidence_questions(data, cache=_kept(cache))
        with kept_collection(benchmark, _kept(cache), progress=reading) as library:
            report = evaluate_evidence(
                library,
                benchmark.name,
                questions,
                progress=asking,
            )
    if json:
        print_json(report.as_dict())
    else:
        console.print(evidence_table(report), markup=True)


def ablation(data: Data, out: Out = None, limit: Limit = None, cache: Cache = None, json: Json = False) -> None:
    """Leave out one signal of the first stage at a time, and compare with all of them.

    Differences are in points of 100, with 95 % intervals of a paired bootstrap.
    """
    from mmrank.evaluate.compare import ablate, ablation_table, write_ablation
    from mmrank.evaluate.evaluation import check_writable
    from mmrank.evaluate.product import ablation as settings

    check_writable(out)
    benchmark = _benchmark(data, limit, cache)
    chosen = settings(_kept(cache) / "mmrank")
    with counting_progress("evaluating", "settings") as step:
        done = count(1)
        rows = ablate(chosen, benchmark, on_evaluated=lambda *_: step(next(done), len(chosen)))
    if out is not None:
        write_ablation(out, rows)
    if json:
        print_json(rows)
    else:
        console.print(ablation_table(rows), markup=True)


def crossvalidate(data: Data, out: Out = None, limit: Limit = None, cache: Cache = None, json: Json = False) -> None:
    """Fit the weights of the signals on other documents than those they are judged on.

    Documents are dealt into five folds; each fold is ranked with weights fitted on the other four.
    """
    from mmrank.evaluate.crossvalidation import cross_fit
    from mmrank.evaluate.evaluation import check_writable, write_report
    from mmrank.evaluate.product import ProductSystem
    from mmrank.retrieve.pages import WEIGHTS

    check_writable(out)
    benchmark = _benchmark(data, limit, cache)
    with reading_progress(quiet=False) as reading:
        system = ProductSystem(_kept(cache) / "mmrank", rerank="none", progress=reading)
        found = cross_fit(system, benchmark, dict.fromkeys(WEIGHTS, 1.0))
    if out is not None:
        write_report(out, found.report)
    if json:
        print_json({"report": found.report, "weights": found.weights})
        return
    _show(found.report, json)
    for number, weights in enumerate(found.weights, 1):
        listed = ", ".join(f"{name} {weight:.2f}" for name, weight in weights.items())
        console.print(f"without fold {number}: {listed}", highlight=False)


def crossvalidate_collections(
    data: Annotated[list[Path], typer.Argument(help="Folders as `mmrank eval collection` reads them.")],
    cache: Cache = None,
    json: Json = False,
) -> None:
    """Fit the weights of a document's scores on other documents, and on other folders, than they are judged on.

    Example: mmrank eval crossvalidate-collections FILINGS PAPERS
    """
    from mmrank.evaluate.collection_crossvalidation import cross_fit_collections, measure
    from mmrank.evaluate.collection_data import load_collection_benchmark
    from mmrank.evaluate.collection_eval import collection_table, kept_collection

    sets = []
    with reading_progress(quiet=False) as reading:
        for folder in data:
            benchmark = load_collection_benchmark(folder, cache=_kept(cache))
            with kept_collection(benchmark, _kept(cache), progress=reading) as library:
                sets.append((benchmark, measure(benchmark, library)))
        found = cross_fit_collections(sets)
    kinds = {"as shipped": found.shipped, "out of fold": found.out_of_fold, "fitted on the others": found.across}
    if json:
        reports = {kind: [report.as_dict() for report in made] for kind, made in kinds.items()}
        print_json({"reports": reports, "weights": found.weights})
        return
    for kind, made in kinds.items():
        for report in made:
            console.print(collection_table(report, title=kind), markup=True)
    for part, weights in found.weights.items():
        listed = ", ".join(f"{name} {weight:.2f}" for name, weight in weights.items())
        console.print(f"without {part}: {listed}", highlight=False)


def documents(data: Data, cache: Cache = None, json: Json = False) -> None:
    """Find the right document among all, for the questions that name their subject."""
    from mmrank.evaluate.documents import documents_table, evaluate_documents, name_subjects, plain_texts
    from mmrank.evaluate.product import ProductSystem, document_rankers

    benchmark = _benchmark(data, None, cache)
    with reading_progress(quiet=False) as reading:
        system = ProductSystem(_kept(cache) / "mmrank", progress=reading)
        system.prepare({paper.name: paper.path for paper in benchmark.papers})
        questions = name_subjects(benchmark, plain_texts(benchmark, _kept(cache) / "reference"))
        rows = evaluate_documents(document_rankers(system.collection), questions)
    if json:
        print_json(rows)
    else:
        console.print(documents_table(rows, len(benchmark.papers)), markup=True)


def score(
    run: Annotated[Path, typer.Argument(help="A run file, as `mmrank eval mmdocir --run` writes it.")],
    data: Data,
    limit: Annotated[int | None, typer.Option(min=1, help="The limit that the run was made with.")] = None,
    cache: Cache = None,
    json: Json = False,
) -> None:
    """Compute the figures of a run file, made by any system."""
    from mmrank.evaluate import score_run

    _show(score_run(data, run, limit=limit, cache=cache), json)


def compare(
    run: Annotated[Path, typer.Argument(help="A run file, as `mmrank eval mmdocir --run` writes it.")],
    other: Annotated[Path, typer.Argument(help="The run file it is compared with.")],
    data: Data,
    cache: Cache = None,
    json: Json = False,
) -> None:
    """Compare two run files on the questions that both answer.

    Differences are in points of 100, with 95 % intervals of a paired bootstrap.
    """
    from mmrank.evaluate.compare import ablation_table, compare_files

    rows = compare_files(run, other, data, cache=_kept(cache) / "mmdocir")
    if json:
        print_json(rows)
    else:
        console.print(ablation_table(rows, "Pages, micro"), markup=True)


def _check_reranker(rerank: str | None, settings: dict[str, Any]) -> None:
    """Refuse settings of a reranker where there is none."""
    from mmrank.config import load_settings
    from mmrank.errors import InputError

    if settings and (rerank or load_settings().reranker) in (None, "none"):
        raise InputError(
            "--weight, --depth, --unit, --passages and --set say how a reranker is used; name one with --rerank"
        )


def _system(name: str, cache: Path | None, rerank: str | None, settings: dict[str, Any]) -> str | System:
    from mmrank.errors import InputError
    from mmrank.evaluate.product import ProductSystem

    if name != "mmrank":
        if rerank is None and not settings:
            return name
        raise InputError(
            f"the system {name} has no reranker: --rerank, --weight, --depth, --unit, --passages and --set belong to "
            "--system mmrank"
        )
    _check_reranker(rerank, settings)
    return ProductSystem(_kept(cache) / "mmrank", rerank=rerank, **settings)


def _kept(cache: Path | None) -> Path:
    from mmrank.cache import cache_folder

    return cache or cache_folder("evaluate")


def _benchmark(data: Path, limit: int | None, cache: Path | None) -> Benchmark:
    from mmrank.evaluate.mmdocir import load_mmdocir

    benchmark = load_mmdocir(data, cache=_kept(cache) / "mmdocir")
    return benchmark if limit is None else benchmark.limited(limit)


def _show_collection(report: CollectionReport, json: bool) -> None:
    from mmrank.evaluate.collection_eval import collection_table

    if json:
        print_json(report.as_dict())
        return
    console.print(collection_table(report), markup=True)
    for note in report.notes:
        console.print(note, highlight=False)


def _show(report: Report, json: bool) -> None:
    from mmrank.evaluate.tables import report_tables

    if json:
        print_json(report)
        return
    for part in report_tables(report):
        console.print(part)
