"""The typer application and how errors leave it."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

import typer

from mmrank import __version__
from mmrank.cli import cache, evaluate, find, inspect, maintain, manage, training
from mmrank.cli.output import errors
from mmrank.errors import MmrankError

STOPPED = 130
"""Exit code after Ctrl-C, as shells have it."""

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
cache.register(app)


def main() -> None:
    """Run the command line."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        app()
    except MmrankError as error:
        _fail(str(error), error.exit_code)
    except SystemExit as end:
        if end.code == STOPPED:  # what typer makes of Ctrl-C
            errors.print("Stopped. What was committed is kept; run the same command again to go on.")
        raise
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        said = f"{error.filename}: {error.strerror}" if error.filename else str(error) or type(error).__name__
        _fail(" ".join(said.split()), 1)


def _fail(what: str, code: int) -> NoReturn:
    from rich.text import Text

    errors.print(Text.assemble(("Error:", "bold red"), " ", what), highlight=False, soft_wrap=True)
    sys.exit(code)
