"""`mmrank ask`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmrank.cli.find import (
    Documents,
    Folder,
    Rerank,
    Since,
    Until,
    Where,
    chosen_documents,
    draw_hits,
    plain_hit,
    reranker_settings,
)
from mmrank.cli.manage import DEFAULT, AllowModels, CollectionPath, Json
from mmrank.cli.output import console, errors, make_picture_folder, print_json
from mmrank.errors import InputError

if TYPE_CHECKING:
    from mmrank.answer import Answer, AnswerSentence
    from mmrank.llm.protocol import ChatModel


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(ask)


def ask(
    question: Annotated[str, typer.Argument(help="The question.")],
    collection: CollectionPath = DEFAULT,
    k: Annotated[int, typer.Option("-k", help="Number of pages that are read.")] = 5,
    document: Documents = None,
    folder: Folder = None,
    where: Where = None,
    since: Since = None,
    until: Until = None,
    rerank: Rerank = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="A chat model that writes the answer: http(s)://host/v1#model, a .gguf file, a folder, owner/name."
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="A setting of the model: image_tokens=1200 (docs/settings.md). May be repeated."),
    ] = None,
    understand: Annotated[
        str, typer.Option(help="What mends the question and tells several apart: rules, none, or a chat model.")
    ] = "rules",
    draw: Annotated[Path | None, typer.Option(help="Folder for pictures of the cited pages, boxes outlined.")] = None,
    allow_models: AllowModels = False,
    json: Json = False,
) -> None:
    """Answer a question in sentences, each with the page and the boxes that it rests on."""
    from mmrank.collection import Collection

    writer = writer_of(model, set_)
    with Collection.open(collection, read_only=True, allow_models=allow_models) as library:
        chosen = chosen_documents(library, document, folder, where or [], since, until)
        if draw is not None:
            make_picture_folder(draw)
        stream = library.ask_stream(question, k=k, where=chosen, rerank=rerank, model=writer, understand=understand)
        if not json:
            for sentence in stream:
                _print(sentence)
        answer = stream.answer
        cited = [hit for sentence in answer.sentences for hit in sentence.hits]
        drawn = draw_hits(cited, draw) if draw is not None else {}
        if json:
            print_json(_plain(answer, {at: str(path) for at, path in drawn.items()}))
            return
        if answer.abstained:
            console.print(answer.text, style="yellow", highlight=False)
        if not answer.complete:
            errors.print(f"The answer is not whole: {answer.trace[-1].detail}", style="yellow", highlight=False)
    for path in drawn.values():
        console.print(f"drawn: {path}", highlight=False)


def writer_of(name: str | None, given: list[str] | None) -> ChatModel | None:
    """The chat model that `--model` names, with what `--set` says of it.

    Raises:
        InputError: for settings without a model, or one that cannot write answers.
    """
    if name is None:
        if given:
            raise InputError("--set is for the model that writes; name one with --model")
        return None
    from mmrank.answer.writing import load_writer

    return load_writer(name, **reranker_settings(given))


def _print(sentence: AnswerSentence) -> None:
    from rich.text import Text

    console.print(Text(sentence.text), highlight=False)
    if sentence.computation and sentence.computation not in sentence.text:
        console.print(Text(f"  computed: {sentence.computation}"), highlight=False)
    for hit in sentence.hits:
        boxes = "  ".join(f"[{b.x0:.0f} {b.y0:.0f} {b.x1:.0f} {b.y1:.0f}]" for b in hit.boxes)
        console.print(Text(f"  {hit.document}, page {hit.page_number}  {boxes}", style="dim"), highlight=False)


def _plain(answer: Answer, drawn: dict[int, str]) -> dict[str, object]:
    sentences = []
    at = 0
    for sentence in answer.sentences:
        hits = []
        for hit in sentence.hits:
            hits.append(
                {
                    "document": hit.document,
                    "document_id": hit.document_id,
                    "page": hit.page,
                    "page_number": hit.page_number,
                    "label": hit.label,
                    "boxes": [box.as_tuple() for box in hit.boxes],
                    "elements": hit.element_ids,
                    "text": hit.snippet,
                    "confidence": hit.confidence,
                    "picture": drawn.get(at),
                }
            )
            at += 1
        sentences.append({"text": sentence.text, "computation": sentence.computation, "hits": hits})
    return {
        "question": answer.question,
        "text": answer.text,
        "short": answer.short,
        "abstained": answer.abstained,
        "confidence": answer.confidence,
        "model": answer.model,
        "complete": answer.complete,
        "sentences": sentences,
        "trace": [asdict(step) for step in answer.trace],
        "hits": [plain_hit(hit, None) for hit in answer.hits],
    }
