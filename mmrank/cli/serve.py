"""`mmrank serve`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmrank.errors import InputError, require

if TYPE_CHECKING:
    from mmrank.serve import Extension


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(serve)


def serve(
    collections: Annotated[list[Path], typer.Argument(help="Directories of collections.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 for a free one.")] = 8000,
    host: Annotated[str, typer.Option(help="Address; 0.0.0.0 for all of this machine.")] = "127.0.0.1",
) -> None:
    """Serve collections over HTTP: REST with its description at /docs."""
    require("fastapi", "serve")
    uvicorn = require("uvicorn", "serve")
    from mmrank.serve import create_app

    app = create_app(named(collections), extensions=extensions())
    uvicorn.run(app, host=host, port=port, log_level="warning")


def extensions() -> list[Extension]:
    """What is served beside REST."""
    return []


def named(paths: list[Path]) -> dict[str, Path]:
    """Collections by the names that clients use: "library" for "some/library.mmrank".

    Raises:
        InputError: for two of the same name.
    """
    found: dict[str, Path] = {}
    for path in paths:
        name = path.absolute().name.removesuffix(".mmrank") or path.absolute().name
        if name in found:
            raise InputError(f"{path} and {found[name]} would both be called {name!r}; rename one of the folders")
        found[name] = path
    return found
