"""`mmrank search` and `mmrank rerank`."""

from __future__ import annotations

from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mmrank.cli.manage import DEFAULT, AllowModels, CollectionPath, Json
from mmrank.cli.output import console, errors, make_picture_folder, print_json, save_picture
from mmrank.cli.progress import counting_progress, reranking_progress
from mmrank.errors import InputError, MmrankError
from mmrank.hits import NO_ANSWER

if TYPE_CHECKING:
    from mmrank.collection import Collection
    from mmrank.index import Filter
    from mmrank.types import Hit, ImageRef


class Unit(StrEnum):
    """What a reranker reads of a page."""

    PASSAGE = "passage"
    PAGE = "page"
    PICTURE = "picture"


Documents = Annotated[list[str] | None, typer.Option("--document", "-d", help="Only in these documents.")]
Folder = Annotated[str | None, typer.Option(help="Only in documents under this folder.")]
Where = Annotated[list[str] | None, typer.Option(help="Only documents with this metadata: author=Smith.")]
Since = Annotated[str | None, typer.Option(help="Only documents of this date or later: 2024-03.")]
Until = Annotated[str | None, typer.Option(help="Only documents of this date or earlier.")]
Rerank = Annotated[
    str | None,
    typer.Option(help="A reranker, family or family:model (docs/rerankers.md), or none.", show_default=False),
]


Passages = Annotated[int | None, typer.Option(min=1, help="Passages per page that the reranker reads.")]


Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="A setting of the reranker: selector=lexical (docs/settings.md). May be repeated."),
]


def reranker_settings(given: list[str] | None) -> dict[str, str]:
    """What `--set name=value` says. Values stay text: the reranker's settings model turns them into numbers and so on.

    Raises:
        InputError: for one without a name or a value.
    """
    settings: dict[str, str] = {}
    for pair in given or []:
        name, equals, value = pair.partition("=")
        if not name or not equals:
            raise InputError(f"--set takes name=value, not {pair!r}")
        settings[name] = value
    return settings


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command()(search)
    app.command()(rerank)


def search(
    query: Annotated[str, typer.Argument(help="The question; may be empty with --image.")],
    collection: CollectionPath = DEFAULT,
    k: Annotated[int, typer.Option("-k", help="Number of pages.")] = 5,
    document: Documents = None,
    folder: Folder = None,
    where: Where = None,
    since: Since = None,
    until: Until = None,
    rerank: Rerank = None,
    weight: Annotated[
        float | None, typer.Option(min=0, max=1, help="Weight of the reranker against retrieval, 0 to 1.")
    ] = None,
    depth: Annotated[int | None, typer.Option(min=1, help="Pages that the reranker reads.")] = None,
    unit: Annotated[Unit | None, typer.Option(help="What the reranker reads of a page.")] = None,
    passages: Passages = None,
    set_: Settings = None,
    image: Annotated[Path | None, typer.Option(help="A picture to ask with, for vision-language encoders.")] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Let a small language model write a reason for each hit.")
    ] = False,
    draw: Annotated[Path | None, typer.Option(help="Folder for page pictures with the evidence marked.")] = None,
    allow_models: AllowModels = False,
    json: Json = False,
) -> None:
    """Find the pages that answer a question, with boxes and reasons."""
    from mmrank.collection import Collection
    from mmrank.types import Query

    settings = rerank_options(weight, depth, unit, passages, set_)
    asked = Query(query, None if image is None else _picture(image))
    with Collection.open(collection, read_only=True, allow_models=allow_models, **settings) as library:
        if settings and (rerank or library.settings.reranker) in (None, "none"):
            raise InputError(
                "--weight, --depth, --unit, --passages and --set are for a reranker; name one with --rerank"
            )
        chosen = chosen_documents(library, document, folder, where or [], since, until)
        if draw is not None:
            make_picture_folder(draw)
        reranked = (rerank or library.settings.reranker) not in (None, "none")
        with reranking_progress() if reranked else nullcontext():
            hits = library.search(asked, k=k, where=chosen, rerank=rerank)
        drawn = draw_hits(hits, draw) if draw is not None else {}
        if json:
            shown = list(library.explain(asked, hits)) if explain else hits
            print_json([plain_hit(hit, drawn.get(rank)) for rank, hit in enumerate(shown)])
            return
        if not hits:
            console.print("Nothing found: the collection, or what the filters leave of it, is empty.")
            return
        if not hits.answered:
            console.print(NO_ANSWER, style="yellow")
        _print(hits)
        unusable, answers = hits[0].answers.get("unusable", 0), sum(hits[0].answers.values())
        if unusable:
            errors.print(f"{unusable} of {answers} answers of {hits[0].stage} could not be used.", style="yellow")
        if explain:
            for rank, (before, hit) in enumerate(zip(hits, library.explain(asked, hits), strict=True), 1):
                said = hit.reasoning if hit is not before else "(no reason that the page supports)"
                console.print(f"{rank}. {hit.document}, page {hit.page_number}: {said}", highlight=False)
    for path in drawn.values():
        console.print(f"drawn: {path}", highlight=False)


