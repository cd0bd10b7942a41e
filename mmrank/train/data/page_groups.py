"""Questions with the first pages of our own ranking, as a reader sees them: what it is trained and judged on."""

from __future__ import annotations

import json
import re
from collections.abc import Collection as Pages
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmrank.errors import InputError
from mmrank.ingest.identity_keys import FORM, ORGANISATIONS
from mmrank.names import JOINT
from mmrank.retrieve.confidence import first_confidence
from mmrank.retrieve.reranking import page_views
from mmrank.train.data.examples import RankingExample, numbered_lines
from mmrank.train.data.page_questions import PageQuestion
from mmrank.train.data.toy import toy_examples

if TYPE_CHECKING:
    from mmrank.collection import Collection
    from mmrank.index import DocumentRecord
    from mmrank.retrieve.pages import PageRanking

Gold = Pages[tuple[str, int]]
"""Names of documents and their pages, from 0."""
LABELLED, MADE = "label", "made"
"""`origin` of questions that people asked, and `kind` of those made from documents, which are only trained on."""


@dataclass(frozen=True, slots=True)
class RankedPage:
    """A page of a ranking: its document and number (from 0), retrieval's score, whether it answers, and its view."""

    document: str
    page: int
    score: float
    gold: bool
    view: str


@dataclass(frozen=True, slots=True)
class PageGroup:
    """A question and pages of its ranking, best first: the first ones, then gold pages that stand further down.

    Attributes:
        query: the question.
        group: the document that answers.
        family: documents that are in one fold: the filings of one company, otherwise the document alone.
        kind: which set of questions it belongs to.
        origin: where the labels come from, see `RankingExample`.
        answering: how many pages answer, in the ranking or not.
        confidence: retrieval's, that its first page is right, 0 to 1.
        pages: at least one.
    """

    query: str
    group: str
    family: str
    kind: str
    origin: str
    answering: int
    confidence: float
    pages: tuple[RankedPage, ...]

    def example(self) -> RankingExample | None:
        """What to train on, hard negatives in the order of the ranking; None where no page answers, or all do."""
        right = tuple(dict.fromkeys(page.view for page in self.pages if page.gold))
        wrong = tuple(dict.fromkeys(page.view for page in self.pages if not page.gold and page.view not in right))
        return RankingExample(self.query, right, wrong, self.group, self.origin) if right and wrong else None


def ranked_group(
    ranking: PageRanking,
    gold: Gold,
    *,
    kind: str,
    record: DocumentRecord,
    origin: str = LABELLED,
    first: int = 8,
    hidden: str = "",
) -> PageGroup:
    """The first pages of a ranking and all that answer, with their views.

    Args:
        ranking: retrieval's, of one document or of several.
        gold: what answers.
        kind: see `PageGroup`.
        record: of the document that answers.
        origin: see `PageGroup`.
        first: pages from the top, at least.
        hidden: what the question was made of, which no view shows.
    """
    pool = ranking.pool
    places = [
        (int(at), pool.documents[int(pool.owner[at])].document.name, int(pool.number[at])) for at in ranking.order()
    ]
    chosen = [(at, name, page) for rank, (at, name, page) in enumerate(places) if rank < first or (name, page) in gold]
    views = dict(page_views(ranking, [at for at, _, _ in chosen]))
    pages = tuple(
        RankedPage(name, page, float(ranking.scores[at]), (name, page) in gold, _without(views[at].text, hidden))
        for at, name, page in chosen
    )
    query = ranking.question.query.text
    sure = first_confidence(ranking)
    return PageGroup(query, record.name, family_of(record), kind, origin, len(gold), sure, pages)


def family_of(record: DocumentRecord) -> str:
    """Who filed a document, if it is a filing, otherwise its name."""
    filer = record.metadata.get(ORGANISATIONS, "").split(JOINT)[0] if record.metadata.get(FORM) else ""
    return " ".join(re.findall(r"\w+", filer.casefold())) or record.name


def _without(text: str, hidden: str) -> str:
    return text.replace(hidden.strip(), " ") if hidden.strip() else text


def made_groups(
    library: Collection, document: str, questions: Iterable[PageQuestion], *, first: int = 5
) -> Iterator[PageGroup]:
    """Groups of questions that were made from a document, ranked within it."""
    record = library.record(document)
    for made in questions:
        ranking = library.rank_document(document, made.text, rerank="none")
        gold = {(record.name, made.page)}
        yield ranked_group(ranking, gold, kind=MADE, record=record, origin=made.origin, first=first, hidden=made.hidden)


def toy_groups(count: int, *, candidates: int = 4, held_out: bool = False) -> list[PageGroup]:
    """The toy task (`mmrank.train.data.toy`) as groups of five documents, in a ranking by chance."""
    rng = np.random.default_rng(0)
    made = []
    for number, example in enumerate(toy_examples(count, candidates=candidates, held_out=held_out)):
        views = [(text, True) for text in example.positives] + [(text, False) for text in example.negatives]
        order = rng.permutation(len(views))
        pages = tuple(
            RankedPage(f"toy {number % 5}", place, -float(place), views[at][1], f"{number}. {views[at][0]}")
            for place, at in enumerate(order)
        )
        made.append(PageGroup(example.query, f"toy {number % 5}", f"toy {number % 5}", "toy", LABELLED, 1, 0.5, pages))
    return made


def write_groups(path: Path, groups: Iterable[PageGroup]) -> int:
    """Write groups as JSON lines. Returns how many."""
    count = 0
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        for group in groups:
            file.write(json.dumps(asdict(group), ensure_ascii=False) + "\n")
            count += 1
    return count


def read_groups(path: Path) -> Iterator[PageGroup]:
    """Read what `write_groups` wrote.

    Raises:
        InputError: when the file does not exist, or a line is no group; names it.
    """
    for number, line in numbered_lines(path):
        try:
            row = json.loads(line)
            pages = tuple(RankedPage(**page) for page in row.pop("pages"))
            if not pages:
                raise ValueError("it has no pages")
            yield PageGroup(**row, pages=pages)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{path}, line {number}: not a question with ranked pages ({error!r})") from error
