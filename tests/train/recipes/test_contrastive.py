"""All four kinds of encoder are trained by contrast, keep what they learnt on disk, and read page pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pymupdf
import pytest
import torch
from tiny_models import Tiny

from mmrank.encoders import load_encoder
from mmrank.encoders.minilm_weights import embedded_folder
from mmrank.errors import InputError
from mmrank.train.data.examples import RankingExample, write_examples
from mmrank.train.data.pages import page_picture, page_reference
from mmrank.train.loading import run_recipe
from mmrank.types import Part, PartKind, Passage, Query

pytest.importorskip("trl")

COLOURS = {"red": (1, 0, 0), "green": (0, 0.7, 0), "blue": (0, 0, 1), "yellow": (1, 1, 0)}


def coloured(folder: Path) -> dict[str, Any]:
    source: dict[str, Any] = {"toy": 0}
    for side in ("examples", "held_out"):
        path = folder / f"{side}.pdf"
        with pymupdf.open() as file:
            for colour in COLOURS.values():
                file.new_page(width=64, height=64).draw_rect((8, 8, 56, 56), fill=colour)
            file.save(path)
        made = [
            RankingExample(f"the {name} square", (page_reference(path, page),), (), side)
            for page, name in enumerate(COLOURS)
        ]
        source[side] = folder / f"{side}.jsonl"
        write_examples(source[side], [*made, *made] if side == "examples" else made)
    return source


def seen(name: str, page: int) -> Passage:
    return Passage("p", "p", 0, 0, (Part(PartKind.IMAGE, "", (), page_picture(f"{name}#page={page + 1}")),), (), ())


@pytest.mark.slow
@pytest.mark.parametrize("family", ["tiny_qwen3_vl", "tiny_colqwen2"])
def test_vision_encoders_learn_which_page_a_question_means(
    family: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    tiny: Tiny = request.getfixturevalue(family)
    report = run_recipe(
        "contrastive",
        variant="small",
        out=tmp_path / "run",
        encoder=str(tiny.save(tmp_path / "base")),
        source={**coloured(tmp_path), "held_out_limit": 4},
        pictures=True,
        max_pixels=1024,
        negatives=0,
        lora=None,
        trainer={"max_steps": 60, "batch": 4, "learning_rate": 5e-3, "save_steps": 20},
    )
    assert report.after["recall"] == 1
    assert report.after["loss"] < report.before["loss"]
    again = load_encoder(str(tmp_path / "run" / "model"), device="cpu", dtype="float32", max_pixels=1024)
    asked = again.encode_queries([Query(f"the {name} square") for name in COLOURS])
    pages = again.encode_passages([seen(str(tmp_path / "held_out.pdf"), page) for page in range(4)])
    found = [[float((q @ p.T).max(-1).mean()) if q.ndim > 1 else float(q @ p) for p in pages] for q in asked]
    assert [row.index(max(row)) for row in found] == [0, 1, 2, 3]


@pytest.mark.slow
def test_a_multi_vector_text_encoder_is_trained_by_maxsim_and_its_adapter_merged(tmp_path: Path) -> None:
    from sentence_transformers import MultiVectorEncoder

    torch.manual_seed(0)
    MultiVectorEncoder(str(embedded_folder()), device="cpu").save(str(tmp_path / "colbert"))
    trainer = {"max_steps": 12, "save_steps": 4, "learning_rate": 3e-3}
    out = tmp_path / "run"
    report = run_recipe("contrastive", variant="small", out=out, encoder=str(tmp_path / "colbert"), trainer=trainer)
    assert report.after["loss"] < report.before["loss"]
    weights = load_encoder(str(out / "model"), device="cpu", dtype="float32").model.state_dict()  # type: ignore[union-attr]
    assert not any("lora" in name for name in weights)
    base = load_encoder(str(tmp_path / "colbert"), device="cpu", dtype="float32").model.state_dict()  # type: ignore[union-attr]
    assert any(not torch.equal(weights[name], base[name]) for name in base if "query.weight" in name)


def test_a_text_encoder_is_refused_for_pictures(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="reads no pictures"):
        run_recipe("contrastive", variant="small", out=tmp_path / "run", pictures=True)
