"""Recognition of text in pictures (PP-OCR by rapidocr), with boxes back in page coordinates."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmrank.errors import InputError, MmrankError
from mmrank.ingest.drafts import Line, Rect

LONGEST_SIDE = 1600
"""Longest side of a picture that is recognised, in pixels."""
LONGEST_SIDE_FOR_SMALL_TEXT = 2600
"""Longest side for small text, in pixels, if the file holds so many."""
SMALL_TEXT_HEIGHT = 11
"""Text of less than this height, in pixels, is recognised again at a higher resolution."""
LEAST_CONFIDENCE = 0.55
"""Lines recognised with less confidence are dropped."""


def installed_languages() -> dict[str, Path]:
    """The languages that can be recognised, with their models: those in the folder `models` of rapidocr.

    "default" comes with rapidocr, and reads Chinese, Japanese and languages in Latin letters. Others are files such as
    "cyrillic_PP-OCRv5_rec_mobile.onnx" that people put there.
    """
    spec = importlib.util.find_spec("rapidocr")
    if spec is None or spec.origin is None:
        return {}
    found: dict[str, Path] = {}
    for path in sorted((Path(spec.origin).parent / "models").glob("*rec*.onnx")):
        named = re.match(r"(?:([a-z_]+?)_)?PP-OCR", path.name)
        if named:
            found[named[1] or "default"] = path
    return found


def check_language(language: str) -> None:
    """Raise InputError where the model of a language is not installed; it names those that are."""
    known = installed_languages()
    if known and language not in known:
        raise InputError(
            f"ocr_language {language!r} is not installed; there are: {', '.join(sorted(known))}. Put its PP-OCR model,"
            f" such as {language}_PP-OCRv5_rec_mobile.onnx, into {next(iter(known.values())).parent}"
        )


class Recogniser:
    """Finds text in regions of pages; keeps results by the picture's hash. Each process needs only one.

    Args:
        cache: directory of results, or None.
        language: "default", or another of `installed_languages()`.
        shared: directory of earlier results, of any file, which is only read.

    Raises:
        InputError: when the language is not installed.
    """

    def __init__(self, cache: Path | None = None, language: str = "default", shared: Path | None = None) -> None:
        check_language(language)
        self._cache = cache
        self._shared = shared
        self._language = language
        self._known: dict[str, list[list[Any]]] = {}

    def lines(self, page: Any, box: Rect, density: float, turn: int = 0) -> list[Line]:
        """Lines of text in a box of a page, top to bottom.

        Args:
            page: a PyMuPDF page.
            box: the region, in points of the shown page.
            density: pixels per point of the picture in it; 0 if it is painted by paths.
            turn: quarter turns clockwise by which the text is expected to be set.
        """

        longest = max(box[2] - box[0], box[3] - box[1])
        finest = min(max(density, 1.0) if density else 4.0, 4.0, LONGEST_SIDE_FOR_SMALL_TEXT / longest)
        zoom = min(max(density, 1.0) if density else 2.0, 3.0, LONGEST_SIDE / longest)
        found = self._at(page, box, zoom, turn)
        heights = sorted(line.size / 0.8 * zoom for line in found)
        if heights and heights[len(heights) // 2] < SMALL_TEXT_HEIGHT and finest > 1.3 * zoom:
            found = self._at(page, box, min(finest, 2 * zoom), turn)
        return found

    def _at(self, page: Any, box: Rect, zoom: float, turn: int) -> list[Line]:
        """Lines of text in a box of a page, rendered at `zoom` pixels per point."""
        import pymupdf

        pixels = page.get_pixmap(
            matrix=pymupdf.Matrix(zoom, zoom), clip=pymupdf.Rect(box), colorspace=pymupdf.csRGB, alpha=False
        )
        picture = np.frombuffer(pixels.samples, np.uint8).reshape(pixels.height, pixels.width, 3)
        left, top = pixels.x / zoom, pixels.y / zoom
        found = []
        for text, score, *corners in self._read(np.ascontiguousarray(np.rot90(picture, turn))):
            x0, y0, x1, y1 = _unturned(corners, turn, pixels.width, pixels.height)
            place = (left + x0 / zoom, top + y0 / zoom, left + x1 / zoom, top + y1 / zoom)
            width, height = place[2] - place[0], place[3] - place[1]
            along = corners[2] - corners[0] > 0.8 * (corners[3] - corners[1]) or len(text) < 3
            own = turn if along else (turn + 1) % 4
            found.append(Line(text, place, 0.8 * min(width, height), False, score, 0, own))
        return found

    def _read(self, picture: NDArray[np.uint8]) -> list[list[Any]]:
        if min(picture.shape[:2]) < 8 or _blank(picture):
            return []
        named = "" if self._language == "default" else self._language
        key = hashlib.sha256(named.encode() + repr(picture.shape).encode() + picture.tobytes()).hexdigest()[:32]
        if key in self._known:
            return self._known[key]
        for folder in filter(None, (self._cache, self._shared)):
            if (kept := _kept(folder / key[:2] / f"{key}.json")) is not None:
                return kept
        file = self._cache / key[:2] / f"{key}.json" if self._cache else None
        rows = self._recognise(picture)
        if len(self._known) < 2000:
            self._known[key] = rows
        if file:
            file.parent.mkdir(parents=True, exist_ok=True)
            part = file.with_suffix(f".{os.getpid()}.part")
            part.write_bytes(json.dumps(rows, ensure_ascii=False).encode())
            part.replace(file)
        return rows

    def _recognise(self, picture: NDArray[np.uint8]) -> list[list[Any]]:
        result = recognition(self._language)(np.ascontiguousarray(picture[:, :, ::-1]))
        if result.boxes is None or result.txts is None:
            return []
        rows = []
        for corners, text, score in zip(result.boxes, result.txts, result.scores, strict=True):
            if score < LEAST_CONFIDENCE or not text.strip():
                continue
            low, high = corners.min(axis=0), corners.max(axis=0)
            rows.append([text.strip(), round(float(score), 3), *(round(float(v), 1) for v in (*low, *high))])
        return rows


def _kept(file: Path) -> list[list[Any]] | None:
    try:
        rows: list[list[Any]] = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return None
    return rows


@cache
def recognition(language: str) -> Any:
    """The models that find and read text in a language, loaded once per process.

    Raises:
        MmrankError: when they are not installed.
    """
    try:
        import cv2
        from rapidocr import RapidOCR
    except ImportError as error:
        raise MmrankError(
            "rapidocr is not installed, so pictures cannot be read: install it or pass ocr=False"
        ) from error
    cv2.setNumThreads(1)
    other = {} if language == "default" else {"Rec.model_path": str(installed_languages()[language])}
    return RapidOCR(
        params={
            **other,
            "Global.use_cls": False,
            "Global.log_level": "error",
            "Global.max_side_len": LONGEST_SIDE_FOR_SMALL_TEXT + 32,
            "Det.limit_type": "max",
            "Det.limit_side_len": 1120,
            # Lines one by one: on a processor, padding them to one width costs more time than batches save.
            "Rec.rec_img_shape": [3, 48, 96],
            "Rec.rec_batch_num": 1,
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )


def _unturned(box: list[float], turn: int, width: int, height: int) -> Rect:
    """A box of a picture that was turned counterclockwise, in the picture as it was, of this size in pixels."""
    x0, y0, x1, y1 = box
    if turn == 1:
        return (width - y1, x0, width - y0, x1)
    if turn == 2:
        return (width - x1, height - y1, width - x0, height - y0)
    if turn == 3:
        return (y0, height - x1, y1, height - x0)
    return (x0, y0, x1, y1)


def _blank(picture: NDArray[np.uint8]) -> bool:
    """Whether a picture is nearly of one colour."""
    grey = picture[::2, ::2].mean(axis=2)
    return float(grey.std()) < 4.0
