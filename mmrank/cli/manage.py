"""`index` and `remove`: what changes a collection."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from mmrank.cli.output import console, print_json, progress_bar

CollectionPath = Annotated[
    Path, typer.Option("--collection", "-c", help="Directory of the collection.", envvar="MMRANK_COLLECTION")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
DEFAULT = Path("library.mmrank")


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("index")(index_)
    app.command()(remove)


def index_(
    sources: Annotated[list[str], typer.Argument(help="Files, folders or globs.")],
    collection: CollectionPath = DEFAULT,
    profile: Annotated[str, typer.Option(help="Settings of a new collection: cpu or gpu.")] = "cpu",
    encoder: Annotated[str | None, typer.Option(help="Encoder of a new collection, by name.")] = None,
    layout: Annotated[str | None, typer.Option(help="fast or model, for a new collection.")] = None,
    ocr: Annotated[bool, typer.Option(help="Recognise text in scans and pictures, for a new collection.")] = True,
    index: Annotated[str, typer.Option(help="FAISS index of a new collection: auto or a factory string.")] = "auto",
    workers: Annotated[int, typer.Option(min=0, help="Parsing processes; 0 for one a core.")] = 0,
    wait: Annotated[float, typer.Option(help="Seconds to wait for another writer.")] = 0.0,
    json: Json = False,
) -> None:
    """Read PDFs (and pictures, text, Markdown) into a collection, which is made if it is not there.

    Running it again reads only what is new or has changed.
    """
    from mmrank.collection import Collection

    changes: dict[str, object] = {"ocr": ocr, "workers": workers}
    if layout is not None:
        changes["layout"] = layout
    with (
        Collection.create(
            collection, profile=profile, encoder=encoder, index=index, exist_ok=True, **changes
        ) as library,
        progress_bar("reading", quiet=json) as step,
    ):
        report = library.add(*sources, progress=step, wait=wait)
        total = len(library)
    if json:
        print_json({**asdict(report), "documents": total})
    else:
        counts = {
            "added": len(report.added),
            "replaced": len(report.replaced),
            "unchanged": len(report.unchanged),
            "duplicates": len(report.duplicates),
            "failed": len(report.failed),
        }
        said = ", ".join(f"{number} {word}" for word, number in counts.items() if number) or "nothing to do"
        console.print(f"{said}; {report.pages} pages in {report.seconds:.1f} s; {total} documents in {collection}")
        for name, twin in report.duplicates.items():
            console.print(f"  {name} is the same as {twin}", style="yellow", markup=False)
        for name, reason in report.failed.items():
            console.print(f"  {name}: {reason}", style="red", markup=False)
    if report.failed:
        raise typer.Exit(1)


def remove(
    names: Annotated[list[str], typer.Argument(help="Names or ids of documents.")],
    collection: CollectionPath = DEFAULT,
    wait: Annotated[float, typer.Option(help="Seconds to wait for another writer.")] = 0.0,
    json: Json = False,
) -> None:
    """Take documents out of a collection."""
    from mmrank.collection import Collection

    with Collection.open(collection) as library:
        removed = library.remove(*names, wait=wait)
        left = len(library)
    if json:
        print_json({"removed": removed, "documents": left})
    else:
        console.print(f"{removed} removed, {left} left in {collection}")
