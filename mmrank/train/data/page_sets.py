"""Questions with ranked pages, labelled ones from a folder, and ones made from its documents."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mmrank.evaluate.collection_data import CollectionBenchmark, CollectionQuestion, load_collection_benchmark
from mmrank.evaluate.collection_eval import kept_collection
from mmrank.evaluate.mmdocir import ANNOTATIONS, load_mmdocir
from mmrank.train.data.page_groups import PageGroup, made_groups, ranked_group
from mmrank.train.data.page_questions import page_questions

if TYPE_CHECKING:
    from mmrank.progress import AddProgress

Step = Callable[[int, int], None]


def page_sets(
    folder: Path,
    *,
    cache: Path,
    collection: bool = False,
    made: int = 0,
    first: int = 8,
    reading: AddProgress | None = None,
    step: Step | None = None,
) -> Iterator[PageGroup]:
    """Groups of the labelled questions, then of questions made from the documents.

    Args:
        folder: MMDocIR's, or as `mmrank eval collection` takes it.
        cache: of evaluations; a collection of the documents is made there, or found.
        collection: rank the pages of all documents together, not those of the document that answers.
        made: questions per document, at most.
        first: pages from the top of each ranking.
        reading: called with how far the reading of the documents is.
        step: called with how many questions and documents are done, of how many.

    Raises:
        InputError: when the folder holds no questions.
        MmrankError: when a document cannot be read.
    """
    benchmark = questions_of(folder, cache)
    kind = f"{benchmark.name}, collection" if collection else benchmark.name
    with kept_collection(benchmark, cache, progress=reading) as library:
        names = [record.name for record in library.documents()] if made else []
        for done, question in enumerate(benchmark.questions, 1):
            record = library.record(min(question.documents))
            if collection:
                ranking = library.rank(question.text, shown=first)
            else:
                ranking = library.rank_document(record.id, question.text, rerank="none")
            gold = {(library.record(name).name, page) for name, page in question.pages}
            if ranking is not None:
                yield ranked_group(ranking, gold, kind=kind, record=record, first=first)
            if step is not None:
                step(done, len(benchmark.questions) + len(names))
        for done, name in enumerate(names, 1):
            yield from made_groups(library, name, page_questions(library.document(name), count=made))
            if step is not None:
                step(len(benchmark.questions) + done, len(benchmark.questions) + len(names))


def questions_of(folder: Path, cache: Path) -> CollectionBenchmark:
    """All questions of a folder; of MMDocIR also those that do not name their subject."""
    if not any((folder / name).is_file() for name in ANNOTATIONS):
        return load_collection_benchmark(folder, cache=cache)
    found = load_mmdocir(folder, cache=cache / "mmdocir")
    questions = tuple(
        CollectionQuestion(f"{q.document}#{q.index}", q.text, frozenset((q.document, page) for page in q.pages))
        for paper in found.papers
        for q in paper.questions
        if q.pages
    )
    return CollectionBenchmark(found.name, {paper.name: paper.path for paper in found.papers}, questions)
