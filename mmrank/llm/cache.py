"""Where files are kept that can be made again at any time."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def cache_directory() -> Path:
    """The user's cache folder of mmrank: `MMRANK_CACHE`, or where the platform keeps such things."""
    if chosen := os.environ.get("MMRANK_CACHE"):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "mmrank" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "mmrank"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mmrank"
