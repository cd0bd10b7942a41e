"""English plurals."""

from __future__ import annotations

_IRREGULAR = {
    "children": "child",
    "men": "man",
    "women": "woman",
    "feet": "foot",
    "teeth": "tooth",
    "mice": "mouse",
    "geese": "goose",
    "criteria": "criterion",
    "phenomena": "phenomenon",
    "indices": "index",
    "matrices": "matrix",
    "vertices": "vertex",
    "appendices": "appendix",
    "analyses": "analysis",
    "hypotheses": "hypothesis",
    "theses": "thesis",
    "crises": "crisis",
    "halves": "half",
    "leaves": "leaf",
    "shelves": "shelf",
    "knives": "knife",
    "wives": "wife",
    "wolves": "wolf",
    "busses": "bus",
    "gasses": "gas",
}
"""Plurals that no ending tells. Words whose plural has two singulars ("axes", "bases") are left out."""
_HISSING = ("sse", "zze", "xe", "che", "she", "use", "ase")


def singular(word: str) -> str:
    """A lower-case word without its plural ending (Harman's S-stemmer, 1991, with words that hiss and irregular ones).

    Where "-es" may stand for a singular with or without "e" ("caches", "boxes"), the "e" goes from both; one "z" goes
    from two ("quizzes").

    >>> [singular(word) for word in ("countries", "boxes", "caches", "cache", "quizzes", "viruses", "children")]
    ['country', 'box', 'cach', 'cach', 'quiz', 'virus', 'child']
    """
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-3] + "y" if word.endswith("ies") and len(word) > 4 else word[:-1]
    if len(word) > 3 and word.endswith(_HISSING):
        word = word[:-1]
    return word[:-1] if len(word) > 3 and word.endswith("zz") else word
