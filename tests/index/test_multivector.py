"""MaxSim and its storage."""

from __future__ import annotations

import numpy as np
import pytest

from mmrank.errors import InputError
from mmrank.index import EncoderIdentity, MaxSim, Store, pool_tokens, verify
from mmrank.index.quantise import quantise, restore


def by_definition(query, passages):
    return np.array([(query @ tokens.T).max(axis=1).sum() if len(tokens) else -np.inf for tokens in passages])


@pytest.mark.parametrize("budget", [1, 5_000, 1 << 26])
@pytest.mark.parametrize("lengths", [[3, 1, 7, 2], [5, 5, 5], [0, 4, 0], [1]])
def test_maxsim_is_the_sum_of_best_similarities_whatever_the_lengths_and_the_budget(unit_vectors, budget, lengths):
    query, tokens = unit_vectors(4), unit_vectors(sum(lengths), seed=1)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    scores = MaxSim(budget).score(query, tokens, offsets)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, by_definition(query, np.split(tokens, offsets[1:-1])), atol=1e-5)


def test_a_passage_of_negative_similarities_is_not_lifted_by_padding(unit_vectors):
    query = unit_vectors(1)
    tokens = np.concatenate([-query, query, query])
    scores = MaxSim().score(query, tokens, np.array([0, 1, 3]))
    np.testing.assert_allclose(scores, [-1, 1], atol=1e-6)


def test_maxsim_agrees_with_sentence_transformers(unit_vectors):
    import torch
    from sentence_transformers.util import maxsim

    query, tokens = unit_vectors(6), unit_vectors(40, seed=1)
    expected = maxsim(torch.from_numpy(query)[None], torch.from_numpy(tokens.reshape(4, 10, -1)))[0]
    np.testing.assert_allclose(MaxSim().score(query, tokens, np.arange(0, 41, 10)), expected, atol=1e-5)


def test_eight_bits_keep_the_scores(unit_vectors):
    query, tokens = unit_vectors(8), unit_vectors(3000, seed=1)
    codes, scales = quantise(tokens)
    offsets = np.arange(0, 3001, 30)
    exact, coded = MaxSim().score(query, tokens, offsets), MaxSim().score(query, codes, offsets, scales)
    assert np.abs(exact - coded).max() < 0.05
    assert np.argmax(exact) == np.argmax(coded)
    np.testing.assert_allclose(restore(codes, scales), tokens, atol=float(scales.max()) / 2 + 1e-6)


def test_a_zero_vector_is_stored_as_one():
    codes, scales = quantise(np.zeros((1, 4), np.float32))
    assert not restore(codes, scales).any()


def test_a_question_that_does_not_fit_is_refused(unit_vectors):
    for query in (np.zeros((0, 16), np.float32), np.ones((1, 8), np.float32), np.full((1, 16), np.nan, np.float32)):
        with pytest.raises(InputError):
            MaxSim().score(query, unit_vectors(3), np.array([0, 3]))


def test_pooling_leaves_one_token_in_three_and_keeps_distinct_ones(unit_vectors):
    centres = unit_vectors(10)
    tokens = np.repeat(centres, 3, axis=0) + 0.01 * unit_vectors(30, seed=2)
    tokens /= np.linalg.norm(tokens, axis=1, keepdims=True)
    pooled = pool_tokens(tokens, 3)
    assert pooled.shape == (10, 16)
    np.testing.assert_allclose(np.linalg.norm(pooled, axis=1), 1, atol=1e-5)
    assert ((pooled @ centres.T).max(axis=0) > 0.999).all()
    assert pool_tokens(tokens, 1) is tokens
    assert len(pool_tokens(tokens[:1], 3)) == 1


@pytest.fixture
def multi(tmp_path, make_document, unit_vectors):
    """Documents of passages of 0 to 8 tokens, in several changes; one is removed. Returns store and tokens by id."""
    store = Store.create(tmp_path / "multi", encoder=EncoderIdentity("tokens", "1", 16, multi_vector=True))
    kept = {}
    for at in range(20):
        tokens = [unit_vectors(length, seed=100 * at + length) for length in range(at % 9)]
        document = make_document(f"k{at}", ["w"] * len(tokens))
        means = np.array([t.mean(0) if len(t) else np.zeros(16) for t in tokens], np.float32).reshape(-1, 16)
        with store.write() as writer:
            writer.put(document, means, means[:1], tokens)
        kept[document.id] = tokens
    with store.write() as writer:
        writer.remove(make_document("k8", []).id)
    del kept[make_document("k8", []).id]
    return store, kept


@pytest.mark.parametrize("compacted", [False, True])
def test_token_vectors_are_kept_scored_and_survive_compaction(multi, unit_vectors, compacted):
    store, kept = multi
    if compacted:
        store.compact()
    assert verify(store.path) == []
    snapshot = store.snapshot()
    query = unit_vectors(5, seed=77)
    places, expected = [], {}
    for identifier, tokens in kept.items():
        for found, stored in zip(snapshot.token_vectors(identifier), tokens, strict=True):
            np.testing.assert_allclose(found, stored, atol=0.005)
        for position in range(1, len(tokens)):
            places.append((identifier, position))
            expected[identifier, position] = by_definition(query, [tokens[position]])[0]
    matches = snapshot.score_tokens(query, places[::2])
    assert len(matches) == len(places[::2])
    for match in matches:
        assert match.score == pytest.approx(expected[match.document_id, match.position], abs=0.05)
    assert [match.score for match in matches] == sorted((match.score for match in matches), reverse=True)


def test_token_vectors_must_come_with_a_multi_vector_encoder_and_only_then(multi, store, make_document, unit_vectors):
    arguments = make_document("x", ["w"]), unit_vectors(1), unit_vectors(1)
    with multi[0].write() as writer, pytest.raises(InputError, match="needs token vectors"):
        writer.put(*arguments)
    with store.write() as writer, pytest.raises(InputError, match="no token vectors"):
        writer.put(*arguments, [unit_vectors(3)])
    with multi[0].snapshot() as snapshot, pytest.raises(InputError, match="passages"):
        snapshot.score_tokens(unit_vectors(1), [(make_document("k3", []).id, 99)])
