"""`show` and `doctor`: what is in a collection, and what is installed on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmrank.cli.manage import DEFAULT, CollectionPath, Json, print_metadata
from mmrank.cli.output import check_picture, console, print_json, save_picture
from mmrank.errors import InputError

if TYPE_CHECKING:
    from mmrank.types import Document


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command()(show)
    app.command()(doctor)


def show(
    name: Annotated[str | None, typer.Argument(help="A document of the collection, or a file.")] = None,
    page: Annotated[int | None, typer.Option(min=1, help="One page, from 1.")] = None,
    draw: Annotated[Path | None, typer.Option(help="Draw the elements found over the page, as PNG.")] = None,
    collection: CollectionPath = DEFAULT,
    layout: Annotated[str, typer.Option(help="fast or model, when reading a file.")] = "fast",
    json: Json = False,
) -> None:
    """Show what is in a collection, one document, or one page as the system sees it."""
    if name is None:
        if page is not None or draw is not None:
            raise InputError("--page and --draw need the NAME of a document")
        _show_collection(collection, json)
        return
    if draw is not None:
        if page is None:
            raise InputError("--draw needs --page N")
        check_picture(draw)
    from mmrank.cli.reports import unread_pages as named_pages
    from mmrank.index.records import unread_pages

    document, metadata = _find(name, collection, layout)
    if page is not None and page > len(document.pages):
        raise InputError(f"{document.name} has {len(document.pages)} pages, there is no page {page}")
    if draw is not None and page is not None:
        from mmrank.ingest import draw_page

        save_picture(draw_page(document, page - 1), draw)
    missing = unread_pages(metadata, len(document.pages))
    if missing and not json:
        console.print(f"{document.name}: {named_pages(missing)}", style="red", highlight=False)
    if json:
        print_json(document.pages[page - 1] if page is not None else replace(document, metadata=metadata))
    elif page is None:
        print_metadata(document.name, metadata)
        _show_document(document)
    elif draw is not None:
        console.print(f"drawn: {draw}", highlight=False)
    else:
        _show_page(document, page - 1)


def _find(name: str, collection: Path, layout: str) -> tuple[Document, Mapping[str, str]]:
    """A document, and its metadata."""
    from mmrank.collection import Collection

    if Path(name).is_file():
        from mmrank.ingest import IngestOptions, read_documents

        (outcome,) = read_documents([(Path(name), Path(name).name)], options=IngestOptions(layout=layout), workers=1)  # type: ignore[arg-type]
        if outcome.document is None:
            raise InputError(f"{name}: {outcome.error}")
        from mmrank.adding.metadata import describe, read_sidecar

        return outcome.document, describe(outcome.document, given={}, sidecar=read_sidecar(name))
    if not collection.is_dir():
        raise InputError(f"there is no file {name}, and no collection {collection} that could hold it")
    with Collection.open(collection, read_only=True) as library:
        record = library.record(name)
        return library.document(record.id), record.metadata


def _show_collection(path: Path, json: bool) -> None:
    from rich.table import Table

    from mmrank.cli.reports import print_unread
    from mmrank.collection import Collection

    with Collection.open(path, read_only=True) as library:
        records = library.documents()
        if json:
            print_json({"path": path, "settings": library.settings.model_dump(), "documents": records})
            return
        table = Table(title=f"{path}: {len(records)} documents, {sum(r.pages for r in records)} pages")
        for heading in ("name", "title", "kind", "pages", "passages", "added"):
            table.add_column(heading, justify="right" if heading in {"pages", "passages"} else "left", overflow="fold")
        for record in records:
            added = record.added.strftime("%Y-%m-%d %H:%M")
            kind = record.metadata.get("kind", "")
            names = "\n".join([record.name, *(f"= {twin.name}" for twin in record.twins)])
            table.add_row(names, record.title, kind, str(record.pages), str(record.passages), added)
        console.print(table)
        print_unread(records)


def _show_document(document: Document) -> None:
    from collections import Counter

    from rich.text import Text
    from rich.tree import Tree

    tree = Tree(Text(f"{document.name} · {document.title or 'no title'} · {len(document.pages)} pages", style="bold"))
    kinds = Counter(element.kind.value for page in document.pages for element in page.elements)
    tree.add(Text("elements: " + ", ".join(f"{number} {kind}" for kind, number in kinds.most_common())))
    tree.add(Text(f"passages: {len(document.passages)}"))
    top = tree.add("sections")
    branches: list[Tree] = []
    for section in document.sections:
        parent = top if section.parent is None else branches[section.parent]
        branches.append(parent.add(Text(f"{section.title}  p. {section.page + 1}")))
    console.print(tree)


def _show_page(document: Document, page: int) -> None:
    from rich.table import Table
    from rich.text import Text

    shown = document.pages[page]
    label = f", printed {shown.label}" if shown.label else ""
    table = Table(title=f"{document.name}, page {page + 1}{label}, {shown.width:.0f} × {shown.height:.0f} points")
    for heading in ("id", "kind", "box", "text"):
        table.add_column(heading, ratio=1 if heading == "text" else None)
    for element in shown.elements:
        box = " ".join(f"{side:.0f}" for side in element.box.as_tuple())
        kind = element.kind.value + (f" {element.level}" if element.level else "")
        if element.ocr_confidence is not None:
            kind += f" (OCR {element.ocr_confidence:.2f})"
        table.add_row(element.id, kind, box, Text(element.text[:600]))
    console.print(table)


def doctor(json: Json = False) -> None:
    """Print what is installed, which device is used, and which models are available."""
    from mmrank.doctor import examine

    report = examine()
    if json:
        print_json(report)
        return
    from rich.table import Table

    for title, rows in report.items():
        table = Table(title=title, show_header=False, title_justify="left")
        for name, value in rows.items():
            table.add_row(name, value)
        console.print(table)
