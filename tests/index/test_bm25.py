"""Words and BM25: exact at every moment, whatever came and went."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mmrank.index import Filter, Store, tokenize, verify
from mmrank.index.postings import PostingsBuilder, merge

VOCABULARY = [f"w{at}" for at in range(60)]


def random_texts(count: int, seed: int) -> list[str]:
    """Texts of 1 to 30 words, some words in nearly all of them."""
    generator = np.random.default_rng(seed)
    weights = 1 / np.arange(1, 61)
    weights /= weights.sum()
    return [" ".join(generator.choice(VOCABULARY, generator.integers(1, 30), p=weights)) for _ in range(count)]


def by_definition(texts: dict[object, str], query: str) -> dict[object, float]:
    """BM25 written down once more, without any index."""
    bags = {key: tokenize(text) for key, text in texts.items()}
    mean = sum(map(len, bags.values())) / len(bags)
    scores = dict.fromkeys(bags, 0.0)
    for word in set(tokenize(query)):
        frequency = sum(word in bag for bag in bags.values())
        weight = math.log(1 + (len(bags) - frequency + 0.5) / (frequency + 0.5))
        for key, bag in bags.items():
            count = bag.count(word)
            scores[key] += weight * 2.2 * count / (count + 1.2 * (0.25 + 0.75 * len(bag) / mean))
    return {key: score for key, score in scores.items() if score > 0}


@pytest.fixture
def changed(store, make_document, unit_vectors):
    """Many changes: documents added, replaced and removed over several segments. Returns the living texts."""
    living: dict[str, list[str]] = {}
    for at in range(40):
        texts = random_texts(1 + at % 7, seed=at)
        key = f"k{at}"
        with store.write() as writer:
            document = make_document(key, texts, f"{at % 5}/{at % 25}.pdf")
            writer.put(document, unit_vectors(len(texts)), unit_vectors(1))
            living = {k: v for k, v in living.items() if int(k[1:]) % 25 != at % 25 or k == key}
            living[key] = texts
            if at % 9 == 8:
                victim = sorted(living)[0]
                writer.remove(make_document(victim, []).id)
                del living[victim]
    names = {record.id for record in store.snapshot().documents()}
    living = {key: texts for key, texts in living.items() if make_document(key, []).id in names}
    assert len(names) == len(living)
    return {make_document(key, []).id: texts for key, texts in living.items()}


QUERIES = ["w0 w1 w2 w55", "w59", "w3 w3 w20 unknown", " ".join(VOCABULARY), "w40 w41 w42 w43 w0"]


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("k", [1, 5, 1000])
def test_scores_are_those_of_the_definition_over_what_is_there_now(store, changed, query, k, monkeypatch):
    from mmrank.index import bm25

    monkeypatch.setattr(bm25, "LONG", 0)  # so that small collections take the short cuts of large ones
    passages = {(key, at): text for key, texts in changed.items() for at, text in enumerate(texts)}
    whole = {key: "\n".join(texts) for key, texts in changed.items()}
    for level, expected in (("passage", by_definition(passages, query)), ("document", by_definition(whole, query))):
        best = sorted(expected.values(), reverse=True)[:k]
        found = store.snapshot().search_lexical(query, k, level)
        np.testing.assert_allclose([match.score for match in found], best, rtol=1e-6)
        for match in found:
            key = (match.document_id, match.position) if level == "passage" else match.document_id
            assert match.score == pytest.approx(expected[key], rel=1e-6)


def test_a_filter_changes_which_passages_are_found_and_not_their_scores(store, changed):
    where = Filter(folder="2")
    for level in ("passage", "document"):
        everything = store.snapshot().search_lexical("w0 w1 w7", 1000, level)
        inside = {record.id for record in store.snapshot().documents(where)}
        expected = [match for match in everything if match.document_id in inside]
        found = store.snapshot().search_lexical("w0 w1 w7", 1000, level, where)
        assert [(m.document_id, m.position) for m in found] == [(m.document_id, m.position) for m in expected]
        np.testing.assert_allclose([m.score for m in found], [m.score for m in expected], rtol=1e-9)


def test_a_word_that_is_everywhere_still_counts_a_little(store, put):
    put(store, "only", ["alpha beta"])
    assert store.snapshot().search_lexical("alpha", 3)[0].score > 0


def test_words_outlive_compaction_and_reopening(store, changed):
    before = store.snapshot().search_lexical("w0 w5 w9 w30", 50)
    store.compact()
    after = Store.open(store.path).snapshot().search_lexical("w0 w5 w9 w30", 50)
    assert {(m.document_id, m.position): round(m.score, 9) for m in after} == {
        (m.document_id, m.position): round(m.score, 9) for m in before
    }
    assert verify(store.path) == []


def test_postings_of_parts_are_those_of_the_whole():
    texts = random_texts(50, seed=1)
    whole, first, second = PostingsBuilder(), PostingsBuilder(), PostingsBuilder()
    whole.add(1, texts[::2])
    first.add(1, texts[:20])
    second.add(1, texts[20:])
    keep = np.arange(0, 20, 2), np.arange(0, 30, 2)
    merged = merge([(first.build(), keep[0]), (second.build(), keep[1])])
    for name, array in whole.build().arrays().items():
        if name != "positions":
            np.testing.assert_array_equal(merged.arrays()[name], array, name)


def test_a_long_build_is_packed_in_between(monkeypatch):
    from mmrank.index import postings

    monkeypatch.setattr(postings, "FREEZE", 10)
    monkeypatch.setattr(postings, "CHUNK", 7)
    texts = random_texts(30, seed=2)
    packed = PostingsBuilder()
    for at, text in enumerate(texts):
        packed.add(at, [text])
    found = packed.build()
    monkeypatch.undo()
    plain = PostingsBuilder()
    for at, text in enumerate(texts):
        plain.add(at, [text])
    for name, array in plain.build().arrays().items():
        np.testing.assert_array_equal(found.arrays()[name], array, name)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Figure 2.1: ROA (2019)", ["figure", "2", "1", "2.1", "roa", "2019"]),
        ("naïve CAFÉ cafe\u0301", ["naïve", "café", "café"]),
        ("ﬁnance Straße", ["finance", "strasse"]),
        ("東京都 tower", ["東", "東京", "京", "京都", "都", "tower"]),
        ("snake_case-word's", ["snake", "case", "word", "s"]),
        ("हिन्दी", ["हिन्दी"]),
        ("", []),
    ],
)
def test_text_becomes_words(text, words):
    assert tokenize(text) == words
