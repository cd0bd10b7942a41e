"""The commands `index`, `meta` and `remove`, which change a collection."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmrank.cli.output import console, print_json
from mmrank.cli.progress import reading_progress
from mmrank.cli.reports import print_report

if TYPE_CHECKING:
    from mmrank.collection import Collection

CollectionPath = Annotated[
    Path, typer.Option("--collection", "-c", help="Directory of the collection.", envvar="MMRANK_COLLECTION")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
AllowModels = Annotated[
    bool,
    typer.Option(
        "--allow-models", help="Load the encoder that the collection names, now and from now on (docs/security.md)."
    ),
]
MilvusUri = Annotated[
    str | None, typer.Option(help="Of Milvus: http://host:19530, or a file of Milvus Lite such as reports.db.")
]
MilvusName = Annotated[str | None, typer.Option(help="Of the collection in Milvus; by default that of the directory.")]
DEFAULT = Path("library.mmrank")
LONGEST_CREATION = 10.0
"""Seconds that another process may take to make a collection."""


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("index")(index_)
    app.command()(attach)
    app.command()(meta)
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
    ocr_mode: Annotated[
        str | None,
        typer.Option(help="Recognise text of these files: auto, always, never, or always:3-5,9 for single pages."),
    ] = None,
    index: Annotated[
        str | None, typer.Option(help="FAISS index of a new collection: auto or a factory string.")
    ] = None,
    store: Annotated[
        str | None, typer.Option(help="Where a new collection keeps its documents: local or milvus.")
    ] = None,
    uri: MilvusUri = None,
    name: MilvusName = None,
    workers: Annotated[int, typer.Option(min=0, help="Processes that read files; 0 for one per core.")] = 0,
    said: Annotated[
        list[str] | None,
        typer.Option("--meta", help="Metadata of the files, key=value; may be given several times."),
    ] = None,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove documents whose files are not in the folders any more.")
    ] = False,
    retry: Annotated[bool, typer.Option("--retry", help="Read files again of which pages could not be read.")] = False,
    follow_links: Annotated[
        bool, typer.Option("--follow-links", help="Also read what links in folders lead to, wherever that is.")
    ] = False,
    attachments: Annotated[
        bool, typer.Option("--attachments", help="Also read the files attached to PDFs, as documents of their own.")
    ] = False,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for another writer.")] = 0.0,
    engine: Annotated[
        str, typer.Option(help="Who reads and encodes: local, or ray for the machines of a Ray cluster.")
    ] = "local",
    address: Annotated[
        str | None, typer.Option(help="Of the Ray cluster: host:6379, ray://host:10001, or auto.")
    ] = None,
    allow_models: AllowModels = False,
    json: Json = False,
) -> None:
    """Read PDFs, office files, web pages, books, pictures, text and Markdown into a collection, made if there is none.

    Running it again reads only what is new or has changed, and names what is gone. Metadata of report.pdf may also
    stand in a file report.pdf.meta.yaml beside it, as lines "key: value"; what --meta says wins.
    """
    from mmrank.adding.metadata import checked
    from mmrank.adding.sources import find

    find(sources, follow_links=follow_links)  # so that no collection is created for sources that do not exist
    metadata = _pairs(said or [], "--meta")
    checked(metadata, "--meta")
    wanted: dict[str, object] = {"profile": profile, "encoder": encoder, "layout": layout}
    if ocr is not None:
        wanted["ocr"] = "auto" if ocr else "never"
    changes = {name: value for name, value in wanted.items() if value is not None}
    with (
        _open_or_create(collection, index, workers, allow_models, changes, wait, (store, uri, name)) as library,
        reading_progress(quiet=json) as step,
    ):
        report = library.add(
            *sources,
            metadata=metadata,
            follow_links=follow_links,
            prune=prune,
            retry=retry,
            ocr=ocr_mode,
            attachments=attachments,
            engine=engine,
            address=address,
            progress=step,
            wait=wait,
        )
        total = len(library)
    if json:
        print_json({**asdict(report), "documents": total})
    else:
        print_report(report, f"{total} documents in {collection}")
    if not report.ok:
        raise typer.Exit(1)


def meta(
    name: Annotated[str, typer.Argument(help="Name or id of a document.")],
    changes: Annotated[list[str] | None, typer.Argument(help="Metadata to set, key=value.")] = None,
    forget: Annotated[
        list[str] | None, typer.Option(help="A key that was set before: what is found counts again.")
    ] = None,
    collection: CollectionPath = DEFAULT,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for another writer.")] = 0.0,
    json: Json = False,
) -> None:
    """Correct the title, kind or any other metadata of a document, without reading its file again.

    What is set here stays when the file is added again.
    """
    from mmrank.collection import Collection
    from mmrank.errors import InputError

    wanted: dict[str, object | None] = {**_pairs(changes or [], "meta"), **dict.fromkeys(forget or [])}
    if not wanted:
        raise InputError("nothing to set: give key=value, or --forget KEY; `mmrank show NAME` shows what there is")
    with Collection.open(collection) as library:
        record = library.set_metadata(name, wanted, wait=wait)
    if json:
        print_json(record)
    else:
        print_metadata(record.name, record.metadata)


def print_metadata(name: str, metadata: Mapping[str, str]) -> None:
    """Print what is known of a document, and which of it people said."""
    from rich.table import Table

    from mmrank.adding.metadata import FROM_SIDECAR, GIVEN, RESERVED
    from mmrank.names import JOINT

    origins = dict.fromkeys(metadata.get(GIVEN, "").split(JOINT), "given")
    origins |= dict.fromkeys(metadata.get(FROM_SIDECAR, "").split(JOINT), "sidecar")
    table = Table(title=name, title_justify="left", show_header=False)
    for key, value in metadata.items():
        if not key.startswith(RESERVED):
            table.add_row(key, value, origins.get(key, ""))
    console.print(table)


def _pairs(texts: list[str], whose: str) -> dict[str, str]:
    """Texts "key=value" by key; a key that is given several times has several values.

    Raises:
        InputError: when a text is of another form.
    """
    from mmrank.errors import InputError
    from mmrank.names import JOINT

    found: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not key.strip() or not equals or not value.strip():
            raise InputError(f"{whose} takes key=value, not {text!r}")
        found[key.strip()] = JOINT.join(filter(None, (found.get(key.strip(), ""), value.strip())))
    return found


def _open_or_create(
    path: Path,
    index: str | None,
    workers: int,
    allow_models: bool,
    changes: dict[str, object],
    wait: float,
    place: tuple[str | None, str | None, str | None],
) -> Collection:
    """Open the collection at a path, if it was made with these settings, or create one if there is none.

    Where Milvus holds it already, made by another machine, it is opened there.

    Where another process is just making one there, that one is opened, within `wait` seconds.

    Raises:
        InputError: when it was made with other settings.
    """
    from mmrank.adding.sources import CATALOG
    from mmrank.collection import Collection
    from mmrank.errors import InputError

    store, uri, name = place
    end = time.monotonic() + min(wait, LONGEST_CREATION)
    while not (path / CATALOG).is_file():
        made = {"profile": "cpu", **changes}
        if store is None and uri:
            store = "milvus"
        try:
            if store == "milvus" and _there_already(path, uri, name):
                Collection.open(path, uri=uri, name=name).close()
                break
            return Collection.create(
                path,
                index=index or "auto",
                workers=workers,
                store=store or "local",
                uri=uri,
                name=name,
                **made,  # type: ignore[arg-type]
            )
        except InputError:
            if not (path / CATALOG).is_file() and time.monotonic() > end:
                raise
            time.sleep(0.1)
    library = Collection.open(path, workers=workers, allow_models=allow_models, store=store, uri=uri, name=name)
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


def _there_already(path: Path, uri: str | None, name: str | None) -> bool:
    from mmrank.index import MilvusStore
    from mmrank.placing import name_of

    return uri is not None and MilvusStore.holds(uri, name or name_of(path))


def attach(
    uri: Annotated[str, typer.Argument(help="Of Milvus: http://host:19530.")],
    collection: CollectionPath = DEFAULT,
    name: MilvusName = None,
    allow_models: AllowModels = False,
    json: Json = False,
) -> None:
    """Make a directory here for a collection that another machine keeps in Milvus, or say where Milvus is now."""
    from mmrank.collection import Collection

    with Collection.open(collection, uri=uri, name=name, allow_models=allow_models) as library:
        held = len(library)
    if json:
        print_json({"collection": str(collection), "documents": held})
    else:
        console.print(f"{held} documents in {collection}", highlight=False)


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
