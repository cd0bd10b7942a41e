"""`eval answers` and `eval noise`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmrank.cli.manage import Json
from mmrank.cli.output import console, print_json
from mmrank.cli.progress import evaluation_progress

AnswerData = Annotated[
    Path, typer.Option("--data", help="Folder with MMDocIR's annotations, or questions.jsonl beside documents/.")
]
Kept = Annotated[
    Path | None,
    typer.Option("--cache", help="Folder for what evaluations keep.", show_default="evaluate in `mmrank cache where`"),
]


def answers(
    data: AnswerData,
    model: Annotated[str | None, typer.Option(help="A chat model that writes the answers.")] = None,
    judge: Annotated[str | None, typer.Option(help="A chat model that judges them beside the rules.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Ask only this many questions, evenly spread.")] = None,
    cache: Kept = None,
    json: Json = False,
) -> None:
    """Ask questions that carry answers: are the answers right, cited from a gold page, supported by their boxes?

    MMDocIR's questions are asked about their document, others to the whole collection.
    """
    from mmrank.answer.writing import load_writer
    from mmrank.evaluate.answers_eval import answers_table, evaluate_answers, load_answer_questions
    from mmrank.evaluate.collection_data import load_collection_benchmark
    from mmrank.evaluate.collection_eval import kept_collection

    kept = kept_folder(cache)
    writer = None if model is None else load_writer(model)
    judging = None if judge is None else load_writer(judge)
    with evaluation_progress() as (reading, asking):
        benchmark = load_collection_benchmark(data, cache=kept)
        questions = load_answer_questions(data, cache=kept)
        if limit is not None and limit < len(questions):
            questions = [questions[at * len(questions) // limit] for at in range(limit)]
        with kept_collection(benchmark, kept, progress=reading) as library:
            report = evaluate_answers(
                library,
                benchmark.name,
                questions,
                model=writer,
                judge=judging,
                progress=asking,
            )
    if json:
        print_json(report.as_dict())
    else:
        console.print(answers_table(report), markup=True)


def noise(
    data: AnswerData,
    seed: Annotated[int, typer.Option(help="Of the noise and of the pairs.")] = 7,
    cache: Kept = None,
    json: Json = False,
) -> None:
    """Put noise into questions, and join two into one: how much recall is lost, and how much understanding brings back.

    MMDocIR's questions are asked about their document, others, and joined ones, to the whole collection.
    """
    from mmrank.evaluate.answers_eval import load_answer_questions
    from mmrank.evaluate.collection_data import CollectionQuestion, load_collection_benchmark
    from mmrank.evaluate.collection_eval import kept_collection
    from mmrank.evaluate.noise import evaluate_noise, noise_table

    kept = kept_folder(cache)
    with evaluation_progress() as (reading, asking):
        benchmark = load_collection_benchmark(data, cache=kept)
        given = (data / "annotations.jsonl").is_file()
        questions = [
            CollectionQuestion(str(at), one.text, frozenset((one.document, page) for page in one.pages))
            for at, one in enumerate(load_answer_questions(data, cache=kept))
        ]
        with kept_collection(benchmark, kept, progress=reading) as library:
            report = evaluate_noise(
                library,
                benchmark.name,
                questions if given else benchmark.questions,
                seed=seed,
                given=given,
                pairs=benchmark.questions,
                progress=asking,
            )
    if json:
        print_json(report.as_dict())
    else:
        console.print(noise_table(report), markup=True)


def kept_folder(cache: Path | None) -> Path:
    """The folder that was named, or the one in the cache."""
    from mmrank.cache import cache_folder

    return cache or cache_folder("evaluate")
