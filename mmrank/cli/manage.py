"""The commands `index` and `remove`, which change a collection."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmrank.cli.output import console, errors, print_json, progress_bar

if TYPE_CHECKING:
    from mmrank.collection import Collection

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
    profile: Annotated[str | None, typer.Option(help="Settings of a new collection: cpu or gpu.")] = None,
    encoder: Annotated[str | None, typer.Option(help="Encoder of a new collection, by name.")] = None,
    layout: Annotated[str | None, typer.Option(help="fast or model, for a new collection.")] = None,
    ocr: Annotated[
        bool | None,
        typer.Option(help="Recognise text in scans and pictures, for a new collection. [default: ocr]"),
    ] = None,
    index: Annotated[
        str | None, typer.Option(help="FAISS index of a new collection: auto or a factory string.")
    ] = None,
    workers: Annotated[int, typer.Option(min=0, help="Processes that read files; 0 for one per core.")] = 0,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for another writer.")] = 0.0,
    json: Json = False,
) -> None:
    """Read PDFs, pictures, text and Markdown into a collection, which is created if there is none.

    Running it again reads only what is new or has changed.
    """
    from mmrank.sources import find_files

    find_files(sources)  # so that no collection is created for sources that do not exist
    wanted: dict[str, object] = {"profile": profile, "encoder": encoder, "layout": layout, "ocr": ocr}
    changes = {name: value for name, value in wanted.items() if value is not None}
    with (
        _open_or_create(collection, index, workers, changes) as library,
        progress_bar("reading", quiet=json or not errors.is_terminal) as step,
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
            "moved": len(report.moved),
            "duplicates": len(report.duplicates),
            "failed": len(report.failed),
        }
        summary = ", ".join(f"{number} {word}" for word, number in counts.items() if number) or "nothing to do"
        console.print(f"{summary}; {report.pages} pages in {report.seconds:.1f} s; {total} documents in {collection}")
        for name, twin in report.duplicates.items():
            console.print(f"  {name} is the same as {twin}", style="yellow", markup=False)
        for name, reason in report.failed.items():
            console.print(f"  {name}: {reason}", style="red", markup=False)
    if report.failed:
        raise typer.Exit(1)


def _open_or_create(path: Path, index: str | None, workers: int, changes: dict[str, object]) -> Collection:
    """Open the collection at a path, if it was made with these settings, or create one if there is none.

    Raises:
        InputError: when it was made with other settings.
    """
    from mmrank.collection import Collection
    from mmrank.errors import InputError

    if not (path.is_dir() and any(path.iterdir())):
        profile = str(changes.pop("profile", "cpu"))
        return Collection.create(path, profile=profile, index=index or "auto", workers=workers, **changes)  # type: ignore[arg-type]
    library = Collection.open(path, workers=workers)
    with library.store.snapshot() as snapshot:
        held = library.settings.model_dump() | {"index": snapshot.index_factory()}
    if index is not None:
        changes["index"] = index
    for name, value in changes.items():
        if held[name] != value:
            library.close()
            way = "change it with mmrank compact --index" if name == "index" else "name another collection with -c"
            raise InputError(f"{path} was made with {name} {held[name]}, not {value}; leave --{name} out, or {way}")
    return library


def remove(
    names: Annotated[list[str], typer.Argument(help="Names or ids of documents.")],
    collection: CollectionPath = DEFAULT,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for another writer.")] = 0.0,
    json: Json = False,
) -> None:
    """Remove documents from a collection."""
    from mmrank.collection import Collection

    with Collection.open(collection) as library:
        removed = library.remove(*names, wait=wait)
        left = len(library)
    if json:
        print_json({"removed": removed, "documents": left})
    else:
        console.print(f"{removed} removed, {left} left in {collection}")
