"""Which weights a checkpoint holds."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from mmrank.errors import MmrankError


def weights_revision(source: str, config: Any) -> str:
    """The hub commit a model was loaded from, or for a local folder the SHA-256 over its safetensors files.

    Args:
        source: hub id or local folder.
        config: the loaded model's config.

    Raises:
        MmrankError: when neither is known.
    """
    folder = Path(source)
    if folder.is_dir():
        digest = hashlib.sha256()
        for path in sorted(folder.rglob("*.safetensors")):
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()
    commit = getattr(config, "_commit_hash", None)
    if not commit:
        raise MmrankError(f"the revision of {source} is not known; load it with revision= and its commit hash")
    return str(commit)
