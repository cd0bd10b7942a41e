"""`mmrank train data`: examples from labelled and unlabelled documents, split by document."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmrank.cli.manage import Json
from mmrank.cli.output import console, errors, print_json
from mmrank.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mmrank.train.data.examples import RankingExample
    from mmrank.train.data.labelled import Mining

Out = Annotated[Path, typer.Option(help="Folder for train.jsonl and held_out.jsonl.")]
Folds = Annotated[
    int, typer.Option(min=2, help="Documents are divided into so many folds, or fewer if too few; one is held out.")
]
Seed = Annotated[int, typer.Option(help="Of the split and of all random choices.")]
Miner = Annotated[str, typer.Option(help="Retriever that finds hard negatives: words, or an encoder by name (minilm).")]
Elsewhere = Annotated[int, typer.Option(min=0, help="Negatives per question from other documents.")]
Negatives = Annotated[int, typer.Option(min=1, help="Negatives per question from the same document.")]
Positives = Annotated[int, typer.Option(min=1, help="Relevant candidates per question.")]
Margin = Annotated[
    float | None,
    typer.Option(
        min=0, help="Leave out negatives that score above this share of the best relevant passage: they may answer too."
    ),
]
Pictures = Annotated[bool, typer.Option("--pictures", help="Candidates are pages as pictures, not passages as text.")]
WORDS = "words"


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    group = typer.Typer(help="Build training and held-out examples; no document is in both.", no_args_is_help=True)
    for command in (mmdocir, labels, beir, squad, tatqa, weak, pages, reasons, check):
        group.command()(command)
    app.add_typer(group, name="data")


def mmdocir(
    data: Annotated[Path, typer.Argument(help="Folder of annotations and PDFs, as for `mmrank eval mmdocir`.")],
    out: Out,
    pictures: Pictures = False,
    positives: Positives = 2,
    negatives: Negatives = 4,
    elsewhere: Elsewhere = 0,
    margin: Margin = None,
    miner: Miner = WORDS,
    folds: Folds = 10,
    seed: Seed = 0,
    cache: Annotated[Path | None, typer.Option(help="Folder of documents read before.")] = None,
    json: Json = False,
) -> None:
    """Examples from questions with gold pages, in the format of MMDocIR."""
    from mmrank.cache import cache_folder
    from mmrank.train.data.mmdocir import mmdocir_examples
    from mmrank.train.data.scorers import load_scorer

    score = load_scorer(miner)
    mining = _mining(positives, negatives, margin, pictures)
    made = mmdocir_examples(data, cache=cache or cache_folder("evaluate"), score=score, mining=mining, failed=_failed)
    _save(made, out, folds, seed, elsewhere, miner, json)


def labels(
    questions: Annotated[
        Path, typer.Argument(help='JSON lines {"query", "document", "pages"}; with --qrels {"_id", "text"}.')
    ],
    collection: Annotated[Path, typer.Option("--collection", "-c", help="Directory of the collection.")],
    out: Out,
    qrels: Annotated[Path | None, typer.Option(help="TREC judgements of pages: report.pdf#page=4.")] = None,
    pictures: Pictures = False,
    positives: Positives = 2,
    negatives: Negatives = 4,
    elsewhere: Elsewhere = 0,
    margin: Margin = None,
    folds: Folds = 10,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Examples from labelled questions over a collection; its own ranking finds the hard negatives."""
    from mmrank.collection import Collection
    from mmrank.train.data.collected import collection_examples
    from mmrank.train.data.labels import from_qrels, read_queries, read_questions

    if qrels is None:
        found = read_questions(questions)
    else:
        from mmrank.evaluate.text_benchmarks import read_qrels

        found = from_qrels(read_queries(questions), read_qrels(qrels))
    with Collection.open(collection, read_only=True) as library:
        made = collection_examples(library, found, _mining(positives, negatives, margin, pictures))
        _save(made, out, folds, seed, elsewhere, WORDS, json)


