"""Recipes by name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mmrank.errors import InputError
from mmrank.train.loading import RECIPES, run_recipe

pytest.importorskip("trl")


def test_an_unknown_recipe_or_variant_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="mm_r5"):
        run_recipe("mm_r6", out=tmp_path)
    with pytest.raises(InputError, match="small"):
        run_recipe("dear", variant="huge", out=tmp_path)


def test_the_guide_names_every_recipe_and_every_recipe_has_its_yaml() -> None:
    root = Path(__file__).parents[2]
    rows = re.findall(r"^\| `(\w+)` \|", (root / "docs" / "training.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(RECIPES) <= set(rows)
    assert {path.stem for path in (root / "mmrank" / "train" / "recipes").glob("*.yaml")} == set(RECIPES)
