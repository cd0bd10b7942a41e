"""English plurals."""

from __future__ import annotations


def singular(word: str) -> str:
    """A lower-case word without its plural ending (Harman's S-stemmer, 1991)."""
    if len(word) <= 3 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    return word[:-3] + "y" if word.endswith("ies") and len(word) > 4 else word[:-1]
