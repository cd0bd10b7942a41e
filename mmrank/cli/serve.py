"""`mmrank serve`."""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmrank.cli.manage import AllowModels
from mmrank.cli.output import console, errors
from mmrank.errors import InputError, require

if TYPE_CHECKING:
    import socket

    from fastapi import FastAPI

    from mmrank.serve import Extension

PLAN = "MMRANK_SERVE_PLAN"
"""The environment variable by which worker processes learn what to serve: collections and settings, as JSON."""
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
SHUTDOWN_SECONDS = 10
"""After SIGTERM, requests that are being answered have this long to end."""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(serve)


def serve(
    collections: Annotated[list[Path], typer.Argument(help="Directories of collections.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 for a free one.")] = 8000,
    host: Annotated[str, typer.Option(help="Address; 0.0.0.0 for all of this machine.")] = "127.0.0.1",
    keys: Annotated[
        Path | None, typer.Option(help="File of keys that clients must show (mmrank keys).", envvar="MMRANK_SERVE_KEYS")
    ] = None,
    open_: Annotated[
        bool, typer.Option("--open", help="Serve other machines without keys: whoever reaches the port may do all.")
    ] = False,
    name: Annotated[
        list[str] | None, typer.Option("--name", help="A further host name by which clients reach it; * for any.")
    ] = None,
    origin: Annotated[
        list[str] | None, typer.Option(help="A web page's address that may call it from browsers: https://host:port.")
    ] = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Refuse everything that changes a collection.")
    ] = False,
    workers: Annotated[int, typer.Option(min=1, help="Processes; each loads the models.")] = 1,
    allow_models: AllowModels = False,
) -> None:
    """Serve collections over HTTP: a page to look at, REST (described at /docs), MCP.

    A process that dies is started again. Further settings are environment variables MMRANK_SERVE_… (docs/serve.md).
    """
    require("fastapi", "serve")
    require("mcp", "serve")
    uvicorn = require("uvicorn", "serve")
    from mmrank.serve.settings import load_serve_settings
    from mmrank.serve.workers import supervise

    if host not in LOOPBACK and keys is None and not open_:
        raise InputError(
            f"other machines could reach {host} and do everything: name a file of keys with --keys, or say --open"
        )
    changes: dict[str, object] = {"read_only": True} if read_only else {}
    if keys is not None:
        changes["keys"] = keys.absolute()
    if name:
        changes["hosts"] = (*load_serve_settings().hosts, *name)
    if origin:
        changes["origins"] = tuple(origin)
    settings = load_serve_settings(**changes)
    paths = named(collections)
    check(paths, settings.read_only, allow_models)
    os.environ[PLAN] = json.dumps(
        {
            "collections": {name: str(path.absolute()) for name, path in paths.items()},
            "settings": settings.model_dump(mode="json"),
        }
    )
    if workers > 1:
        os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", tempfile.mkdtemp(prefix="mmrank-metrics-"))
    listening = uvicorn.Config("", host=host, port=port, log_config=None).bind_socket()
    shown = f"[{host}]" if ":" in host else host
    console.print(f"Serving {', '.join(paths)} at http://{shown}:{listening.getsockname()[1]}", highlight=False)
    sys.stdout.flush()
    _log()
    supervise(workers, work, [listening], grace=SHUTDOWN_SECONDS + 5)


def work(sockets: list[socket.socket]) -> None:
    """What a worker process does until SIGTERM."""
    import uvicorn

    _log()
    config = uvicorn.Config(
        application(),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    uvicorn.Server(config).run(sockets)


def application() -> FastAPI:
    """The application of one worker process."""
    from mmrank.serve import ServeSettings, create_app

    plan = json.loads(os.environ[PLAN])
    return create_app(plan["collections"], ServeSettings(**plan["settings"]), extensions=extensions())


def _log() -> None:
    """One line of JSON on standard error for each event."""
    from mmrank.serve.guard import JsonLines

    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    for logger, level in (("mmrank.serve", logging.INFO), ("uvicorn.error", logging.WARNING)):
        logging.getLogger(logger).setLevel(level)
        logging.getLogger(logger).addHandler(handler)
        logging.getLogger(logger).propagate = False


def extensions() -> list[Extension]:
    """What is served beside REST."""
    from mmrank.serve.mcp import mcp
    from mmrank.serve.page import page

    return [page, mcp]


def check(paths: dict[str, Path], read_only: bool, allow_models: bool) -> None:
    """Make sure that all collections can be opened and their models may be loaded, before a process is started.

    Says of which ones documents are not prepared for ranking by this version.

    Raises:
        InputError, MmrankError: when one cannot.
    """
    from mmrank.adding.renaming import unprepared
    from mmrank.collection import Collection
    from mmrank.consent import check_allowed

    for path in paths.values():
        with Collection.open(path, read_only=read_only, allow_models=allow_models) as library:
            check_allowed(library.settings, path)
            count = len(unprepared(library.store))
        if count:
            errors.print(
                f"{path}: {count} document{'s'[: count > 1]} came in with an earlier version of mmrank, so first"
                f" questions take longer. Bring them up to date with: mmrank repair -c {path}",
                style="yellow",
                highlight=False,
                soft_wrap=True,
            )


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
