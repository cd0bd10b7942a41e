"""Slips of typing, mended with the words of the collection."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from mmrank.errors import MmrankError
from mmrank.index.tokenizer import tokenize
from mmrank.query.finance import figure_names
from mmrank.query.slips import slip_cost

SHORTEST = 3
"""Letters of a word that may be mended."""
SHORT = 4
"""A word of fewer letters is only read as one that questions are made of, since it may be an abbreviation."""
LONG, LONG_NAME = 5, 7
"""Letters from which on a word, or a name, may differ in two places instead of one."""
COMMON = 5
"""Passages that must have a word of `SHORT` letters for another to be read as it."""
FREQUENT = 0.15
"""What a word that ten times as many passages have may cost more, of one slip."""
FUNCTION_WORDS = frozenset(
    "the and for are was were has have had does did how many much what which who whom whose when where why "
    "that this these those with from into than then there their they between among about each page figure "
    "table chart section chapter slide document report number total percent percentage year name list give "
    "tell show does not can could would should all any both enumerate more most less least other after before "
    "during under over per according".split()
)
"""Words of questions that a collection need not have."""
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")


@dataclass(frozen=True, slots=True)
class Mended:
    """A word that was read as another. `name` says whether it was written as a name."""

    written: str
    read: str
    name: bool


class Speller:
    """Mends words that neither the collection nor a list of English words has.

    Args:
        frequencies: in how many passages each word of the collection stands; asked for only when a word is unknown.
        known: whether the collection has a word.
    """

    def __init__(self, frequencies: Callable[[], Mapping[str, int]], known: Callable[[str], bool]) -> None:
        self._frequencies = frequencies
        self._known = known
        self._candidates: list[str] | None = None

    def mend(self, question: str) -> tuple[str, tuple[Mended, ...]]:
        """The question with its slips mended, and what was changed."""
        mended: list[Mended] = []
        cased = any(letter.islower() for letter in question)

        def read(found: re.Match[str]) -> str:
            word = found.group()
            inside = cased and word[0].isupper() and found.start() > 0
            if len(word) < SHORTEST or "'" in word or "’" in word or (word.isupper() and (cased or len(word) <= LONG)):
                return word
            if _beside(question, found) or self._is_word(word.casefold()):
                return word
            better = self._best(word.casefold(), name=inside)
            if better is None:
                return word
            better = better.capitalize() if word[0].isupper() else better
            mended.append(Mended(word, better, inside))
            return better

        return _WORD.sub(read, question), tuple(mended)

    def _is_word(self, word: str) -> bool:
        if word in FUNCTION_WORDS or word in _figures() or self._known(word):
            return True
        forms = {f"{word}s", *(word.removesuffix(ending) for ending in ("s", "es", "d", "ed", "ing"))}
        return is_english(word) or any(self._known(form) for form in forms if len(form) >= SHORTEST)

    def _best(self, word: str, *, name: bool) -> str | None:
        from rapidfuzz import process
        from rapidfuzz.distance import OSA

        short = len(word) < SHORT
        counts = {} if short else self._frequencies()
        if self._candidates is None and not short:
            self._candidates = sorted(
                {*(one for one in counts if one.isalpha() and len(one) >= SHORT), *FUNCTION_WORDS}
            )
        candidates = sorted(FUNCTION_WORDS) if short or self._candidates is None else self._candidates
        furthest = 1 if len(word) < (LONG_NAME if name else LONG) else 2
        near = process.extract(word, candidates, scorer=OSA.distance, score_cutoff=furthest, limit=None)
        # A first letter too many is part of the word ("eprom"), unless it is there twice.
        ranked = sorted(
            (slip_cost(word, one) - FREQUENT * math.log10(1 + counts.get(one, 0)), one)
            for one, _, _ in near
            if one != word[1:] or one[0] == word[0]
        )
        if len(word) == SHORT:  # it may be an abbreviation that the collection lacks
            ranked = [one for one in ranked if one[1] in FUNCTION_WORDS or counts.get(one[1], 0) >= COMMON]
        return ranked[0][1] if ranked else None


@cache
def _figures() -> frozenset[str]:
    """Words of the names of figures that reports are asked for, which a report may not have: "roa", "capex"."""
    return frozenset(word for name in figure_names() for word in tokenize(name))


def _beside(question: str, found: re.Match[str]) -> bool:
    """Whether a word is part of something longer: an address, a code, a hyphenated or quoted term."""
    before = question[found.start() - 1 : found.start()]
    after = question[found.end() : found.end() + 1]
    follows = question[found.end() + 1 : found.end() + 2]
    joined = before and (before.isdigit() or before in "@/\\_#&\"“'.-") and not before.isspace()
    return (
        bool(joined)
        or after.isdigit()
        or (after in {"@", "/", "\\", "_", "#", "&", "-"} and after != "")
        or (after == "." and follows.isalnum())
    )


def is_english(word: str) -> bool:
    """Whether a word in lower case is English."""
    # The short list knows most words that are asked about, and is there sooner.
    return word in _common() or word in _english()


@cache
def _common() -> frozenset[str]:
    """Words that the embedded encoder's vocabulary has whole; none where it is not installed."""
    from mmrank.encoders.minilm_weights import embedded_folder

    try:
        text = (embedded_folder() / "tokenizer.json").read_text(encoding="utf-8")
    except (MmrankError, OSError):
        return frozenset()
    return frozenset(word for word in json.loads(text)["model"]["vocab"] if word.isalpha() and len(word) > 2)


@cache
def _english() -> frozenset[str]:
    """Some 160,000 words and their forms, as pyspellchecker lists them."""
    from spellchecker import SpellChecker

    return frozenset(SpellChecker(language="en").word_frequency.dictionary)
