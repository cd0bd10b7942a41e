"""The typer application and how errors leave it."""

from __future__ import annotations

import io
import os
import sys
from copy import copy
from typing import NoReturn

import typer
from typer.models import CommandInfo

from mmrank import __version__
from mmrank.cli import ask, cache, evaluate, find, inspect, keys, maintain, manage, mcp, serve, training
from mmrank.cli.output import errors
from mmrank.errors import MmrankError
from mmrank.printable import one_line

STOPPED = 130
"""Exit code after Ctrl-C, as shells have it."""
TRACEBACK = "MMRANK_TRACEBACK"
"""The environment variable that has faults of the program shown with their traceback."""

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
ask.register(app)
inspect.register(app)
maintain.register(app)
evaluate.register(app)
training.register(app)
mcp.register(app)
cache.register(app)
serve.register(app)
keys.register(app)


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that is not UTF-8 shows a question mark
    try:
        _only(sys.argv[1:2])()
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
        _fail(one_line(said), 1)
    except Exception as error:
        if os.environ.get(TRACEBACK):
            raise
        _fail(
            f"{type(error).__name__}: {one_line(error)}. This is a fault in mmrank: please report it, with what"
            f" {TRACEBACK}=1 shows.",
            1,
        )


def _only(words: list[str]) -> typer.Typer:
    """The application with the command that is asked for, if there is one: making all takes time before each answer."""
    asked = [command for command in app.registered_commands if command.callback and [_name(command)] == words]
    if not asked:
        return app
    chosen = copy(app)
    chosen.registered_commands, chosen.registered_groups = asked, []
    return chosen


def _name(command: CommandInfo) -> str:
    assert command.callback is not None
    return command.name or command.callback.__name__.strip("_").replace("_", "-")


def _fail(what: str, code: int) -> NoReturn:
    from rich.text import Text

    errors.print(Text.assemble(("Error:", "bold red"), " ", what), highlight=False, soft_wrap=True)
    sys.exit(code)
