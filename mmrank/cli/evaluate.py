"""`eval`: benchmarks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mmrank.cli.find import Passages, Settings, Unit, rerank_options
from mmrank.cli.manage import Json
from mmrank.cli.output import console, errors, print_json

if TYPE_CHECKING:
    from mmrank.evaluate.protocol import System


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    group = typer.Typer(help="Measure retrieval on a benchmark.", no_args_is_help=True)
    group.command()(mmdocir)
    group.command()(documents)
    group.command()(compare)
    app.add_typer(group, name="eval")


def mmdocir(
    data: Annotated[Path, typer.Option(help="Folder of annotations and PDFs, or of the official parquet files.")],
    system: Annotated[str, typer.Option(help="mmrank, or reference (plain BM25 and MiniLM).")] = "mmrank",
    out: Annotated[Path | None, typer.Option(help="Write the figures here, as JSON.")] = None,
    run: Annotated[Path | None, typer.Option(help="Write the answers here, one JSON line a question.")] = None,
    rerank: Annotated[str | None, typer.Option(help="A reranker of mmrank's, or none (docs/rerankers.md).")] = None,
    weight: Annotated[float | None, typer.Option(min=0, max=1, help="Of the reranker beside retrieval.")] = None,
    depth: Annotated[int | None, typer.Option(min=1, help="Pages that the reranker sees.")] = None,
    unit: Annotated[Unit | None, typer.Option(help="What it sees of a page.")] = None,
    passages: Passages = None,
    set_: Settings = None,
    score: Annotated[Path | None, typer.Option(help="Print the figures of this run file instead.")] = None,
    ablate: Annotated[bool, typer.Option("--ablate", help="Say what each signal brings.")] = False,
    cross_validate: Annotated[
        bool, typer.Option("--cross-validate", help="Fit the signals' weights on other documents than they judge.")
    ] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many questions, evenly spread.")] = None,
    cache: Annotated[Path | None, typer.Option(help="What is kept between evaluations.")] = None,
    json: Json = False,
) -> None:
    """Page and layout retrieval by the protocol of MMDocIR: candidates are the pages of the question's document."""
    from mmrank.evaluate import run_mmdocir, score_run
    from mmrank.evaluate.tables import report_tables

    if ablate:
        _ablate(data, out, limit, cache)
        return
    if cross_validate:
        _cross_validate(data, out, limit, cache)
        return
    if score is not None:
        report = score_run(data, score, limit=limit, cache=cache)
    else:
        with errors.status("preparing the documents …") as status:

            def step(done: int, total: int) -> None:
                status.update(f"{done} of {total} questions")

            options = rerank_options(weight, depth, unit, passages, set_)
            asked = _system(system, cache, rerank, options)
            report = run_mmdocir(data, asked, out=out, run=run, limit=limit, cache=cache, progress=step)
    if json:
        print_json(report)
    else:
        for part in report_tables(report):
            console.print(part)


def _system(name: str, cache: Path | None, rerank: str | None, settings: dict[str, Any]) -> str | System:
    from mmrank.config import load_settings
    from mmrank.errors import InputError
    from mmrank.evaluate.evaluation import default_cache
    from mmrank.evaluate.product import ProductSystem

    if rerank is None and not settings:
        return name
    if name != "mmrank":
        raise InputError(f"the system {name} has no reranker; --rerank belongs to --system mmrank")
    if settings and (rerank or load_settings().reranker) in (None, "none"):
        raise InputError(
            "--weight, --depth, --unit, --passages and --set say how a reranker is used; name one with --rerank"
        )
    return ProductSystem((cache or default_cache()) / "mmrank", rerank=rerank, **settings)


def _ablate(data: Path, out: Path | None, limit: int | None, cache: Path | None) -> None:
    from mmrank.evaluate.compare import ablate, ablation_table, write_ablation
    from mmrank.evaluate.evaluation import default_cache
    from mmrank.evaluate.mmdocir import load_mmdocir
    from mmrank.evaluate.product import ablation

    kept = cache or default_cache()
    benchmark = load_mmdocir(data, cache=kept / "mmdocir")
    asked = benchmark if limit is None else benchmark.limited(limit)
    with errors.status("preparing the documents …") as status:
        rows = ablate(ablation(kept / "mmrank"), asked, on_evaluated=lambda name, _: status.update(f"done: {name}"))
    if out is not None:
        write_ablation(out, rows)
    console.print(ablation_table(rows), markup=True)


def compare(
    run: Annotated[Path, typer.Argument(help="A run file, as --run writes it.")],
    other: Annotated[Path, typer.Argument(help="The one it is compared with.")],
    data: Annotated[Path, typer.Option(help="Folder as for mmdocir.")],
    cache: Annotated[Path | None, typer.Option(help="What is kept between evaluations.")] = None,
    json: Json = False,
) -> None:
    """What one run changes over another, on the questions that both answer, by a paired bootstrap of 95 %."""
    from mmrank.evaluate.compare import ablation_table, compare_files
    from mmrank.evaluate.evaluation import default_cache

    rows = compare_files(run, other, data, cache=(cache or default_cache()) / "mmdocir")
    if json:
        print_json(rows)
    else:
        console.print(ablation_table(rows, "Pages, micro"), markup=True)


def _cross_validate(data: Path, out: Path | None, limit: int | None, cache: Path | None) -> None:
    from mmrank.evaluate.crossvalidation import cross_fit
    from mmrank.evaluate.evaluation import default_cache, write_report
    from mmrank.evaluate.mmdocir import load_mmdocir
    from mmrank.evaluate.product import ProductSystem
    from mmrank.evaluate.tables import report_tables
    from mmrank.retrieve.pages import WEIGHTS

    kept = cache or default_cache()
    benchmark = load_mmdocir(data, cache=kept / "mmdocir")
    asked = benchmark if limit is None else benchmark.limited(limit)
    with errors.status("preparing the documents …"):
        found = cross_fit(ProductSystem(kept / "mmrank", rerank="none"), asked, dict.fromkeys(WEIGHTS, 1.0))
    if out is not None:
        write_report(out, found.report)
    for part in report_tables(found.report):
        console.print(part)
    for number, weights in enumerate(found.weights, 1):
        said = ", ".join(f"{name} {weight:.2f}" for name, weight in weights.items())
        console.print(f"without fold {number}: {said}", highlight=False)


def documents(
    data: Annotated[Path, typer.Option(help="Folder as for mmdocir.")],
    cache: Annotated[Path | None, typer.Option(help="What is kept between evaluations.")] = None,
    json: Json = False,
) -> None:
    """The document stage: which of all documents is the right one, for questions that name their subject."""
    from mmrank.evaluate.documents import documents_table, evaluate_documents, name_subjects, plain_texts
    from mmrank.evaluate.evaluation import default_cache
    from mmrank.evaluate.mmdocir import load_mmdocir
    from mmrank.evaluate.product import ProductSystem, document_rankers

    kept = cache or default_cache()
    benchmark = load_mmdocir(data, cache=kept / "mmdocir")
    with errors.status("preparing the documents …"):
        system = ProductSystem(kept / "mmrank")
        system.prepare({paper.name: paper.path for paper in benchmark.papers})
        questions = name_subjects(benchmark, plain_texts(benchmark, kept / "reference"))
        rows = evaluate_documents(document_rankers(system.collection), questions)
    if json:
        print_json(rows)
    else:
        console.print(documents_table(rows, len(benchmark.papers)), markup=True)
