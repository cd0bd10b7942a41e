"""What the checks read: passages, pictures that need no PDF, small vision-language models."""

from __future__ import annotations

import random
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from mmrank.types import Candidate, ImageRef, Part, PartKind, Passage

Figures = dict[str, Any]
COLOURS = ("red", "green", "blue", "orange", "purple", "black")
WORDS = (
    "the report says that revenue of the second quarter rose while costs fell and the board expects a profit for "
    "the whole year because new plants in the north deliver more steel than the old ones did before they were closed "
    "a table lists sales by country and a chart shows how many people work in each office of the company"
).split()


class LeftOutError(Exception):
    """A check does not apply here: says why."""


@dataclass(frozen=True, slots=True)
class Drawing(ImageRef):
    """A picture that is drawn when it is opened: a shape whose colour and place depend on `page`."""

    def open(self, *, max_pixels: int = 1_500_000, marks: Any = ()) -> Image.Image:
        """Draw it, RGB, at most `max_pixels`."""
        side = max(28, min(224, int(max_pixels**0.5) // 28 * 28))
        picture = Image.new("RGB", (side, side), "white")
        left = (self.page * side // 9) % (side // 2)
        ImageDraw.Draw(picture).ellipse((left, left, left + side // 2, left + side // 2), fill=colour(self.page))
        return picture


def colour(page: int) -> str:
    """What the drawing of a number is painted in."""
    return COLOURS[page % len(COLOURS)]


def words(chance: random.Random, count: int) -> str:
    """So many words."""
    return " ".join(chance.choice(WORDS) for _ in range(count))


def text_passages(count: int, longest: int = 160) -> list[Passage]:
    """Passages of 10 to `longest` words."""
    chance = random.Random(0)
    return [passage(place, words(chance, chance.randint(10, longest))) for place in range(count)]


def mixed_passages(count: int) -> list[Passage]:
    """Passages of text, of a picture, and of both."""
    chance = random.Random(0)
    kinds = ((words(chance, 12), 0, words(chance, 5)), (words(chance, 30),), (1,), (2, "a caption", 3))
    return [
        passage(place, *(part + place if isinstance(part, int) else part for part in kinds[place % 4]))
        for place in range(count)
    ]


def passage(place: int, *content: str | int) -> Passage:
    """A passage of texts and drawings."""
    return Passage(f"d/{place}", "d", place, 0, _parts(content), (), ())


def candidate(place: int, *content: str | int) -> Candidate:
    """A candidate of texts and drawings."""
    return Candidate(f"c{place}", _parts(content), 0.0, "d", place)


def _parts(content: tuple[str | int, ...]) -> tuple[Part, ...]:
    return tuple(
        Part(PartKind.TEXT, item, ()) if isinstance(item, str) else Part(PartKind.IMAGE, "", (), Drawing("", item))
        for item in content
    )


def tiny(name: str, **settings: Any) -> Any:
    """A small vision-language model of a real class, with its processor (tests/tiny_models.py)."""
    sys.path.append(str(Path(__file__).resolve().parents[2] / "tests"))
    import tiny_models

    return getattr(tiny_models, f"tiny_{name}")(**settings)


def saved(name: str, **settings: Any) -> Path:
    """The folder of such a model, as a checkpoint."""
    folder = Path(tempfile.mkdtemp(prefix="mmrank-gpu-check-")) / name
    return Path(tiny(name, **settings).save(folder))


def least_cosine(found: Any, expected: Any) -> float:
    """The least cosine of a vector with the one it should be."""
    rows = zip(_rows(found), _rows(expected), strict=True)
    return round(min(float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b))) for a, b in rows), 6)


def _rows(vectors: Any) -> np.ndarray:
    return np.concatenate(vectors) if isinstance(vectors, list) else np.asarray(vectors)


def require(holds: bool, said: str, figures: Figures) -> None:
    """Fail with what was measured unless it holds."""
    if not holds:
        raise AssertionError(said, figures)


def seconds(device: str, run: Callable[[], Any], times: int = 5) -> float:
    """Median seconds of a call, after one that is not counted; a GPU has finished its work."""
    import time

    import torch

    taken = []
    for _ in range(times + 1):
        start = time.perf_counter()
        run()
        if device.startswith("cuda"):
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - start)
    return float(np.median(taken[1:]))
