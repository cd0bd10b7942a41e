"""Examples from labelled questions over documents, and from judged questions over texts, with mined negatives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mmrank.encoders.passage_text import passage_text
from mmrank.errors import InputError
from mmrank.train.data.examples import RankingExample
from mmrank.train.data.negatives import Scorer, hard_negatives, word_overlap
from mmrank.train.data.pages import page_reference
from mmrank.types import Document


@dataclass(frozen=True, slots=True)
class Mining:
    """How candidates are chosen.

    `positives` and `negatives` are limits per question; `margin` is that of `hard_negatives`. With `pictures`,
    candidates are whole pages as pictures, not passages as text.
    """

    positives: int = 2
    negatives: int = 4
    margin: float | None = None
    pictures: bool = False


@dataclass(frozen=True, slots=True)
class _PoolEntry:
    """A possible candidate: its name in an example, its page (from 0), and its text."""

    name: str
    page: int
    text: str


def document_examples(
    document: Document,
    questions: Iterable[tuple[str, Sequence[int]]],
    *,
    score: Scorer = word_overlap,
    mining: Mining = Mining(),
) -> Iterator[RankingExample]:
    """Examples from questions and their gold pages, as MMDocIR labels them, over one document.

    The labels name pages, not passages: relevant are the best-scored passages of the gold pages. Negatives are the
    best-scored passages of other pages, neighbouring ones included. A question whose gold pages hold no passage is left
    out.

    Args:
        document: as ingested.
        questions: pairs of question and gold pages, from 0.
        score: the retriever that finds the hard negatives.
        mining: how candidates are chosen.

    Raises:
        InputError: when a gold page lies outside the document.
    """
    pieces = _pages(document) if mining.pictures else _passages(document)
    texts = [piece.text for piece in pieces]
    for query, gold in questions:
        outside = [page for page in gold if not 0 <= page < len(document.pages)]
        if outside:
            raise InputError(f"{document.name} has {len(document.pages)} pages; it has no page index {outside[0]}")
        on_gold = {i for i, piece in enumerate(pieces) if piece.page in gold and (mining.pictures or texts[i].strip())}
        if not on_gold:
            continue
        scores = score(query, texts)
        best = sorted(on_gold, key=lambda i: -scores[i])[: mining.positives]
        hard = hard_negatives(
            query,
            texts,
            on_gold,
            lambda _, __: scores,  # noqa: B023
            count=mining.negatives,
            margin=mining.margin,
        )
        chosen = [pieces[i] for i in (*best, *hard)]
        yield RankingExample(
            query,
            tuple(pieces[i].name for i in best),
            tuple(pieces[i].name for i in hard),
            document.id,
            evidence={piece.name: piece.text for piece in chosen} if mining.pictures else {},
        )


def _passages(document: Document) -> list[_PoolEntry]:
    made = [(passage.page, passage_text(passage)) for passage in document.passages]
    return [_PoolEntry(text, page, text) for page, text in made]


def _pages(document: Document) -> list[_PoolEntry]:
    texts: dict[int, list[str]] = {page.page: [] for page in document.pages}
    for passage in document.passages:
        texts[passage.page].append(passage_text(passage))
    return [_PoolEntry(page_reference(document.path, page), page, "\n".join(found)) for page, found in texts.items()]


def qrels_examples(
    queries: Mapping[str, str],
    corpus: Mapping[str, str],
    qrels: Mapping[str, Mapping[str, int]],
    *,
    run: Mapping[str, Sequence[str]],
    negatives: int = 7,
) -> Iterator[RankingExample]:
    """Examples from TREC judgements; the negatives are what a retriever's run ranks highest.

    Args:
        queries: id → question.
        corpus: id → text.
        qrels: question id → text id → grade; above 0 is relevant.
        run: question id → text ids, best first.
        negatives: per question, at most; judged irrelevant or not judged.

    Raises:
        InputError: when a judgement names an unknown question or text.
    """
    for name, grades in qrels.items():
        missing = next((text for text in grades if text not in corpus), None)
        if name not in queries or missing is not None:
            raise InputError(
                f"the judgements name {'question ' + name if missing is None else 'text ' + missing}, "
                "which does not exist"
            )
        relevant = [text for text, grade in grades.items() if grade > 0]
        if relevant:
            others = [text for text in run.get(name, ()) if grades.get(text, 0) <= 0 and text in corpus][:negatives]
            yield RankingExample(
                queries[name], tuple(corpus[t] for t in relevant), tuple(corpus[t] for t in others), name
            )
