"""The typer application and how errors leave it."""

from __future__ import annotations

import os
import sys

import typer

from mmrank import __version__
from mmrank.cli import evaluate, find, inspect, maintain, manage, training
from mmrank.cli.output import errors
from mmrank.errors import MmrankError

app = typer.Typer(
    name="mmrank",
    help="Finds the right page, and the right spot on it, in collections of PDFs.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"mmrank {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """Finds the right page, and the right spot on it, in collections of PDFs."""


manage.register(app)
find.register(app)
inspect.register(app)
maintain.register(app)
evaluate.register(app)
training.register(app)


def main() -> None:
    """Run the command line."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        app()
    except MmrankError as error:
        errors.print(f"[bold red]Error:[/] {_plain(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        errors.print("Stopped. What was committed is kept; run the same command again to go on.")
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)
