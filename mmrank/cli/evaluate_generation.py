"""`eval generation`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmrank.cli.evaluate_answers import Kept, kept_folder
from mmrank.cli.manage import Json
from mmrank.cli.output import console, print_json
from mmrank.cli.progress import counting_progress

if TYPE_CHECKING:
    from mmrank.rerankers import Reranker


def generation(
    data: Annotated[
        Path, typer.Option(help="Folder with passages, and questions, judgements or text (docs/guides/evaluate.md).")
    ],
    task: Annotated[
        list[str] | None, typer.Option(help="questions, reranking or modelling; repeat for several; all by default.")
    ] = None,
    model: Annotated[str, typer.Option(help="Writes documents and answers, and is the language model.")] = "smollm2",
    encoder: Annotated[str, typer.Option(help="Gives the vectors.")] = "minilm",
    rerank: Annotated[
        list[str] | None,
        typer.Option(help="A reranker, family or family:model; repeat. By default likelihood:MODEL and listwise."),
    ] = None,
    items: Annotated[int | None, typer.Option(min=1, help="Ask only this many questions of each kind.")] = None,
    scored: Annotated[int | None, typer.Option(min=1, help="Score only this many tokens of the text.")] = None,
    depth: Annotated[int, typer.Option(min=1, help="Texts that are retrieved.")] = 20,
    rerank_depth: Annotated[int, typer.Option(min=1, help="Texts that a reranker sees.")] = 20,
    read: Annotated[int, typer.Option(min=1, help="Texts that the reader sees.")] = 3,
    samples: Annotated[int, typer.Option(min=1, help="Documents written per question.")] = 4,
    tokens: Annotated[int, typer.Option(min=1, help="Longest document written, in tokens.")] = 100,
    temperature: Annotated[float, typer.Option(min=0, help="Of writing.")] = 0.5,
    keep: Annotated[int, typer.Option(min=1, help="Most written documents kept.")] = 3,
    least: Annotated[
        float, typer.Option(min=-1, max=1, help="Least cosine of a kept document and the question.")
    ] = 0.7,
    seed: Annotated[int, typer.Option(help="Of writing.")] = 0,
    context: Annotated[int, typer.Option(min=1, help="Tokens of the text that the language model sees.")] = 512,
    document: Annotated[int, typer.Option(min=1, help="Tokens of the document before them.")] = 128,
    run: Annotated[
        Path | None, typer.Option(help="Keep each item in this file; the same command goes on where it stopped.")
    ] = None,
    cache: Kept = None,
    json: Json = False,
) -> None:
    """Compare retrieved, generated and merged text: questions answered, passages ranked, text predicted.

    Example: mmrank eval generation --data DIR --items 50 --scored 1000 --run run.jsonl
    """
    from mmrank.encoders.loading import load_encoder
    from mmrank.errors import InputError
    from mmrank.evaluate.evaluation import check_writable
    from mmrank.evaluate.generation import compare_generation, load_generation_data, report_of
    from mmrank.evaluate.generation.modelling import Modelling
    from mmrank.evaluate.generation.report import generation_tables
    from mmrank.evaluate.generation.run import Choice
    from mmrank.llm.loading import load_chat_model

    check_writable(run)
    loaded = load_generation_data(data)
    names = rerank if rerank is not None else [f"likelihood:{model}", "listwise"]
    chosen = Choice(samples, tokens, temperature, keep, least, seed, depth, rerank_depth, read)
    vectors = kept_folder(cache) / "generation"
    vectors.mkdir(parents=True, exist_ok=True)
    coder = load_encoder(encoder, cache=vectors / "vectors.sqlite")
    if coder.info.multi_vector:
        raise InputError(f"{encoder} gives several vectors per text; the comparison takes one")
    with counting_progress("comparing", "items") as step:
        found = compare_generation(
            loaded,
            coder,
            load_chat_model(model),
            {name: _reranker(name) for name in names if name != "none"},
            tasks=task,
            choice=chosen,
            modelling=Modelling(context=context, document=document),
            items=items,
            scored=scored,
            run=run,
            progress=step,
        )
    report = report_of(found)
    if json:
        print_json(report.as_dict())
        return
    for table in generation_tables(report):
        console.print(table, markup=True)


def _reranker(name: str) -> Reranker:
    from mmrank.rerankers import load_reranker

    # The embedded listwise reranker orders without its reasons, which nobody reads here.
    return load_reranker(name, think_tokens=0) if name == "listwise" else load_reranker(name)
