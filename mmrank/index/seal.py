"""Which cached indexes were made here: FAISS trusts what it reads, so an index of a stranger is never given to it.

The note beside an index is sealed with a key that this account keeps in its cache folder. A collection from elsewhere
is searched without its indexes, exactly and somewhat slower, until `mmrank compact` builds them again.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from functools import cache
from pathlib import Path

from mmrank.cache import cache_root

KEY = "index.key"
_LENGTH = 32


def seal(*said: object) -> str:
    """What only this account can say of these values (HMAC-SHA256, in hex)."""
    return hmac.new(_key(cache_root()), repr(said).encode(), hashlib.sha256).hexdigest()


def is_sealed(given: object, *said: object) -> bool:
    """Whether `seal` made this of these values."""
    return isinstance(given, str) and given.isascii() and hmac.compare_digest(given, seal(*said))


@cache
def _key(root: Path) -> bytes:
    """The key of this account, made where there is none; one for this process alone where it cannot be kept."""
    place = root / KEY
    fresh = secrets.token_bytes(_LENGTH)
    draft = root / f"{KEY}.{secrets.token_hex(4)}.new"
    try:
        if not place.exists():
            root.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(fresh)
            try:
                place.hardlink_to(draft)  # never over the key of a process that was faster
            except FileExistsError:
                fresh = b""
            finally:
                draft.unlink()
        with place.open("rb") as file:
            kept = file.read(_LENGTH)
    except OSError:
        return fresh
    return kept if len(kept) == _LENGTH else fresh