def rerank(
    candidates: Annotated[Path, typer.Argument(help="Candidates: JSONL; with --beir a run of TREC or MTEB.")],
    reranker: Annotated[str, typer.Option(help="Family or family:model (docs/rerankers.md).")],
    out: Annotated[Path, typer.Option(help="File to write: .jsonl, otherwise a TREC run.")],
    beir: Annotated[Path | None, typer.Option(help="BEIR folder with the texts of a run.")] = None,
    depth: Annotated[
        int, typer.Option(min=1, help="Candidates per query that are reranked; the others follow in their order.")
    ] = 100,
    weight: Annotated[
        float | None, typer.Option(min=0, max=1, help="Weight of the reranker against the given scores, 0 to 1.")
    ] = None,
    set_: Settings = None,
    json: Json = False,
) -> None:
    """Rerank candidates that another system found.

    A JSONL line has query, candidates (each with id, text or picture, optionally score) and optionally an id of the
    query. Candidates may also be documents or nodes as LangChain, LlamaIndex and Haystack write them. With --beir,
    figures by its judgements are printed before and after reranking.
    """
    from mmrank.evaluate.candidate_files import check_output, read_candidates, rerank_all, write_ranking
    from mmrank.rerankers import load_reranker

    asked = read_candidates(candidates, beir)
    chosen = load_reranker(reranker, fuse=weight, **reranker_settings(set_))
    tag = "-".join(chosen.name.split())
    check_output(out, asked, tag)
    with counting_progress("reranking", "queries") as step:
        ranked = rerank_all(asked, chosen, depth=depth, progress=lambda done: step(done, len(asked.queries)))
    write_ranking(out, ranked, tag=tag)
    report = ranked.report()
    if json:
        print_json(report)
    else:
        for name, value in report.items():
            console.print(f"{name}: {value}", highlight=False)


def rerank_options(
    weight: float | None, depth: int | None, unit: Unit | None, passages: int | None, given: list[str] | None
) -> dict[str, Any]:
    """Settings of a collection that say how a reranker is used, those that were given."""
    options = {
        "rerank_weight": weight,
        "rerank_depth": depth,
        "rerank_unit": unit and unit.value,
        "rerank_passages": passages,
        "rerank_settings": reranker_settings(given) or None,
    }
    return {name: value for name, value in options.items() if value is not None}


def _picture(path: Path) -> ImageRef:
    from mmrank.types import ImageRef

    if not path.is_file():
        raise InputError(f"there is no picture {path}")
    return ImageRef(str(path), 0)


def chosen_documents(
    library: Collection,
    documents: list[str] | None,
    folder: str | None,
    where: list[str],
    since: str | None,
    until: str | None,
) -> Filter | None:
    """The filter that the options of a command say; None where they say none."""
    from mmrank.index import Filter
    from mmrank.index.filters import iso_date

    if not (documents or where) and folder is None and since is None and until is None:
        return None
    for option, date in (("--since", since), ("--until", until)):
        if date is not None:
            iso_date(date, option)
    if folder is not None and not library.documents(Filter(folder=folder)):
        raise InputError(f"no document lies in {folder or repr(folder)}; `mmrank show` says what there is")
    metadata = {}
    for condition in where:
        key, equals, value = condition.partition("=")
        if not key or not equals:
            raise InputError(f"--where takes key=value, not {condition!r}")
        metadata[key] = value
    ids = tuple(library.record(name).id for name in documents) if documents else None
    return Filter(documents=ids, folder=folder, metadata=metadata, since=since, until=until)


def _print(hits: list[Hit]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(show_lines=True)
    for heading, justify in (
        ("#", "right"),
        ("document", "left"),
        ("page", "right"),
        ("score", "right"),
        ("sure", "right"),
    ):
        table.add_column(heading, justify=justify, overflow="fold")  # type: ignore[arg-type]
    table.add_column("evidence", ratio=1)
    for rank, hit in enumerate(hits, 1):
        evidence = Text()
        if hit.heading_path:
            evidence.append(" › ".join(hit.heading_path) + "\n", style="bold")
        shown = Text(hit.snippet + "\n")
        for start, end in hit.marks:
            shown.stylize("bold", start, end)
        evidence.append_text(shown)
        if hit.reasoning:
            evidence.append(hit.reasoning + "\n", style="green")
        evidence.append("  ".join(f"[{b.x0:.0f} {b.y0:.0f} {b.x1:.0f} {b.y1:.0f}]" for b in hit.boxes), style="dim")
        page = str(hit.page_number) + (f" ({hit.label})" if hit.label not in (None, str(hit.page_number)) else "")
        sure = "" if hit.confidence is None else f"{hit.confidence:.0%}"
        table.add_row(str(rank), Text(hit.document), page, f"{hit.score:.3f}", sure, evidence)
    console.print(table)


def draw_hits(hits: list[Hit], folder: Path) -> dict[int, Path]:
    """Pictures by rank; a hit that cannot be drawn is named on standard error and left out."""
    drawn = {}
    for rank, hit in enumerate(hits):
        stem = "".join(letter if letter.isalnum() else "-" for letter in Path(hit.document).stem)[:60]
        path = folder / f"{rank + 1}-{stem}-p{hit.page_number}.png"
        try:
            save_picture(hit.image(), path)
        except MmrankError as error:
            errors.print(f"not drawn: {error}", style="yellow", highlight=False, soft_wrap=True)
        else:
            drawn[rank] = path
    return drawn


def plain_hit(hit: Hit, drawn: Path | None) -> dict[str, object]:
    """A hit as JSON has it."""
    return {
        "document": hit.document,
        "document_id": hit.document_id,
        "page": hit.page,
        "page_number": hit.page_number,
        "label": hit.label,
        "boxes": [box.as_tuple() for box in hit.boxes],
        "elements": hit.element_ids,
        "score": hit.score,
        "confidence": hit.confidence,
        "scores": dict(hit.scores),
        "stage": hit.stage,
        "answers": dict(hit.answers),
        "heading_path": hit.heading_path,
        "snippet": hit.snippet,
        "marks": hit.marks,
        "reasoning": hit.reasoning,
        "picture": str(drawn) if drawn else None,
    }
