"""The contrastive trainer trains a real, small vision-language encoder."""

import numpy as np
import pymupdf
import pytest
import torch

import mmrank.train.contrastive as trainer
from mmrank.encoders import load_encoder
from mmrank.errors import InputError, MmrankError
from mmrank.train.contrastive import ContrastiveOptions, train_contrastive
from mmrank.types import ImageRef, Part, PartKind, Passage, Query

COLOURS = {"red": (1, 0, 0), "green": (0, 0.7, 0), "blue": (0, 0, 1), "yellow": (1, 1, 0)}


@pytest.fixture
def encoder(tiny_qwen3_vl, tmp_path):
    return load_encoder(str(tiny_qwen3_vl.save(tmp_path / "tiny")), device="cpu", dtype="float32", max_pixels=1024)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    path = tmp_path_factory.mktemp("colours") / "colours.pdf"
    with pymupdf.open() as file:
        for colour in COLOURS.values():
            file.new_page(width=64, height=64).draw_rect((8, 8, 56, 56), fill=colour)
        file.save(path)
    return [
        (
            Query(f"the {name} square"),
            Passage(f"d/{page}", "d", page, page, (Part(PartKind.IMAGE, "", (), ImageRef(str(path), page)),), (), ()),
        )
        for page, name in enumerate(COLOURS)
    ]


def test_it_learns_which_picture_a_question_means(encoder, pairs) -> None:
    options = ContrastiveOptions(steps=60, batch=4, learning_rate=5e-3, keep_inputs=True)
    losses = train_contrastive(encoder, pairs, options)
    assert losses[-1] < 0.2 < losses[0]
    scores = encoder.encode_queries([query for query, _ in pairs]) @ encoder.encode_passages([p for _, p in pairs]).T
    assert scores.argmax(1).tolist() == [0, 1, 2, 3]
    assert not encoder.model.training


def test_the_same_seed_gives_the_same_losses(encoder, pairs, tiny_qwen3_vl, tmp_path) -> None:
    options = ContrastiveOptions(steps=3, batch=2, seed=5)
    twin = load_encoder(str(tiny_qwen3_vl.save(tmp_path / "twin")), device="cpu", dtype="float32", max_pixels=1024)
    assert train_contrastive(encoder, pairs, options) == train_contrastive(twin, pairs, options)


def test_frozen_parameters_stay_as_they_are(encoder, pairs) -> None:
    vision = encoder.model[0].model.visual
    vision.requires_grad_(False)
    before = [parameter.clone() for parameter in vision.parameters()]
    train_contrastive(encoder, pairs, ContrastiveOptions(steps=2, batch=4))
    for old, new in zip(before, vision.parameters(), strict=True):
        torch.testing.assert_close(old, new, rtol=0, atol=0)


def test_the_same_passage_twice_in_a_batch_is_not_its_own_negative(encoder, pairs) -> None:
    twice = [pairs[0], (Query("the square in red"), pairs[0][1])]
    assert train_contrastive(encoder, twice, ContrastiveOptions(steps=1, batch=2)) == [0.0]


def test_every_pair_is_seen_once_before_any_is_seen_again() -> None:
    seen = [p for batch in trainer._shuffled(10, ContrastiveOptions(steps=5, batch=2)) for p in batch]
    assert sorted(seen) == list(range(10))


def test_the_rate_rises_then_falls_to_nothing() -> None:
    options = ContrastiveOptions(steps=100, warmup=0.1)
    rates = [trainer._rate(step, options) for step in range(100)]
    assert np.argmax(rates) in (9, 10)
    assert max(rates) == 1
    assert rates[0] == pytest.approx(0.1)
    assert rates[-1] < 0.001


def test_too_few_pairs_are_refused(encoder, pairs) -> None:
    with pytest.raises(InputError, match="batch of 8"):
        train_contrastive(encoder, pairs, ContrastiveOptions(batch=8))


def test_a_loss_that_is_not_finite_stops_the_training(encoder, pairs) -> None:
    with torch.no_grad():
        next(iter(encoder.model.parameters())).fill_(torch.nan)
    with pytest.raises(MmrankError, match="lower the learning rate"):
        train_contrastive(encoder, pairs, ContrastiveOptions(steps=1, batch=4))
