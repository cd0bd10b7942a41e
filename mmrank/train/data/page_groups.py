"""Examples whose candidates are pages as a reader sees them, ranked by a collection's own search."""

from __future__ import annotations

from collections.abc import Collection as Pages
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from mmrank.retrieve.reranking import page_views
from mmrank.train.data.examples import RankingExample
from mmrank.train.data.page_questions import PageQuestion

if TYPE_CHECKING:
    from mmrank.collection import Collection
    from mmrank.types import Candidate


def page_text(candidate: Candidate) -> str:
    """A page's view as one text."""
    return "\n".join(part.text for part in candidate.parts)


def labelled_page_group(
    library: Collection, document: str, query: str, gold: Pages[int], *, negatives: int = 6
) -> RankingExample | None:
    """A question with its gold pages and the pages of the same document that the search puts before others.

    Args:
        library: holds the document.
        document: its name or id.
        query: the question.
        gold: pages that answer it, from 0.
        negatives: pages that do not, at most.

    Returns:
        The example, or None where no gold page has text.
    """
    ranking = library.rank_document(document, query, rerank="none")
    order = [int(at) for at in ranking.order()]
    others = [at for at in order if at not in gold][:negatives]
    views = dict(page_views(ranking, [*(at for at in order if at in gold), *others]))
    right = tuple(page_text(views[at]) for at in order if at in gold and at in views)
    wrong = tuple(page_text(views[at]) for at in others if at in views)
    return RankingExample(query, right, wrong, library.record(document).name) if right and wrong else None


def weak_page_groups(
    library: Collection, document: str, questions: Iterable[PageQuestion], *, negatives: int = 4
) -> Iterator[RankingExample]:
    """Examples from questions by template (`mmrank.train.data.page_questions`), with negatives as above.

    What a question was made of is taken out of its page where the question says so.
    """
    for question in questions:
        example = labelled_page_group(library, document, question.text, {question.page}, negatives=negatives)
        if example is None:
            continue
        [right] = example.positives
        if question.hidden:
            right = right.replace(question.hidden.strip(), " ")
        yield RankingExample(question.text, (right,), example.negatives, example.group, question.origin)
