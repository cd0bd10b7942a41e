"""`mmrank train RECIPE`: training by a recipe."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmrank.cli import training_data
from mmrank.cli.manage import Json
from mmrank.cli.output import console, print_json

if TYPE_CHECKING:
    from mmrank.train.protocol import TrainingReport
    from mmrank.train.trainers.planning import StagePlan


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    from mmrank.train.loading import RECIPES

    group = typer.Typer(
        help="Train encoders and rerankers by a recipe, and build their examples.", no_args_is_help=True
    )
    for recipe, entry in RECIPES.items():
        group.command(recipe, help=entry.summary)(_command(recipe))
    training_data.register(group)
    app.add_typer(group, name="train")


def _command(recipe: str) -> Callable[..., None]:
    def train(
        config: Annotated[Path | None, typer.Option(help="YAML file of settings that override the recipe's.")] = None,
        variant: Annotated[
            str | None, typer.Option(help="A variant of the recipe; small runs in seconds, without examples.")
        ] = None,
        out: Annotated[Path | None, typer.Option(help="Folder of the run; by default runs/RECIPE.")] = None,
        resume: Annotated[bool, typer.Option("--resume", help="Continue from the last checkpoint in --out.")] = False,
        plan: Annotated[
            bool, typer.Option("--plan", help="Say what the run takes (memory, steps, hours), and train nothing.")
        ] = False,
        gpus: Annotated[int, typer.Option(min=1, help="For --plan: GPUs that share the work.")] = 1,
        throughput: Annotated[
            float | None, typer.Option(min=1.0, help="For --plan: tokens per second and GPU, for the hours.")
        ] = None,
        json: Json = False,
    ) -> None:
        from mmrank.train.loading import plan_recipe, run_recipe

        if plan:
            stages = plan_recipe(recipe, config=config, variant=variant, gpus=gpus, throughput=throughput)
            print_json(stages) if json else _show_plan(stages)
            return

        # The trainers print what they log; only the result belongs on standard output.
        with redirect_stdout(sys.stderr):
            report = run_recipe(recipe, config=config, variant=variant, out=out or Path("runs", recipe), resume=resume)
        from mmrank.train.trainers import ranks

        if not ranks.writes():
            return
        if json:
            print_json(report)
        else:
            _show(report)

    return train


def _show_plan(stages: list[StagePlan]) -> None:
    from rich.table import Table

    table = Table("", *(stage.stage for stage in stages))
    rows = {
        "parameters": [f"{stage.parameters:,}" for stage in stages],
        "trainable": [f"{stage.trainable:,} ({stage.trainable / stage.parameters:.2%})" for stage in stages],
        "examples": [f"{stage.examples:,}" for stage in stages],
        "longest, tokens": [f"{stage.longest:,}" for stage in stages],
        "tokens per step and GPU": [f"{stage.tokens_per_step:,}" for stage in stages],
        "memory per GPU, estimate": [f"{stage.memory / 2**30:.1f} GiB" for stage in stages],
        "steps": [f"{stage.steps:,}" for stage in stages],
        "hours": ["?" if stage.hours is None else f"{stage.hours:.1f}" for stage in stages],
    }
    for name, cells in rows.items():
        table.add_row(name, *cells)
    console.print(table)
    if any(stage.hours is None for stage in stages):
        console.print("Hours need --throughput, tokens per second and GPU: measure it with trainer.max_steps: 20.")


def _show(report: TrainingReport) -> None:
    from rich.table import Table

    table = Table("held out", "before", "after", title=f"{report.recipe} → {report.out}", title_justify="left")
    for name in {**report.before, **report.after}:
        values = (side.get(name) for side in (report.before, report.after))
        table.add_row(name, *("" if value is None else f"{value:.3f}" for value in values))
    console.print(table)
    for name, count in report.counts.items():
        if count:
            console.print(f"{name}: {count:,}")
