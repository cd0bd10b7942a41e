"""`mmrank mcp`."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mmrank.cli.ask import writer_of
from mmrank.cli.find import Rerank
from mmrank.cli.manage import AllowModels
from mmrank.errors import InputError, require

if TYPE_CHECKING:
    from mmrank.collection import Collection


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(mcp)


def mcp(
    collection: Annotated[Path, typer.Argument(help="Directory of the collection.", envvar="MMRANK_COLLECTION")],
    write: Annotated[bool, typer.Option("--write", help="Offer the tools that add and remove documents.")] = False,
    files: Annotated[
        Path | None,
        typer.Option(
            help="With --write: the folder whose files may be added.", show_default="the collection's own folder"
        ),
    ] = None,
    rerank: Rerank = None,
    model: Annotated[
        str | None,
        typer.Option(help="A chat model that writes the answers of `ask`, as `mmrank ask --model` takes it."),
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="A setting of the model: image_tokens=1200. May be repeated.")
    ] = None,
    allow_models: AllowModels = False,
) -> None:
    """Serve a collection to assistants over standard input and output (Model Context Protocol; docs/mcp.md)."""
    require("mcp", "mcp")
    import anyio

    from mmrank.collection import Collection
    from mmrank.mcp import make_server

    if files is not None and not write:
        raise InputError("--files is for --write")
    folder = (files or collection.absolute().parent) if write else None
    if folder is not None and not folder.is_dir():
        raise InputError(f"there is no folder {folder}")
    writer = writer_of(model, set_)
    settings: dict[str, Any] = {} if rerank is None else {"reranker": rerank}
    with Collection.open(collection, read_only=not write, allow_models=allow_models, **settings) as library:
        server = make_server(library, model=writer, files=folder)
        threading.Thread(target=_warm, args=(library,), daemon=True).start()
        anyio.run(server.run_stdio_async)


def _warm(library: Collection) -> None:
    """Load what the first question needs while the assistant reads what there is."""
    with suppress(Exception):  # the first question says what is wrong
        library.search("What is this about?", k=1)
