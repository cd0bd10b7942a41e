"""Results for a terminal, as JSON or as pictures."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from mmrank.errors import InputError, MmrankError
from mmrank.printable import escaped_json, printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from PIL.Image import Image


PIPED_WIDTH = 140


class CleanConsole(Console):
    """A console on which no printed text can act (`mmrank.printable`). All that is printed for people passes here."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Segments with the texts cleaned; what rich itself says to the terminal stays."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(printable(segment.text), segment.style)


# Names and paths are printed as they are: brackets and colons in them are not markup.
console = CleanConsole(width=None if sys.stdout.isatty() else PIPED_WIDTH, markup=False, emoji=False)
errors = CleanConsole(stderr=True, markup=False, emoji=False)


def print_json(value: Any) -> None:
    """Print one JSON document on standard output."""

    def plain(item: Any) -> Any:
        if is_dataclass(item) and not isinstance(item, type):
            return asdict(item)
        if isinstance(item, Path):
            return str(item)
        if hasattr(item, "isoformat"):
            return item.isoformat()
        if hasattr(item, "item"):
            return item.item()
        raise TypeError(f"{type(item).__name__} has no JSON form")

    print(escaped_json(json.dumps(value, default=plain, ensure_ascii=False, indent=2)))


def check_picture(path: Path) -> None:
    """Make sure that a picture can be saved at this path, before the work for it is done.

    Raises:
        InputError: for a folder, or a suffix that no picture format has.
        MmrankError: where nothing can be written.
    """
    from PIL import Image

    if path.is_dir():
        raise InputError(f"{path} is a folder; name a file in it, such as {path / 'page.png'}")
    if Image.registered_extensions().get(path.suffix.lower()) not in Image.SAVE:
        raise InputError(f"{path} does not end in the suffix of a picture format; name it {path.stem}.png")
    if not path.parent.is_dir():
        raise MmrankError(f"{path} cannot be written: there is no folder {path.parent}")
    _check_writable(path if path.exists() else path.parent, path)


def make_picture_folder(path: Path) -> None:
    """Make a folder for pictures unless there is one, and make sure that it can be written to.

    Raises:
        InputError: when it is a file.
        MmrankError: where nothing can be written.
    """
    if path.exists() and not path.is_dir():
        raise InputError(f"{path} is a file; name a folder for the pictures")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MmrankError(f"{path} cannot be written: {error.strerror or error}") from error
    _check_writable(path, path)


def save_picture(image: Image, path: Path) -> None:
    """Save a picture, in the format that its suffix names.

    Raises:
        InputError: for a folder, or a suffix that no picture format has.
        MmrankError: when it cannot be written.
    """
    check_picture(path)
    try:
        image.save(path)
    except (OSError, ValueError, KeyError) as error:  # Pillow's formats differ in what they raise
        raise MmrankError(f"{path} cannot be written: {getattr(error, 'strerror', None) or error}") from error


def _check_writable(place: Path, path: Path) -> None:
    if not os.access(place, os.W_OK):
        raise MmrankError(f"{path} cannot be written: permission denied")
