"""`search`: questions to a collection."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmrank.cli.manage import DEFAULT, CollectionPath, Json
from mmrank.cli.output import console, print_json

if TYPE_CHECKING:
    from mmrank.collection import Collection
    from mmrank.index import Filter
    from mmrank.types import Hit


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(search)


def search(
    query: Annotated[str, typer.Argument(help="The question.")],
    collection: CollectionPath = DEFAULT,
    k: Annotated[int, typer.Option("-k", help="How many pages.")] = 5,
    document: Annotated[list[str] | None, typer.Option("--document", "-d", help="Only in these documents.")] = None,
    folder: Annotated[str | None, typer.Option(help="Only in documents under this folder.")] = None,
    draw: Annotated[Path | None, typer.Option(help="Folder for pictures of the pages with evidence marked.")] = None,
    json: Json = False,
) -> None:
    """Find the pages that answer a question, and the spots on them."""
    from mmrank.collection import Collection

    with Collection.open(collection, read_only=True) as library:
        hits = library.search(query, k=k, where=_filter(library, document, folder))
        drawn = _draw(hits, draw) if draw is not None else {}
    if json:
        print_json([_plain(hit, drawn.get(rank)) for rank, hit in enumerate(hits)])
        return
    if not hits:
        console.print("Nothing found: the collection, or what the filters leave of it, is empty.")
        return
    _print(hits)
    for path in drawn.values():
        console.print(f"drawn: {path}", markup=False, highlight=False)


def _filter(library: Collection, documents: list[str] | None, folder: str | None) -> Filter | None:
    from mmrank.index import Filter

    if not documents and folder is None:
        return None
    ids = tuple(library.record(name).id for name in documents) if documents else None
    return Filter(documents=ids, folder=folder)


def _print(hits: list[Hit]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(show_lines=True)
    for heading, justify in (("#", "right"), ("document", "left"), ("page", "right"), ("score", "right")):
        table.add_column(heading, justify=justify, overflow="fold")  # type: ignore[arg-type]
    table.add_column("evidence", ratio=1)
    for rank, hit in enumerate(hits, 1):
        evidence = Text()
        if hit.heading_path:
            evidence.append(" › ".join(hit.heading_path) + "\n", style="bold")
        evidence.append(hit.snippet + "\n")
        if hit.reasoning:
            evidence.append(hit.reasoning + "\n", style="green")
        evidence.append("  ".join(f"[{b.x0:.0f} {b.y0:.0f} {b.x1:.0f} {b.y1:.0f}]" for b in hit.boxes), style="dim")
        page = str(hit.page_number) + (f" ({hit.label})" if hit.label not in (None, str(hit.page_number)) else "")
        table.add_row(str(rank), Text(hit.document), page, f"{hit.score:.3f}", evidence)
    console.print(table)


def _draw(hits: list[Hit], folder: Path) -> dict[int, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    drawn = {}
    for rank, hit in enumerate(hits):
        stem = "".join(letter if letter.isalnum() else "-" for letter in Path(hit.document).stem)[:60]
        drawn[rank] = folder / f"{rank + 1}-{stem}-p{hit.page_number}.png"
        hit.image().save(drawn[rank])
    return drawn


def _plain(hit: Hit, drawn: Path | None) -> dict[str, object]:
    return {
        "document": hit.document,
        "document_id": hit.document_id,
        "page": hit.page,
        "page_number": hit.page_number,
        "label": hit.label,
        "boxes": [box.as_tuple() for box in hit.boxes],
        "elements": hit.element_ids,
        "score": hit.score,
        "scores": dict(hit.scores),
        "stage": hit.stage,
        "heading_path": hit.heading_path,
        "snippet": hit.snippet,
        "reasoning": hit.reasoning,
        "picture": str(drawn) if drawn else None,
    }
