"""Examples from the questions of MMDocIR, over its documents as ingestion reads them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mmrank.evaluate.mmdocir import load_mmdocir
from mmrank.ingest import read_documents
from mmrank.train.data.collected import Failed
from mmrank.train.data.examples import RankingExample
from mmrank.train.data.labelled import Mining, document_examples
from mmrank.train.data.negatives import Scorer


def mmdocir_examples(
    data: Path, *, cache: Path, score: Scorer, mining: Mining, failed: Failed
) -> Iterator[RankingExample]:
    """Read annotations and PDFs. Gold pages beyond the end of a file are left out, and questions without other ones.

    Args:
        data: folder, as `load_mmdocir` takes it.
        cache: of evaluations; documents that `eval mmdocir` has read are not read again.
        score: the retriever that finds the hard negatives.
        mining: how candidates are chosen.
        failed: called for files that could not be read.

    Raises:
        InputError: when the folder does not hold annotations and PDFs.
    """
    benchmark = load_mmdocir(data, cache=cache / "mmdocir")
    papers = {paper.name: paper for paper in benchmark.papers if paper.questions}
    files = [(paper.path, name) for name, paper in papers.items()]
    for outcome in read_documents(files, cache=cache / "mmrank" / "documents"):
        document = outcome.document
        if document is None:
            failed(outcome.name, outcome.error or "could not be read")
            continue
        there = range(len(document.pages))
        asked = [(q.text, [p for p in sorted(q.pages) if p in there]) for q in papers[outcome.name].questions]
        yield from document_examples(document, [(q, pages) for q, pages in asked if pages], score=score, mining=mining)
