"""Pages ranked anew by their passages or pictures, with small rerankers whose judgement is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pymupdf
import pytest

from mmrank.errors import InputError
from mmrank.llm.transformers_engine import TransformersChat
from mmrank.query.analysis import analyse
from mmrank.rerankers import RankedCandidate, Ranking
from mmrank.rerankers.pointwise import Pointwise
from mmrank.retrieve.features import DocumentFeatures
from mmrank.retrieve.hits import page_hits
from mmrank.retrieve.pages import PageRanking, rank_pages
from mmrank.retrieve.pool import Pool
from mmrank.retrieve.question import Question
from mmrank.retrieve.reranking import rerank_pages
from mmrank.retrieve.words import content_words
from mmrank.types import BBox, Candidate, Document, Element, ElementKind, Page, Part, PartKind, Passage, Query

PAGES = (
    ("whales sing in the northern sea", "a whale song lasts an hour"),
    ("whales", "whales eat krill"),
    ("the index of terms", "whales on page two"),
    (),
    ("ships sail the sea without whales",),
)
"""Texts of the elements of each page; the fourth holds none."""


class Judge:
    """Scores candidates by a function of their text, and keeps what it was shown."""

    def __init__(self, score: Callable[[str], float], *, reasons: bool = False) -> None:
        self.name = "judge"
        self.shown: list[Candidate] = []
        self._score = score
        self._reasons = reasons

    def rerank(self, query: Query, candidates: Sequence[Candidate]) -> Ranking:
        self.shown = list(candidates)
        ordered = sorted(candidates, key=lambda candidate: -self._score(candidate.text))
        items = [RankedCandidate(c, self._score(c.text), f"on {c.text}" if self._reasons else None) for c in ordered]
        return Ranking(tuple(items), self.name, calls=len(items))


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Document:
    path = tmp_path_factory.mktemp("reranking") / "whales.pdf"
    pages, passages = [], []
    with pymupdf.open() as file:
        for number, texts in enumerate(PAGES):
            shown = file.new_page(width=200, height=200)
            elements = []
            for at, text in enumerate(texts):
                box = BBox(10, 20 + 40 * at, 190, 50 + 40 * at)
                shown.insert_textbox(box.as_tuple(), text, fontsize=9)
                elements.append(Element(f"e{number}-{at}", ElementKind.TEXT, number, box, text))
                part = Part(PartKind.TEXT, text, (elements[-1].id,))
                name = f"whales/{len(passages)}"
                ids = part.element_ids
                passages.append(Passage(name, "whales", len(passages), number, (part,), ids, (box,), ("Sea",)))
            pages.append(Page(number, 200, 200, tuple(elements)))
        file.save(path)
    return Document("whales", "whales.pdf", str(path), tuple(pages), tuple(passages))


@pytest.fixture
def ranking(document: Document) -> PageRanking:
    vectors = np.eye(len(document.passages), 8, dtype=np.float32)
    text = QUERY.text
    question = Question(QUERY, analyse(text), vectors[0], content_words(text))
    return rank_pages(question, Pool([DocumentFeatures(document, vectors)]))


QUERY = Query("which whales sing?")


def test_a_page_counts_by_its_best_passage(ranking: PageRanking) -> None:
    judge = Judge(lambda text: {"whales eat krill": 5.0, "whales on page two": 3.0}.get(text, 0.0))
    found = rerank_pages(ranking, judge, depth=5)
    assert list(found.order()[:2]) == [1, 2]
    assert found.scores[1] == 5.0 and found.scores[2] == 3.0
    assert found.stage == "judge" and found.judged is not None and found.judged.calls == 7


def test_the_reranker_is_shown_the_passages_that_fit_with_the_first_stages_scores(ranking: PageRanking) -> None:
    judge = Judge(len)
    rerank_pages(ranking, judge, depth=2, passages=1)
    best = int(ranking.order()[0])
    assert [candidate.page for candidate in judge.shown] == list(ranking.order()[:2])
    assert judge.shown[0].text == "whales sing in the northern sea" and best == 0
    assert judge.shown[0].score == ranking.scores[0]
    assert judge.shown[0].heading_path == ("Sea",)
    assert judge.shown[0].scores["dense"] == ranking.signals["dense"][0]


def test_pages_beyond_the_depth_follow_in_their_old_order(ranking: PageRanking) -> None:
    before = list(ranking.order())
    found = rerank_pages(ranking, Judge(lambda text: -float(len(text))), depth=2)
    after = list(found.order())
    assert set(after[:2]) == set(before[:2])
    assert after[2:] == before[2:]
    assert found.scores[after[1]] > found.scores[after[2]]


def test_a_page_without_a_word_is_not_shown_and_follows(ranking: PageRanking) -> None:
    judge = Judge(len)
    found = rerank_pages(ranking, judge, depth=5)
    assert 3 not in {candidate.page for candidate in judge.shown}
    assert found.order()[-1] == 3


def test_where_no_page_holds_a_word_all_keep_their_order(document: Document) -> None:
    blank = Document("b", "b.pdf", document.path, (document.pages[3],) * 2, ())
    question = Question(Query("whales"), analyse("whales"), np.zeros(8, np.float32), content_words("whales"))
    plain = rank_pages(question, Pool([DocumentFeatures(blank, np.zeros((0, 8), np.float32))]))
    found = rerank_pages(plain, Judge(len))
    np.testing.assert_array_equal(found.scores, plain.scores)


def test_equal_scores_keep_the_rerankers_order(ranking: PageRanking) -> None:
    """The judge sorts stably, so pages it cannot tell apart stay as the first stage had them."""
    first = replace(ranking, scores=np.array([1.0, 2.0, 5.0, 0.0, 3.0]))
    found = rerank_pages(first, Judge(lambda _: 1.0), depth=5)
    assert list(found.order()) == [2, 4, 1, 0, 3]
    np.testing.assert_allclose(found.scores[[2, 4, 1, 0]], 1.0)


def test_the_first_stage_and_its_signals_are_told(ranking: PageRanking) -> None:
    found = rerank_pages(ranking, Judge(len))
    np.testing.assert_array_equal(found.signals["first stage"], ranking.scores)
    assert set(ranking.signals) < set(found.signals)


def test_a_reason_stands_beside_the_boxes_it_is_about(ranking: PageRanking, document: Document) -> None:
    judge = Judge(lambda text: float(text == "a whale song lasts an hour"), reasons=True)
    hit = page_hits(rerank_pages(ranking, judge), 1)[0]
    assert hit.page == 0
    assert hit.reasoning == "on a whale song lasts an hour"
    assert hit.boxes == (document.pages[0].elements[1].box,)
    assert page_hits(ranking, 1)[0].boxes != hit.boxes


def test_without_a_written_reason_the_signals_speak(ranking: PageRanking) -> None:
    hit = page_hits(rerank_pages(ranking, Judge(len)), 1)[0]
    assert hit.reasoning and hit.stage == "judge"


def test_what_makes_no_sense_is_refused(ranking: PageRanking) -> None:
    for numbers in ({"depth": 0}, {"passages": 0}):
        with pytest.raises(InputError, match="at least 1"):
            rerank_pages(ranking, Judge(len), **numbers)


@pytest.mark.parametrize("family", ["tiny_qwen2_5_vl", "tiny_qwen3_vl"])
def test_a_vision_language_model_judges_pages_by_their_look(
    ranking: PageRanking, document: Document, family: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    tiny = request.getfixturevalue(family)
    model = TransformersChat(tiny.model, tiny.processor.tokenizer, tiny.processor, name="tiny", max_pixels=56 * 56)
    found = rerank_pages(ranking, Pointwise(model), depth=5, unit="picture")
    assert found.judged is not None
    pictures = {item.candidate.page: item.candidate.parts[0].image for item in found.judged.items}
    assert {page: image.page for page, image in pictures.items() if image is not None} == {at: at for at in range(5)}
    assert list(found.order()) == [item.candidate.page for item in found.judged.items]
    alone = Pointwise(model).rerank(QUERY, [next(i.candidate for i in found.judged.items if i.candidate.page == 3)])
    assert found.scores[3] == pytest.approx(alone.items[0].score, abs=1e-4)


def test_a_text_model_shown_pictures_names_the_page_it_cannot_read(ranking: PageRanking) -> None:
    from mmrank.rerankers import load_reranker

    with pytest.raises(InputError, match="whales#3"):
        rerank_pages(ranking, load_reranker("late-interaction", dtype="float32"), unit="picture")
    found = rerank_pages(ranking, load_reranker("late-interaction", dtype="float32"), unit="picture", depth=3)
    assert found.stage == "late-interaction"
