"""The proof that the vision path is real: a tiny model learns to see, and then finds what text search cannot."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "train_tiny_vlm.py"


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("train_tiny_vlm", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_no_two_drawings_are_described_alike(example: ModuleType) -> None:
    drawings = example.all_drawings()
    assert len({drawing.question for drawing in drawings}) == len(drawings) == 294


@pytest.mark.slow
def test_a_tiny_model_learns_to_see_and_finds_what_text_search_cannot(example: ModuleType, tmp_path: Path) -> None:
    pytest.importorskip("trl")
    shapes, colours = {"circle", "square", "cross"}, {"red", "green", "blue", "yellow"}
    drawings = [one for one in example.all_drawings() if one.shape in shapes and one.colour in colours]
    assert len(drawings) == 108
    checkpoint, before, after, held_out = example.train(tmp_path, drawings, steps=200, batch=36)
    assert before < 0.1
    assert after >= 0.6  # .81 was seen, and .64 below; chance is .03
    assert example.found_in_collection(tmp_path / "seen", str(checkpoint), held_out) >= 0.45
    assert example.found_in_collection(tmp_path / "read", "minilm", held_out) < 0.2