def beir(
    folder: Annotated[Path, typer.Argument(help="Folder of corpus.jsonl, queries.jsonl and qrels.")],
    run: Annotated[Path, typer.Option(help="A retriever's run in TREC format; hard negatives come from it.")],
    out: Out,
    split: Annotated[str, typer.Option(help="Which judgements: the name of a file in qrels/.")] = "train",
    negatives: Negatives = 7,
    folds: Folds = 10,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Examples from judged questions over texts, in the format of BEIR."""
    from mmrank.evaluate.text_benchmarks import load_beir, read_trec_run
    from mmrank.train.data.labelled import qrels_examples

    judged = load_beir(folder, split)
    texts = {name: "\n".join(filter(None, (text.title, text.text))) for name, text in judged.corpus.items()}
    ranked = {name: sorted(found, key=lambda t: -found[t]) for name, found in read_trec_run(run).items()}
    made = qrels_examples(judged.queries, texts, judged.qrels, run=ranked, negatives=negatives)
    _save(made, out, folds, seed, 0, WORDS, json)


def squad(
    file: Annotated[Path, typer.Argument(help="JSON lines of query, positive, position and part.")],
    out: Out,
    negatives: Negatives = 3,
    elsewhere: Elsewhere = 0,
    words: Annotated[int, typer.Option(min=1, help="Words per passage.")] = 90,
    folds: Folds = 10,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Examples from questions and sentences in the order of their articles (SQuAD)."""
    from mmrank.train.data.squad import squad_sentences

    _save(squad_sentences(file, words=words, negatives=negatives), out, folds, seed, elsewhere, WORDS, json)


def tatqa(
    file: Annotated[Path, typer.Argument(help="JSON lines of contexts with passages and questions.")],
    out: Out,
    elsewhere: Elsewhere = 0,
    folds: Folds = 10,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Examples from questions over tables and paragraphs of financial reports (TAT-QA)."""
    from mmrank.train.data.tatqa import tatqa as read

    _save(read(file), out, folds, seed, elsewhere, WORDS, json)


def weak(
    out: Out,
    sources: Annotated[list[str] | None, typer.Argument(help="Files, folders or globs.")] = None,
    collection: Annotated[Path | None, typer.Option("--collection", "-c", help="Documents of a collection.")] = None,
    ask: Annotated[
        str | None, typer.Option(help="A chat model that asks further questions, by name (smollm2).")
    ] = None,
    ask_limit: Annotated[int, typer.Option(min=1, help="Passages per document that it asks about.")] = 20,
    negatives: Negatives = 4,
    elsewhere: Elsewhere = 0,
    miner: Miner = WORDS,
    folds: Folds = 10,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Examples from unlabelled documents: by headings, captions, sentences, and questions of a model."""
    from mmrank.train.data.collected import collection_documents, file_documents
    from mmrank.train.data.generated import chat_asker, generated_examples
    from mmrank.train.data.scorers import load_scorer
    from mmrank.train.data.weak import weak_examples

    if (collection is None) == (not sources):
        raise InputError("name either files or a collection (-c), one of the two")
    score = load_scorer(miner)
    asker = None
    if ask is not None:
        from mmrank.llm.loading import load_chat_model

        asker = chat_asker(load_chat_model(ask))
    found = (
        collection_documents(collection) if collection is not None else file_documents(sources or (), failed=_failed)
    )

    def made() -> Iterable[RankingExample]:
        for document in found:
            yield from weak_examples(document, score=score, negatives=negatives, seed=seed)
            if asker is not None and ask is not None:
                yield from generated_examples(
                    document, asker, ask, score=score, negatives=negatives, limit=ask_limit, seed=seed
                )

    _save(made(), out, folds, seed, elsewhere, miner, json)


def pages(
    folder: Annotated[Path, typer.Argument(help="MMDocIR's folder, or one as for `mmrank eval collection`.")],
    out: Annotated[Path, typer.Option(help="File for the questions, with the first pages of each.")],
    collection: Annotated[
        bool, typer.Option("--collection", help="Rank all documents together, not the one that answers.")
    ] = False,
    made: Annotated[int, typer.Option(min=0, help="Questions made from each document, at most.")] = 0,
    first: Annotated[int, typer.Option(min=1, help="Pages from the top of each ranking.")] = 8,
    cache: Annotated[Path | None, typer.Option(help="Folder of collections made before.")] = None,
) -> None:
    """Questions with ranked pages as the recipe `reader` takes them, and questions made by template."""
    from mmrank.cache import cache_folder
    from mmrank.cli.progress import evaluation_progress
    from mmrank.train.data.page_groups import write_groups
    from mmrank.train.data.page_sets import page_sets

    with evaluation_progress() as (reading, asking):
        found = page_sets(
            folder,
            cache=cache or cache_folder("evaluate"),
            collection=collection,
            made=made,
            first=first,
            reading=reading,
            step=asking,
        )
        count = write_groups(out, found)
    console.print(f"{count} questions with ranked pages: {out}", highlight=False, markup=False)


def reasons(
    examples: Annotated[Path, typer.Argument(help="Examples that another command wrote.")],
    teacher: Annotated[
        str, typer.Option(help="A chat model by name: smollm2, a folder, or a server (http://…#model).")
    ],
    out: Annotated[Path, typer.Option(help="File for the examples with reasons.")],
    words: Annotated[int, typer.Option(min=1, help="Words per reason.")] = 40,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many examples.")] = None,
) -> None:
    """Let a model write why each candidate answers or does not. Without it, recipes use a template."""
    from itertools import islice

    from mmrank.llm.loading import load_chat_model
    from mmrank.train.data.examples import read_examples, write_examples
    from mmrank.train.data.reasons import chat_writer, with_reasons

    read = islice(read_examples(examples), limit)
    teach = chat_writer(load_chat_model(teacher), words=words)
    count = write_examples(out, (with_reasons(example, teach, teacher) for example in read))
    console.print(f"{count} examples with reasons: {out}", highlight=False, markup=False)


def check(
    train: Annotated[Path, typer.Argument(help="Examples to train on.")],
    held_out: Annotated[Path, typer.Argument(help="Examples to evaluate on.")],
) -> None:
    """Check that two files of examples share no document and no passage. Exit code 2 if they do."""
    from mmrank.train.data.examples import read_examples
    from mmrank.train.data.splits import refuse_leakage

    sides = list(read_examples(train)), list(read_examples(held_out))
    refuse_leakage(*sides)
    console.print(f"{len(sides[0])} and {len(sides[1])} examples share no document and no passage.", highlight=False)


def _mining(positives: int, negatives: int, margin: float | None, pictures: bool) -> Mining:
    from mmrank.train.data.labelled import Mining

    return Mining(positives, negatives, margin, pictures)


def _failed(name: str, reason: str) -> None:
    errors.print(f"{name}: {reason}", style="red", markup=False, highlight=False)


def _save(
    made: Iterable[RankingExample], out: Path, folds: int, seed: int, elsewhere: int, miner: str, json: bool
) -> None:
    from mmrank.train.data.saving import save_split
    from mmrank.train.data.scorers import load_scorer

    score = load_scorer(miner if elsewhere else WORDS)
    saved = save_split(made, out, folds=folds, seed=seed, elsewhere=elsewhere, score=score)
    if json:
        print_json(saved)
        return
    console.print(f"{saved.train_examples} examples: {saved.train}", highlight=False, markup=False)
    console.print(f"{saved.held_out_examples} held out: {saved.held_out}", highlight=False, markup=False)
    if saved.folds < folds:
        console.print(f"split into {saved.folds} folds: {folds} cannot be filled with these documents", highlight=False)
    if saved.dropped:
        console.print(f"{saved.dropped} left out, because they share a passage with held-out ones", highlight=False)
