"""`cache`: what mmrank keeps outside collections."""

from __future__ import annotations

from typing import Annotated

import typer

from mmrank.cache import CacheSize, cache_root, cache_sizes, clear_cache
from mmrank.cli.manage import Json
from mmrank.cli.output import console, print_json
from mmrank.errors import InputError

UNITS = ("bytes", "kB", "MB", "GB", "TB")


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    group = typer.Typer(help="See and clear what mmrank keeps outside collections.", no_args_is_help=True)
    for command in (where, show, clear):
        group.command()(command)
    app.add_typer(group, name="cache")


def where(json: Json = False) -> None:
    """Print the cache folder. Set MMRANK_CACHE to move it."""
    if json:
        print_json({"path": cache_root()})
    else:
        console.print(str(cache_root()), highlight=False, soft_wrap=True)


def show(json: Json = False) -> None:
    """Say what is kept, and how large it is, by kind."""
    sizes = cache_sizes()
    if json:
        print_json({"path": cache_root(), "kinds": sizes})
        return
    from rich.table import Table

    from mmrank.cache import KINDS

    table = Table("kind", "files", "size", "what", title=str(cache_root()), title_justify="left")
    for size in sizes:
        table.add_row(size.kind, f"{size.files:,}", readable(size.bytes), KINDS[size.kind])
    console.print(table)


def clear(
    kind: Annotated[
        str | None, typer.Argument(help="What to delete, as `mmrank cache show` names it; everything if not given.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Delete what is kept; mmrank makes it again when it is needed."""
    sizes = cache_sizes()
    chosen = [size for size in sizes if kind in (None, size.kind)]
    if not chosen:
        raise InputError(f"there is no kind {kind!r} in the cache; there are: {', '.join(size.kind for size in sizes)}")
    found = [size for size in chosen if size.path.exists() or size.path.is_symlink()]
    if found and not yes:
        if json:
            raise InputError("--json cannot ask: add --yes")
        listed = ", ".join(f"{size.path} ({readable(size.bytes)})" for size in found)
        typer.confirm(f"Delete {listed}?", abort=True, err=True)
    for size in found:
        clear_cache(size.kind)
    _say(found, json)


def readable(count: int) -> str:
    """A number of bytes for people.

    >>> readable(540_000_000)
    '540.0 MB'
    >>> readable(12)
    '12 bytes'
    """
    if count < 1000:
        return f"{count} bytes"
    value, unit = float(count), 0
    while value >= 999.95 and unit < len(UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.1f} {UNITS[unit]}"


def _say(cleared: list[CacheSize], json: bool) -> None:
    if json:
        print_json({"cleared": cleared})
    elif not cleared:
        console.print("The cache is empty.")
    else:
        for size in cleared:
            console.print(f"deleted: {size.path} ({readable(size.bytes)})", highlight=False)
