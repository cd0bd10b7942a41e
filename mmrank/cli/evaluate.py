"""`eval`: benchmarks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmrank.cli.manage import Json
from mmrank.cli.output import console, errors, print_json


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    group = typer.Typer(help="Measure retrieval on a benchmark.", no_args_is_help=True)
    group.command()(mmdocir)
    app.add_typer(group, name="eval")


def mmdocir(
    data: Annotated[Path, typer.Option(help="Folder of annotations and PDFs, or of the official parquet files.")],
    system: Annotated[str, typer.Option(help="mmrank, or reference (plain BM25 and MiniLM).")] = "mmrank",
    out: Annotated[Path | None, typer.Option(help="Write the figures here, as JSON.")] = None,
    run: Annotated[Path | None, typer.Option(help="Write the answers here, one JSON line a question.")] = None,
    score: Annotated[Path | None, typer.Option(help="Print the figures of this run file instead.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many questions.")] = None,
    cache: Annotated[Path | None, typer.Option(help="What is kept between evaluations.")] = None,
    json: Json = False,
) -> None:
    """Page and layout retrieval by the protocol of MMDocIR: candidates are the pages of the question's document."""
    from mmrank.evaluate import run_mmdocir, score_run
    from mmrank.evaluate.tables import report_tables

    if score is not None:
        report = score_run(data, score, limit=limit, cache=cache)
    else:
        with errors.status("preparing the documents …") as status:

            def step(done: int, total: int) -> None:
                status.update(f"{done} of {total} questions")

            report = run_mmdocir(data, system, out=out, run=run, limit=limit, cache=cache, progress=step)
    if json:
        print_json(report)
    else:
        for part in report_tables(report):
            console.print(part)
