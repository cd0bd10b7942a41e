"""Documents to make examples from: files, or the documents of a collection."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mmrank.train.data.examples import RankingExample
from mmrank.train.data.labelled import Mining, document_examples
from mmrank.train.data.labels import Labels
from mmrank.train.data.scorers import collection_scorer
from mmrank.types import Document

if TYPE_CHECKING:
    from mmrank.collection import Collection

Failed = Callable[[str, str], None]
"""Called with the name of a file that could not be read, and the reason."""


def file_documents(sources: Sequence[str | Path], *, failed: Failed) -> Iterator[Document]:
    """Read files one after the other, duplicates left out; a file that cannot be read never stops the others.

    Raises:
        InputError: when a source does not exist or holds no document.
    """
    from mmrank.adding.sources import find_files
    from mmrank.ingest import read_documents

    seen: set[str] = set()
    for outcome in read_documents(find_files(sources)):
        if outcome.document is None:
            failed(outcome.name, outcome.error or "could not be read")
        elif outcome.document.id not in seen:
            seen.add(outcome.document.id)
            yield outcome.document


def collection_documents(path: Path) -> Iterator[Document]:
    """All documents of a collection.

    Raises:
        InputError: when there is no collection at `path`.
    """
    from mmrank.collection import Collection

    with Collection.open(path, read_only=True) as library:
        for record in library.documents():
            yield library.document(record.id)


def collection_examples(library: Collection, labels: Labels, mining: Mining) -> Iterator[RankingExample]:
    """Examples of labelled questions over a collection; its own ranking finds the hard negatives.

    Raises:
        InputError: when a label names a document or page that the collection does not have.
    """
    for name, questions in labels.items():
        document = library.document(name)
        score = collection_scorer(library, document, pictures=mining.pictures)
        yield from document_examples(document, questions, score=score, mining=mining)
