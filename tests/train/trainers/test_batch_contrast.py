"""Contrastive training of a real, small vision-language encoder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pymupdf
import pytest
import torch
from tiny_models import Tiny

from mmrank.encoders import load_encoder
from mmrank.encoders.vision import VisionEncoder
from mmrank.errors import MmrankError
from mmrank.train.trainers.batch_contrast import BatchScorer, QuestionRow, train_encoder
from mmrank.train.trainers.settings import TrainerSettings
from mmrank.types import ImageRef, Part, PartKind, Passage, Query

pytest.importorskip("trl")

COLOURS = {"red": (1, 0, 0), "green": (0, 0.7, 0), "blue": (0, 0, 1), "yellow": (1, 1, 0)}


def loaded(tiny: Tiny, folder: Path) -> VisionEncoder:
    encoder = load_encoder(str(tiny.save(folder)), device="cpu", dtype="float32", max_pixels=1024)
    assert isinstance(encoder, VisionEncoder)
    return encoder


@pytest.fixture
def encoder(tiny_qwen3_vl: Tiny, tmp_path: Path) -> VisionEncoder:
    return loaded(tiny_qwen3_vl, tmp_path / "tiny")


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[QuestionRow]:
    path = tmp_path_factory.mktemp("colours") / "colours.pdf"
    with pymupdf.open() as file:
        for colour in COLOURS.values():
            file.new_page(width=64, height=64).draw_rect((8, 8, 56, 56), fill=colour)
        file.save(path)
    made: list[QuestionRow] = []
    for page, name in enumerate(COLOURS):
        picture = Part(PartKind.IMAGE, "", (), ImageRef(str(path), page))
        passage = Passage(f"d/{page}", "d", page, page, (picture,), (), ())
        made.append({"query": f"the {name} square", "passages": [passage], "known": [passage.id]})
    return made


def settings(**changes: Any) -> TrainerSettings:
    steps = changes.get("max_steps", 1)
    return TrainerSettings(
        **{"bf16": False, "batch": 4, "save_steps": steps, "log_steps": 1, "max_steps": steps} | changes
    )


def losses(out: Path) -> list[float]:
    found = [json.loads(line) for line in (out / "metrics.jsonl").open()]
    return [row["loss"] for row in found if "loss" in row]


def test_it_learns_which_picture_a_question_means(
    encoder: VisionEncoder, rows: list[QuestionRow], tmp_path: Path
) -> None:
    options = settings(max_steps=60, learning_rate=5e-3, schedule="cosine")
    before, after = train_encoder(encoder, rows, rows, settings=options, out=tmp_path / "run", keep_inputs=True)
    assert after["loss"] < 0.2 < before["loss"]
    assert after["recall"] == 1
    passages = [row["passages"][0] for row in rows]
    asked = [Query(row["query"]) for row in rows]
    scores = encoder.encode_queries(asked) @ encoder.encode_passages(passages).T
    assert scores.argmax(1).tolist() == [0, 1, 2, 3]
    assert not encoder.model.training


def test_the_same_seed_gives_the_same_losses(
    encoder: VisionEncoder, rows: list[QuestionRow], tiny_qwen3_vl: Tiny, tmp_path: Path
) -> None:
    twin = loaded(tiny_qwen3_vl, tmp_path / "twin")
    options = settings(max_steps=3, batch=2, seed=5)
    for number, one in enumerate((encoder, twin)):
        train_encoder(one, rows, rows, settings=options, out=tmp_path / f"run-{number}")
    assert len(losses(tmp_path / "run-0")) == 3
    assert losses(tmp_path / "run-0") == losses(tmp_path / "run-1")


def test_frozen_parameters_stay_as_they_are(encoder: VisionEncoder, rows: list[QuestionRow], tmp_path: Path) -> None:
    vision = encoder.model[0].model.visual
    vision.requires_grad_(False)
    before = [parameter.clone() for parameter in vision.parameters()]
    others = [parameter.clone() for parameter in encoder.model.parameters() if parameter.requires_grad]
    train_encoder(encoder, rows, rows, settings=settings(max_steps=2), out=tmp_path / "run")
    for old, new in zip(before, vision.parameters(), strict=True):
        torch.testing.assert_close(old, new, rtol=0, atol=0)
    trained = [parameter for parameter in encoder.model.parameters() if parameter.requires_grad]
    assert any(not torch.equal(old, new) for old, new in zip(others, trained, strict=True))


def test_the_same_passage_twice_in_a_batch_is_not_its_own_negative(
    encoder: VisionEncoder, rows: list[QuestionRow], tmp_path: Path
) -> None:
    twice = [rows[0], {**rows[0], "query": "the square in red"}]
    before, _ = train_encoder(encoder, twice, twice, settings=settings(), out=tmp_path / "run")
    assert before["loss"] == 0
    assert losses(tmp_path / "run") == [0.0]


def test_the_right_passage_comes_first_and_the_others_of_the_batch_follow(
    encoder: VisionEncoder, rows: list[QuestionRow]
) -> None:
    batch = BatchScorer(encoder).collate(
        [rows[0], {**rows[1], "passages": [*rows[1]["passages"], *rows[2]["passages"]]}]
    )
    assert batch["order"].tolist() == [[0, 1, 2], [1, 0, 2]]
    assert batch["mask"].all()


def test_kept_inputs_are_made_once(encoder: VisionEncoder, rows: list[QuestionRow]) -> None:
    kept, fresh = BatchScorer(encoder, keep_inputs=True), BatchScorer(encoder)
    assert kept.collate(rows)["passages"][0] is kept.collate(rows)["passages"][0]
    assert kept.collate(rows)["queries"][0] is kept.collate(rows)["queries"][0]
    assert fresh.collate(rows)["passages"][0] is not fresh.collate(rows)["passages"][0]


def test_a_loss_that_is_not_finite_stops_the_training(
    encoder: VisionEncoder, rows: list[QuestionRow], tmp_path: Path
) -> None:
    with torch.no_grad():
        next(iter(encoder.model.parameters())).fill_(torch.nan)
    with pytest.raises(MmrankError, match="lower the learning rate"):
        train_encoder(encoder, rows, rows, settings=settings(), out=tmp_path / "run")
