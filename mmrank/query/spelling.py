"""Slips of typing, mended with the words of the collection."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from mmrank.errors import MmrankError
from mmrank.query.asking_words import ASKING, COMMONEST, FUNCTION_WORDS, completing, figure_words, is_asking, is_phrase
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
OFTEN = 0.3
"""What one of the commonest words of questions may cost more."""
ASKED = 0.15
"""The same for other words that questions are made of."""
TOGETHER = 0.6
"""What a word may cost more that makes a phrase of questions with the word before or after it."""
RARE = 1000
"""Times that the list of English words counts a word, below which it may be a slip of another."""
FEW = 2
"""Passages, at most, that have such a word."""
ELSEWHERE = 0.5
"""What a word costs that none of the documents has that are searched."""
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
        cased = 2 * sum(map(str.islower, question)) >= sum(map(str.isalpha, question))
        words = [(found.start(), found.group().casefold()) for found in _WORD.finditer(question)]
        beside = {
            start: (words[at - 1][1] if at else "", words[at + 1][1] if at + 1 < len(words) else "")
            for at, (start, _) in enumerate(words)
        }
        before = ""

        def read(found: re.Match[str]) -> str:
            nonlocal before
            made = mend(found, before)
            before = made.casefold()
            return made

        def mend(found: re.Match[str], before: str) -> str:
            word = found.group()
            inside = cased and word[0].isupper() and found.start() > 0
            if len(word) < SHORTEST or "'" in word or "’" in word or (word.isupper() and (cased or len(word) <= LONG)):
                return word
            if _beside(question, found):
                return word
            after = beside[found.start()][1]
            known = self._is_word(word.casefold())
            if known and (inside or not self._is_doubtful(word.casefold(), before, after)):
                return word
            better = self._best(word.casefold(), before, after, name=inside, known=known)
            if better is None:
                return word
            better = better.capitalize() if word[0].isupper() else better
            mended.append(Mended(word, better, inside))
            return better

        return _WORD.sub(read, question), tuple(mended)

    def _is_word(self, word: str) -> bool:
        if word in FUNCTION_WORDS or word in figure_words() or self._known(word):
            return True
        return is_english(word) or any(self._known(form) for form in _forms(word) if len(form) >= SHORTEST)

    def _is_doubtful(self, word: str, before: str, after: str) -> bool:
        """Whether a short known word is rarer than the slip of a word that questions have in its place: "how manny"."""
        if len(word) > LONG or word in FUNCTION_WORDS:
            return False
        from rapidfuzz.distance import OSA

        # The lists are only loaded where a word that would fit is one slip away.
        if not any(OSA.distance(word, one, score_cutoff=1) == 1 for one in completing(before, after)):
            return False
        return _english().get(word, 0) < RARE and self._frequencies().get(word, 0) <= FEW

    def _best(self, word: str, before: str, after: str, *, name: bool, known: bool = False) -> str | None:
        """The word that was meant; None where none is near enough.

        Args:
            word: as it was written.
            before: the word before it, as it was read.
            after: the word after it, as it was written.
            name: whether it was written as a name.
            known: whether it is a word; then only one with which it makes a phrase was meant.
        """
        from rapidfuzz import process
        from rapidfuzz.distance import OSA

        # A short word may be an abbreviation that the collection lacks; for it no vocabulary is loaded.
        short = len(word) < SHORT
        if short and name:
            return None
        counts = {} if short else self._frequencies()
        candidates = sorted(ASKING) if short else self._words()
        ranked = []
        for one, slips, _ in process.extract(word, candidates, scorer=OSA.distance, score_cutoff=2, limit=None):
            # A first letter too many is part of the word ("eprom"), unless it is there twice.
            if one == word[1:] and one[0] != word[0]:
                continue
            cost, count = slip_cost(word, one), counts.get(one, 0)
            asking = one in FUNCTION_WORDS or (is_asking(one) and not name)
            together = is_phrase(before, one) or is_phrase(one, after)
            if not count and not short and not asking:
                continue
            if known and not (together and slips == 1 and asking):
                continue
            if short and one not in FUNCTION_WORDS and not together:
                continue
            if len(word) == SHORT and not asking and count < COMMON:
                continue
            if slips == 2 and len(word) < (LONG_NAME if name else LONG):
                common = count >= COMMON and len(word) >= LONG if name else asking
                if not common or (cost > LIKELY and not together):
                    continue
            elsewhere = self._searched is not None and not asking and not self._searched(one)
            cost += ELSEWHERE * elsewhere - TOGETHER * together - (OFTEN if one in COMMONEST else ASKED * asking)
            ranked.append((cost - FREQUENT * math.log10(1 + count), one))
        return min(ranked)[1] if ranked else None

    def _words(self) -> list[str]:
        if not self._candidates:
            known = self._frequencies()
            self._candidates[:] = sorted({*(one for one in known if one.isalpha() and len(one) >= SHORTEST), *ASKING})
        return self._candidates


def _forms(word: str) -> Iterator[str]:
    """What a word may be a form of, or have as a form: not of "chapters" ("chapterss"), nor of "web" ("webes")."""
    yield f"{word}s"
    if _PLURAL.search(word):
        yield word[:-1]
    if _HISSING.search(word):
        yield word[:-2]
    if word.endswith("ed"):
        yield word[:-1]
        if not word.endswith("eed"):
            yield word[:-2]
    if word.endswith("ing"):
        yield word[:-3]


_PLURAL = re.compile(r"[^s]s$")
_HISSING = re.compile(r"(?:[sxzo]|ch|sh)es$")


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
def _english() -> Mapping[str, int]:
    """Some 160,000 words and their forms, as pyspellchecker lists and counts them."""
    from spellchecker import SpellChecker

    return dict(SpellChecker(language="en").word_frequency.dictionary)
