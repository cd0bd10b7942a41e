"""Adapters that were trained here and come with mmrank; the card beside each says how (`<name>.md`)."""

from __future__ import annotations

from pathlib import Path

from mmrank.errors import MmrankError


def shipped(name: str) -> Path:
    """Where an adapter that comes with mmrank is kept.

    Raises:
        MmrankError: when it is not there; names those that are.
    """
    path = Path(__file__).with_name(f"{name}.safetensors")
    if not path.is_file():
        known = ", ".join(sorted(other.stem for other in path.parent.glob("*.safetensors"))) or "none"
        raise MmrankError(f"mmrank comes without an adapter {name!r}; there are: {known}. Install mmrank again")
    return path
