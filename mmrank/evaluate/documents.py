"""The document stage: which of all documents is the right one?

Most questions of a per-document benchmark ("What is the title of Figure 2?") could be about any document, so only
those that name their subject can be asked of a whole collection. The rule looks at the question and at how many
documents hold each word, never at the gold:

    A question names its subject when it holds a *name* that occurs in at least one and at most a tenth of the
    documents (and at most 2 where there are fewer than 20). A name is a word with a capital letter that does not
    open a sentence, of at least three letters or digits, in a question that is not written in capitals throughout.

The rule asks that the name occurs somewhere, which favours rankers that look for words a little.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mmrank.errors import InputError
from mmrank.evaluate.benchmark import Benchmark, BenchmarkQuestion
from mmrank.evaluate.bootstrap import Figure, Sample
from mmrank.evaluate.metrics import recall, reciprocal_rank
from mmrank.evaluate.protocol import DocumentRanker

if TYPE_CHECKING:
    from rich.table import Table

CUTOFFS = (1, 5)
SHARE = 0.1
SHORTEST_NAME = 3

_WORD = re.compile(r"[^\W_]+")
_OPENING = re.compile(r"(?:^|[.?!:]\s)[\s\"'“‘(\[]*$")


@dataclass(frozen=True, slots=True)
class NamedQuestion:
    """A question that names its subject, and the names."""

    question: BenchmarkQuestion
    domain: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DocumentFigures:
    """One ranker: recall@1, recall@5 and MRR over the questions, and their paired differences from the first's."""

    name: str
    figures: Mapping[str, Figure]
    differences: Mapping[str, Figure]


def question_names(text: str) -> list[str]:
    """The names in a question, lower case.

    >>> question_names("What is the current ratio of Best Buy in FY2023? Answer in percent.")
    ['best', 'buy', 'fy2023']
    """
    letters = [letter for letter in text if letter.isalpha()]
    if sum(letter.isupper() for letter in letters) > len(letters) / 2:
        return []
    names = [
        found.group().casefold()
        for found in _WORD.finditer(text)
        if any(letter.isupper() for letter in found.group())
        and len(found.group()) >= SHORTEST_NAME
        and not _OPENING.search(text[: found.start()])
    ]
    return list(dict.fromkeys(names))


def document_words(text: str) -> set[str]:
    """The different words of a document, as `question_names` spells them."""
    return set(_WORD.findall(text.casefold()))


def name_subjects(benchmark: Benchmark, texts: Mapping[str, str]) -> list[NamedQuestion]:
    """The questions that name their subject.

    Args:
        benchmark: what is asked.
        texts: the whole text of each document, by name.

    Raises:
        InputError: when a document's text is missing, or no question names its subject.
    """
    missing = [paper.name for paper in benchmark.papers if paper.name not in texts]
    if missing:
        raise InputError(f"no text of {missing[0]} was given, so names cannot be counted")
    holders = Counter(word for text in texts.values() for word in document_words(text))
    most = max(2, int(SHARE * len(texts)))
    named = []
    for paper, question in benchmark.questions():
        names = tuple(name for name in question_names(question.text) if 1 <= holders[name] <= most)
        if names:
            named.append(NamedQuestion(question, paper.domain, names))
    if not named:
        raise InputError("no question names its subject, so the document stage cannot be evaluated")
    return named


def plain_texts(benchmark: Benchmark, cache: Path) -> dict[str, str]:
    """The whole text of each document as the plain reference reads it, by OCR where there is no text layer."""
    from mmrank.evaluate.plain_text import PlainReader

    reader = PlainReader(cache)
    return {paper.name: "\n".join(page.text for page in reader.read(paper.path)) for paper in benchmark.papers}


def evaluate_documents(
    rankers: Mapping[str, DocumentRanker], questions: Sequence[NamedQuestion]
) -> list[DocumentFigures]:
    """Evaluate rankers of documents on the same questions; each is compared with the first.

    Raises:
        InputError: without rankers or questions, or when a ranker returns a document twice.
    """
    if not rankers or not questions:
        raise InputError("the document stage needs at least one ranker and one question")
    sample = Sample([named.question.document for named in questions], [named.domain for named in questions])
    rows: list[DocumentFigures] = []
    first: dict[str, list[float]] = {}
    for name, rank in rankers.items():
        values = _values(rank, questions)
        first = first or values
        rows.append(
            DocumentFigures(
                name,
                {measure: sample.micro(column) for measure, column in values.items()},
                {
                    measure: sample.micro([mine - other for mine, other in zip(column, first[measure], strict=True)])
                    for measure, column in values.items()
                },
            )
        )
    return rows


def documents_table(rows: Sequence[DocumentFigures], documents: int) -> Table:
    """The figures of `evaluate_documents`, for people."""
    from rich.table import Table

    from mmrank.evaluate.compare import difference
    from mmrank.evaluate.tables import show

    count = next(iter(rows[0].figures.values())).questions
    table = Table(
        title=f"The right one of {documents} documents, on the {count} questions that name their subject",
        title_justify="left",
    )
    table.add_column("")
    for measure in rows[0].figures:
        table.add_column(measure, justify="right")
    table.add_column("recall@1 against the first", justify="right")
    for row in rows:
        against = "" if row is rows[0] else difference(row.differences["recall@1"])
        table.add_row(row.name, *map(show, row.figures.values()), against)
    return table


def _values(rank: DocumentRanker, questions: Iterable[NamedQuestion]) -> dict[str, list[float]]:
    values: dict[str, list[float]] = {name: [] for name in (*(f"recall@{k}" for k in CUTOFFS), "mrr")}
    for named in questions:
        ranked = list(rank(named.question.text))
        if len(set(ranked)) != len(ranked):
            raise InputError(f"a document was ranked twice for {named.question.text!r}")
        positions = {document: position for position, document in enumerate(ranked)}
        gold = {positions.get(named.question.document, -1)}
        order = list(range(len(ranked)))
        for k in CUTOFFS:
            values[f"recall@{k}"].append(recall(order, gold, k))
        values["mrr"].append(reciprocal_rank(order, gold))
    return values
