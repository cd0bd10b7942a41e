"""Pictures for Qwen's families: mmrank, qwen-vl-utils and the processors of transformers agree on sizes and pixels.

qwen-vl-utils needs a torchvision that fits torch. Where it is not there, the tests that need it are skipped.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models
from PIL import Image
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil, smart_resize

from mmrank import picture_sizes
from mmrank.picture_sizes import fitting, opened_for, prepared, square_of
from mmrank.types import BBox, ImageRef

PACKAGE = picture_sizes.qwen_vl_utils()
needs_package = pytest.mark.skipif(
    PACKAGE is None, reason="qwen-vl-utils is not installed, or torchvision does not fit"
)
BUDGETS = [(14, 4, 16384), (14, 4, 1280), (14, 256, 1280), (16, 4, 1280), (16, 4, 16), (14, 1, 60)]
"""Patch size, and least and most tokens of a picture."""


def sizes(count: int) -> Iterator[tuple[int, int]]:
    dice = random.Random(0)
    for _ in range(count):
        width = round(math.exp(dice.uniform(0, math.log(6000))))
        yield width, max(1, min(6000, round(width * math.exp(dice.uniform(-3, 3)))))


def strips(size: tuple[int, int], side: int) -> bool:
    return min(size) <= side or max(size) > 100 * min(size)


@pytest.mark.parametrize(("patch", "least", "most"), BUDGETS)
def test_sizes_are_those_of_the_processors(patch: int, least: int, most: int) -> None:
    side, compared = 2 * patch, 0
    for width, height in sizes(3000):
        found = fitting(width, height, most, side, least=least)
        assert found[0] % side == found[1] % side == 0
        assert found[0] * found[1] <= most * side**2
        if not strips(found, side):
            wanted = smart_resize(height, width, side, least * side**2, most * side**2)
            assert found[::-1] == wanted, (width, height)
            compared += 1
    assert compared > 1000


@needs_package
@pytest.mark.parametrize(("patch", "least", "most"), BUDGETS)
def test_sizes_are_those_of_qwen_vl_utils(patch: int, least: int, most: int) -> None:
    side = 2 * patch
    for width, height in sizes(3000):
        found = fitting(width, height, most, side, least=least)
        if not strips(found, side):
            assert found[::-1] == PACKAGE.smart_resize(height, width, side, least * side**2, most * side**2)


def noise(width: int, height: int) -> Image.Image:
    pixels = np.random.default_rng(width * 7 + height).integers(0, 256, (height // 8 + 2, width // 8 + 2, 3), np.uint8)
    return Image.fromarray(pixels).resize((width, height), Image.Resampling.NEAREST)


def processor(patch: int, least: int, most: int) -> Qwen2VLImageProcessorPil:
    side = 2 * patch
    size = {"shortest_edge": least * side**2, "longest_edge": most * side**2}
    return Qwen2VLImageProcessorPil(patch_size=patch, temporal_patch_size=2, merge_size=2, size=size)


SHAPES = [(640, 480), (333, 777), (29, 27), (1001, 53), (57, 641), (1240, 1754), (28, 28), (900, 31)]


@pytest.mark.parametrize("by", ["mmrank", pytest.param("qwen-vl-utils", marks=needs_package)])
@pytest.mark.parametrize(("patch", "least", "most"), [(14, 4, 200), (16, 4, 100), (14, 16, 64)])
def test_a_processor_sees_the_same_pixels_and_changes_no_size(
    patch: int, least: int, most: int, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if by == "mmrank":
        monkeypatch.setattr(picture_sizes, "qwen_vl_utils", lambda: None)
    side, pictures = 2 * patch, processor(patch, least, most)
    for width, height in SHAPES:
        image = noise(width, height)
        made = prepared(image, side=side, max_pixels=most * side**2, min_pixels=least * side**2)
        seen = pictures([made], return_tensors="np")
        assert seen["image_grid_thw"].tolist() == [[1, made.height // patch, made.width // patch]]
        whole = pictures([image], return_tensors="np")
        if not strips(made.size, side):
            assert seen["image_grid_thw"].tolist() == whole["image_grid_thw"].tolist()
            np.testing.assert_allclose(seen["pixel_values"], whole["pixel_values"], atol=1e-6)


@needs_package
def test_with_and_without_the_package_pictures_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    for width, height in [*SHAPES, (3, 1000), (2000, 30), (1, 1), *[s for s in sizes(150) if s[0] * s[1] < 500_000]]:
        image = noise(width, height)
        given: dict[str, Any] = {"side": 28, "max_pixels": 300 * 784, "min_pixels": 4 * 784}
        monkeypatch.undo()
        first = prepared(image, **given)
        monkeypatch.setattr(picture_sizes, "qwen_vl_utils", lambda: None)
        second = prepared(image, **given)
        assert first.size == second.size
        assert first.tobytes() == second.tobytes()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> ImageRef:
    import pymupdf

    path = tmp_path_factory.mktemp("pages") / "page.pdf"
    with pymupdf.open() as file:
        file.new_page(width=613, height=791).draw_rect((40, 40, 300, 300), fill=(1, 0, 0))
        file.save(path)
    return ImageRef(str(path), 0)


@pytest.mark.parametrize("squares", [7, 20, 33, 250])
def test_a_budget_in_pixels_is_one_in_tokens(page: ImageRef, squares: int) -> None:
    """Rounded by the processor alone, a page at the limit could take more."""
    model = tiny_models.tiny_qwen2_5_vl()
    side = square_of(model.processor)
    assert side is not None
    limit = model.processor.image_processor.size["longest_edge"] // side**2
    image = opened_for(model.processor, page, squares * side**2 + 5)
    assert image.width % side == image.height % side == 0
    assert image.width * image.height <= min(squares, limit) * side**2
    small = opened_for(model.processor, ImageRef(page.path, 0, BBox(0, 0, 1, 1)), 10**6)
    assert small.width * small.height >= model.processor.image_processor.size["shortest_edge"]


def test_models_that_cut_tiles_get_pictures_as_they_are(page: ImageRef) -> None:
    model = tiny_models.tiny_smolvlm()
    assert square_of(model.processor) is None
    assert opened_for(model.processor, page, 90_000).size == page.open(max_pixels=90_000).size


def test_encoders_rerankers_and_training_prepare_pictures_in_one_place() -> None:
    """Elsewhere only what is not shown to a model of Qwen's on this machine renders a picture."""
    root = Path(picture_sizes.__file__).parent
    rendering = {
        str(path.relative_to(root))
        for room in ("encoders", "rerankers", "llm", "train")
        for path in (root / room).rglob("*.py")
        if ".open(max_pixels" in path.read_text(encoding="utf-8")
    }
    assert rendering == {"encoders/content.py", "llm/openai_engine.py"}
