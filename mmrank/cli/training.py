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
        json: Json = False,
    ) -> None:
        from mmrank.train.loading import run_recipe

        # The trainers print what they log; only the result belongs on standard output.
        with redirect_stdout(sys.stderr):
            report = run_recipe(recipe, config=config, variant=variant, out=out or Path("runs", recipe), resume=resume)
        if json:
            print_json(report)
        else:
            _show(report)

    return train


def _show(report: TrainingReport) -> None:
    from rich.table import Table

    table = Table("held out", "before", "after", title=f"{report.recipe} → {report.out}", title_justify="left")
    for name in {**report.before, **report.after}:
        values = (side.get(name) for side in (report.before, report.after))
        table.add_row(name, *("" if value is None else f"{value:.3f}" for value in values))
    console.print(table)
