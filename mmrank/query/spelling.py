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
from mmrank.query.instructions import ANSWERING
from mmrank.query.slips import slip_cost

SHORTEST = 3
"""Letters of a word that may be mended."""
SHORT = 4
"""A word of fewer letters is only read as one that questions are made of, since it may be an abbreviation."""
LONG = 5
"""Letters from which on a word may differ in two places instead of one."""
LONG_NAME = 7
"""The same for a name; a shorter one only where the slips are likely ones, and for a word that is common."""
LIKELY = 1.7
"""What two slips in a short word of questions, or in a short name, cost at most."""
COMMON = 5
"""Passages that must have a word of `SHORT` letters for another to be read as it, or one that a name is read as."""
FREQUENT = 0.15
"""What a word that ten times as many passages have may cost more, of one slip."""
ELSEWHERE = 0.5
"""What a word costs that none of the documents has that are searched."""
FUNCTION_WORDS = ANSWERING | frozenset(
    "the and for are was were has have had does did how many much what which who whom whose when where why "
    "that this these those with from into than then there their they between among about each page figure "
    "table chart section chapter slide document report number total percent percentage year name list give "
    "tell show does not can could would should all any both enumerate more most less least other after before "
    "during under over per according".split()
)
"""Words of questions, and of how to answer them, that a collection need not have."""
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
        searched: whether a document that is searched has a word; None where all documents of the collection are.
    """

    def __init__(
        self,
        frequencies: Callable[[], Mapping[str, int]],
        known: Callable[[str], bool],
        searched: Callable[[str], bool] | None = None,
    ) -> None:
        self._frequencies = frequencies
        self._known = known
        self._searched = searched
        self._candidates: list[str] = []

    def within(self, searched: Callable[[str], bool]) -> Speller:
        """The same where only some documents are searched: of two words, one that they have is meant rather.

        Args:
            searched: whether one of them has a word.
        """
        made = Speller(self._frequencies, self._known, searched)
        made._candidates = self._candidates  # filled once, by whichever needs it first
        return made

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
        """The word that was meant; None where none is near enough."""
        from rapidfuzz import process
        from rapidfuzz.distance import OSA

        # A short word may be an abbreviation that the collection lacks; for it no vocabulary is loaded.
        short = len(word) < SHORT
        if short and name:
            return None
        counts = {} if short else self._frequencies()
        candidates = sorted(FUNCTION_WORDS) if short else self._words()
        ranked = []
        for one, slips, _ in process.extract(word, candidates, scorer=OSA.distance, score_cutoff=2, limit=None):
            # A first letter too many is part of the word ("eprom"), unless it is there twice.
            if one == word[1:] and one[0] != word[0]:
                continue
            cost, count = slip_cost(word, one), counts.get(one, 0)
            asking = one in FUNCTION_WORDS
            if len(word) == SHORT and not asking and count < COMMON:
                continue
            if slips == 2 and len(word) < (LONG_NAME if name else LONG):
                common = count >= COMMON and len(word) >= LONG if name else asking
                if cost > LIKELY or not common:
                    continue
            elsewhere = self._searched is not None and not asking and not self._searched(one)
            ranked.append((cost - FREQUENT * math.log10(1 + count) + ELSEWHERE * elsewhere, one))
        return min(ranked)[1] if ranked else None

    def _words(self) -> list[str]:
        if not self._candidates:
            known = self._frequencies()
            self._candidates[:] = sorted(
                {*(one for one in known if one.isalpha() and len(one) >= SHORTEST), *FUNCTION_WORDS}
            )
        return self._candidates


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
