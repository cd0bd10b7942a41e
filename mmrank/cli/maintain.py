"""`verify`, `repair`, `compact`, `export` and `import`: maintaining a collection."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmrank.cli.manage import DEFAULT, AllowModels, CollectionPath, Json, MilvusName, MilvusUri
from mmrank.cli.output import console, errors, print_json
from mmrank.errors import MmrankError

FOLDERS_SHOWN = 5

Wait = Annotated[float, typer.Option(min=0, help="Seconds to wait for another writer.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command()(verify)
    app.command()(repair)
    app.command()(compact)
    app.command("export")(export)
    app.command("import")(import_)


def verify(collection: CollectionPath = DEFAULT, json: Json = False) -> None:
    """Check every file of a collection: checksums, counts, references. Exit code 1 if something is wrong."""
    from mmrank.collection import Collection
    from mmrank.index import MilvusStore, check_there, is_remote
    from mmrank.index import verify as check

    check_there(collection)
    problems = check(collection)
    if is_remote(collection) and not any(problem.kind == "catalog" for problem in problems):
        with Collection.open(collection, read_only=True) as library:
            assert isinstance(library.store, MilvusStore)
            problems += library.store.problems()
    notes = _notes(collection)
    if json:
        print_json({"problems": problems, "notes": notes})
    elif not problems:
        console.print(f"{collection} is undamaged.", highlight=False)
    else:
        for problem in problems:
            console.print(str(problem), style="red", highlight=False)
        console.print("Repair it with: mmrank repair")
    if not json:
        for note in notes:
            console.print(f"It {note}.", style="yellow", highlight=False)
    if problems:
        raise typer.Exit(1)


def _notes(collection: Path) -> list[str]:
    """What the collection says about models, servers and files outside of it, and the pages that it lacks."""
    from mmrank.cli.reports import unread_pages
    from mmrank.collection import Collection
    from mmrank.consent import wishes

    try:
        with Collection.open(collection, read_only=True) as library:
            records = library.documents()
            folders = sorted({str(Path(record.path).parent) for record in records})
            said = wishes(library.store.settings, library.settings)
    except MmrankError:  # too damaged to be opened, which the problems say
        return []
    if folders:
        shown = ", ".join(map(str, folders[:FOLDERS_SHOWN])) + (", …" if len(folders) > FOLDERS_SHOWN else "")
        said.append(f"draws pages from files in {len(folders)} folder{'s'[: len(folders) > 1]}: {shown}")
    said += [f"lacks pages of {r.name}: {unread_pages(r.unread)}" for r in records if r.unread]
    return said


def repair(
    collection: CollectionPath = DEFAULT, wait: Wait = 0.0, allow_models: AllowModels = False, json: Json = False
) -> None:
    """Rebuild what can be rebuilt, bring an older format up to date, and list what was lost."""
    from mmrank.collection import Collection

    with errors.status("repairing …"):
        report = Collection.repair(collection, wait=wait, allow_models=allow_models)
    if json:
        print_json(report)
        return
    count = len(report.problems) - len(report.unsaved)
    console.print(
        f"{count} problems found and repaired."
        if count
        else "Nothing was damaged."
        if not report.problems
        else "Nothing can be repaired."
    )
    for title, names in (
        ("encoded again", report.encoded),
        ("lost, add it again", report.lost),
        ("identity renewed", report.renewed),
        ("its file is missing or changed, add it again", report.unsaved),
    ):
        for name in names:
            console.print(f"  {title}: {name}", highlight=False)


def compact(
    collection: CollectionPath = DEFAULT,
    index: Annotated[
        str | None,
        typer.Option(help="Change the index: auto, or of FAISS a factory string or Flat, in Milvus HNSW, DISKANN, …"),
    ] = None,
    wait: Wait = 0.0,
    json: Json = False,
) -> None:
    """Merge the segments of many small changes, and free the space of removed documents."""
    from mmrank.collection import Collection

    with Collection.open(collection) as library, errors.status("compacting …"):
        library.store.compact(index, wait=wait)
    _done(f"{collection} is compact.", collection, None, json)


def export(
    file: Annotated[Path, typer.Argument(help="A new .tar file.")],
    collection: CollectionPath = DEFAULT,
    json: Json = False,
) -> None:
    """Write a collection, wherever its documents are, into one file: a tar archive without compression."""
    from mmrank.collection import Collection
    from mmrank.index import export_archive

    with Collection.open(collection, read_only=True) as library, errors.status("exporting …"):
        export_archive(library.store, file)
    kind = "" if file.suffix.lower() == ".tar" else ", which is a tar file whatever its name says"
    _done(f"{collection} is in {file}{kind}.", collection, file, json)


def import_(
    file: Annotated[Path, typer.Argument(help="A file that export wrote.")],
    collection: CollectionPath = DEFAULT,
    store: Annotated[str | None, typer.Option(help="Where it keeps its documents: local or milvus.")] = None,
    uri: MilvusUri = None,
    name: MilvusName = None,
    json: Json = False,
) -> None:
    """Make a collection from an export, in its directory or in Milvus."""
    from mmrank.index import saved_folder
    from mmrank.placing import Place

    with errors.status("importing …"):
        Place(store or ("milvus" if uri else "local"), uri, name).restore(file, collection).close()
    place = saved_folder(collection)
    files = f", and its files in {place}" if place.is_dir() else ""
    _done(f"{file} is in {collection}{files}.", collection, file, json)


def _done(said: str, collection: Path, file: Path | None, json: bool) -> None:
    if json:
        print_json({"collection": str(collection)} | ({} if file is None else {"file": str(file)}))
    else:
        console.print(said, highlight=False)
