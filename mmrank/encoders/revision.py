"""The revision of a checkpoint: a commit, or a hash over everything in it that changes a vector."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from mmrank.encoders.vision import OPTIONS_FILE
from mmrank.errors import MmrankError

FILES = ("*.safetensors", "*.json", "*.jinja", "*.model", "*.tiktoken", "vocab.txt", "merges.txt", "*.py")
"""Weights, configuration, chat templates, tokenizers of all kinds, and code of the checkpoint's own."""


def checkpoint_revision(source: str, config: Any, calling: str = "") -> str:
    """The hub commit a model was loaded from, or for a local folder the SHA-256 over its `FILES` and its calling.

    The options file counts by what it says about the calling: its limits are fields of `EncoderInfo`.

    Args:
        source: hub id or local folder.
        config: the loaded model's config.
        calling: `VisionOptions.calling`; empty for text models, whose prompts stand in their configuration.

    Raises:
        MmrankError: when neither is known.
    """
    folder = Path(source)
    if folder.is_dir():
        digest = hashlib.sha256(calling.encode())
        for path in sorted({path for pattern in FILES for path in folder.rglob(pattern)}):
            if path.name == OPTIONS_FILE or not path.is_file():
                continue
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            digest.update(f"\n{content} {path.relative_to(folder).as_posix()}".encode())
        return digest.hexdigest()
    commit = getattr(config, "_commit_hash", None)
    if not commit:
        raise MmrankError(f"the revision of {source} is not known; load it with revision= and its commit hash")
    return str(commit)
