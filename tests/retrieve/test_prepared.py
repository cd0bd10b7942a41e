"""What is prepared when a document is added says the same as the document itself."""

from __future__ import annotations

import numpy as np
import pytest

from mmrank.lexical import InMemoryBM25
from mmrank.retrieve.document_arrays import DocumentArrays
from mmrank.retrieve.pool import Pool
from mmrank.retrieve.prepared import prepare
from mmrank.retrieve.words import words
from mmrank.types import ElementKind

PAGES = (
    [("heading", "Cargo rates"), ("text", "The ferries carried 12 cars and 40 lorries"), ("footer", "page one")],
    [],
    [("chart", "Cars, lorries, cars"), ("caption", "Figure 2: cars and lorries by year, Müller’s ﬁgures")],
)


@pytest.fixture
def features(features_of):
    return features_of(*PAGES, labels=["i", None, "2"], handles={"Figure 2": ("p2e0",)})


def test_pages_are_what_they_were(features) -> None:
    pool = Pool([features])
    for view, page in zip(pool.pages, features.document.pages, strict=True):
        text = "\n".join(one.text for one in page.elements if one.kind is not ElementKind.FOOTER)
        found = words(text)
        assert view.text == " ".join(text.lower().split())
        assert view.label == page.label
        assert all(word in view.words for word in found)
        assert not any(word in view.words for word in ("one", "sail"))
    assert pool.numeric_share.tolist() == pytest.approx([2 / 10, 0, 1 / 13])
    assert pool.has_kind(ElementKind.CHART).tolist() == [False, False, True]
    assert not pool.has_kind(ElementKind.FOOTER).any()
    assert features.holders("Fig. 2") == {2}


def test_passages_score_as_bags_of_words_do(features_of) -> None:
    documents = [features_of(*PAGES, name="a"), features_of(*PAGES[:1], name="b")]
    bags = [
        dict(zip(*np.unique(words(passage.text), return_counts=True), strict=True))
        for one in documents
        for passage in one.document.passages
    ]
    asked = ["car", "lorry", "cargo", "absent", "car"]
    np.testing.assert_allclose(Pool(documents).passage_words.scores(asked), InMemoryBM25(bags).scores(asked))


def test_a_phrase_does_not_reach_over_the_end_of_a_page(pool_of) -> None:
    pool = pool_of([("text", "net")], [("text", "income net income tax")])
    assert pool.page_words.phrases([["net", "income"]]).tolist() == [[False, True]]
    assert pool.page_words.phrases([["net", "income", "tax"]]).tolist() == [[False, True]]
    assert pool.page_words.phrases([["income", "tax", "net"]]).tolist() == [[False, False]]
    assert pool.page_words.neighbours([("net", "income"), ("tax", "net")]).tolist() == [[False, True], [False, False]]


def test_an_empty_document_has_arrays_too(features_of) -> None:
    blank = features_of([])
    arrays = DocumentArrays(prepare(blank.document))
    assert arrays.page_count == 1
    assert arrays.find(np.array([7], np.uint64)).tolist() == [-1]
    assert Pool([blank]).page_words.phrases([["net"]]).tolist() == [[False]]


def test_the_form_of_a_number_makes_a_text_no_longer(features_of) -> None:
    several, single = features_of([("text", "sold 1 234 567 bags")]), features_of([("text", "sold a few more bags")])
    assert several.prepared.arrays["passage_lengths"].tolist() == single.prepared.arrays["passage_lengths"].tolist()
    pool = Pool([several])
    assert pool.page_words.phrases([["567", "bag"], ["1234567", "bag"], ["234", "1234567"]]).tolist() == [
        [True],
        [True],
        [True],
    ]
    assert pool.numeric_share.tolist() == [3 / 5]
