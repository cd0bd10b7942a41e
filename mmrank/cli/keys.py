"""`mmrank keys`: who may use a service."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from mmrank.cli.manage import Json
from mmrank.cli.output import console, print_json
from mmrank.errors import require

KeyFile = Annotated[Path, typer.Option("--keys", help="The file of keys.", envvar="MMRANK_SERVE_KEYS")]
DEFAULT = Path("mmrank-keys.json")


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    group = typer.Typer(help="Make, list and remove the keys of a service (mmrank serve --keys).", no_args_is_help=True)
    group.command()(add)
    group.command("list")(list_)
    group.command()(remove)
    app.add_typer(group, name="keys")


def add(
    name: Annotated[str, typer.Argument(help="What the key is called in lists and in the log.")],
    write: Annotated[bool, typer.Option("--write", help="It may change collections, not only read them.")] = False,
    collection: Annotated[
        list[str] | None, typer.Option("--collection", "-c", help="Only for this collection, by its name.")
    ] = None,
    keys: KeyFile = DEFAULT,
    json: Json = False,
) -> None:
    """Make a key and print it, this once: only its hash is kept."""
    require("fastapi", "serve")
    from mmrank.serve.keys import Keys

    shown = Keys(keys).add(name, write=write, collections=collection)
    if json:
        print_json({"name": name, "key": shown})
    else:
        console.print(shown, highlight=False, soft_wrap=True)


def list_(keys: KeyFile = DEFAULT, json: Json = False) -> None:
    """List the keys: what they are called, what they allow, when they were made."""
    require("fastapi", "serve")
    from mmrank.serve.keys import Keys

    known = Keys(keys).list()
    if json:
        print_json([{name: value for name, value in asdict(key).items() if name != "hash"} for key in known])
        return
    for key in known:
        allowed = "write" if key.write else "read"
        where = "all collections" if key.collections is None else ", ".join(key.collections)
        console.print(f"{key.name}: {allowed}, {where}, made {key.made}", highlight=False)


def remove(
    name: Annotated[str, typer.Argument(help="What the key is called.")],
    keys: KeyFile = DEFAULT,
) -> None:
    """Remove a key. A service that runs refuses it from now on."""
    require("fastapi", "serve")
    from mmrank.serve.keys import Keys

    Keys(keys).remove(name)
    console.print(f"removed {name}", highlight=False)
