"""Which documents a question names: by name, by period, by kind, or as the latest one.

What a document goes by is found when it is added (`mmrank.ingest.identity`). How much a name tells is decided by how
rare it is in the collection, not by a list of names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from mmrank.ingest.identity_keys import ABBREVIATIONS, ABOUT, DATE, FORM, KIND, ORGANISATIONS, PEOPLE, PERIOD
from mmrank.ingest.kinds import named_forms, named_kinds
from mmrank.lexical import idf
from mmrank.names import JOINT
from mmrank.periods import Period, named_period, period_match
from mmrank.retrieve.bridging import respelled
from mmrank.retrieve.words import STOPWORDS, words

if TYPE_CHECKING:
    from mmrank.index import DocumentRecord
    from mmrank.types import Document

Value = TypeVar("Value", bound=Hashable)

_NONE: NDArray[np.int64] = np.zeros(0, np.int64)

LONGEST_JOINED = 3
"""Words of a question that a file name may write as one: "General Mills", GENERALMILLS_2019_10K.pdf."""
LONGEST_INITIALS = 5
"""Words of a name whose first letters may stand for it."""
SAME_NAME = 0.9
"""Documents named this well, relative to the best named one, are compared when a question asks for the latest."""
KIND_NAMED = 0.5
"""How well a document fits a question that names its kind ("the annual report"); one that names its form fits by 1."""
_NAME_KEYS = ("title", "subject", "author", ORGANISATIONS, PEOPLE, ABOUT, ABBREVIATIONS)
_YEAR = re.compile(r"(?:19|20)\d\d")
_LATEST = re.compile(r"\b(?:latest|newest|most recent(?:ly)?)\b", re.IGNORECASE)
_SHORT_NAME = re.compile(r"\b[^\W\d_](?:[^\W\d_]|&){1,5}(?!\w)")
_POSSESSIVE = re.compile(r"(?<=\w)['’]s\b")
_NAME_WORD = re.compile(r"[^\W\d_]+|&")
_GROUPED = re.compile(r"\d{1,3}(?:[.,]\d{3})+(?!\d)")
_SHORT_NUMBER = re.compile(r"\d{1,2}")
_SMALL_WORDS = frozenset("and of the for de la le du der die das und et y".split())


class Identities:
    """What the documents of a collection go by, ready to be compared with a question.

    Args:
        records: all documents of a collection.
        before: identities of an earlier version of the collection; what did not change is taken from there.

    Attributes:
        pages: number of pages of each document, by id.
    """

    def __init__(self, records: Sequence[DocumentRecord], before: Identities | None = None) -> None:
        self.ids = [record.id for record in records]
        self.pages = {record.id: record.pages for record in records}
        self._place = {identifier: at for at, identifier in enumerate(self.ids)}
        known = before._names if before is not None else {}
        self._names: dict[str, tuple[DocumentRecord, frozenset[str], frozenset[str]]] = {}
        for record in records:
            old = known.get(record.id)
            self._names[record.id] = old if old is not None and old[0] == record else (record, *goes_by(record))
        self._by_word = _index(held for _, held, _ in self._names.values())
        self._by_initials = _index(short for _, _, short in self._names.values())
        self._periods = _Shared(Period.parse(record.metadata.get(PERIOD, "")) for record in records)
        self._dates = [record.metadata.get(DATE, "") for record in records]
        self._kinds = _Shared((record.metadata.get(KIND, ""), record.metadata.get(FORM, "")) for record in records)

    def named(self, text: str, unknown: Iterable[str] = ()) -> NDArray[np.float64]:
        """How well each document is named, (documents,): 1 for the best named one, 0 for one that is not named.

        A name counts by its rarity (IDF) among the names of this collection. A file may write the words of a question
        as one ("General Mills", GENERALMILLS.pdf), a question a name by its first letters ("J&J"), or with a mistake. A
        number of one or two digits names a document only together with a word beside it ("chapter 7"), and an amount
        ("1,200") names none.

        Args:
            text: the question.
            unknown: its words that no text of the collection has, so that they may be misspelled names.
        """
        found = np.zeros(len(self.ids))
        meant = {name for word in unknown if word not in self._by_word for name in self._respelled(word)}
        asked = words(_GROUPED.sub(" ", _POSSESSIVE.sub("", text)))
        for word in _with_joined(asked) | meant:
            holding = self._holding(word, asked)
            if len(holding):
                found[holding] += idf(len(self.ids), len(self._by_word[word]))
        for short in _short_names(text):
            called = self._by_initials.get(short)
            if called is not None:
                new = np.setdiff1d(called, self._by_word.get(short, ()))  # what has the word itself is counted above
                found[new] += idf(len(self.ids), len(called))
        best = float(found.max(initial=0.0))
        return found / best if best > 0 else found

    def _holding(self, word: str, asked: Sequence[str]) -> NDArray[np.int64]:
        """The documents that a word of a question names."""
        holding = self._by_word.get(word, _NONE)
        if not len(holding) or not _SHORT_NUMBER.fullmatch(word):
            return holding
        beside = {near for at, one in enumerate(asked) if one == word for near in asked[max(at - 1, 0) : at + 2]}
        named = [self._by_word.get(near, _NONE) for near in beside if near.isalpha() and near not in STOPWORDS]
        return np.intersect1d(holding, np.concatenate([_NONE, *named]))

    def _respelled(self, word: str) -> list[str]:
        return respelled(word, (name for name in self._by_word if name[:1] == word[:1]))

    def periods(self, text: str) -> NDArray[np.float64]:
        """How well each document's period fits the one that the question names, (documents,), see `period_match`."""
        asked = named_period(text)
        return self._periods.scores(lambda period: period_match(asked, period))

    def kinds(self, text: str) -> NDArray[np.float64]:
        """1 for documents of a form that the question names, `KIND_NAMED` for those of a kind, else 0; (documents,)."""
        forms, kinds = named_forms(text), named_kinds(text)
        if not forms and not kinds:
            return np.zeros(len(self.ids))
        return self._kinds.scores(lambda own: 1.0 if own[1] in forms else KIND_NAMED if own[0] in kinds else 0.0)

    def latest(self, text: str, named: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where a question asks for the latest: of the documents it names best, 1 for the newest, 0 for the oldest.

        Args:
            text: the question.
            named: what `named` gave for it.
        """
        found = np.zeros(len(self.ids))
        if not _LATEST.search(text) or named_period(text) is not None:
            return found
        rivals = [int(at) for at in np.flatnonzero(named >= SAME_NAME * named.max(initial=0.0)) if self._when(int(at))]
        moments = sorted({self._when(at) for at in rivals})
        for at in rivals:
            found[at] = moments.index(self._when(at)) / max(len(moments) - 1, 1)
        return found

    def _when(self, at: int) -> str:
        """The end of a document's period as "2023-4", or its date; "" where neither is known."""
        period = self._periods.of(at)
        if period is None:
            return self._dates[at][:10]
        return f"{period.year}-{3 * (period.quarter or 4):02d}-31"

    def place(self, identifier: str) -> int:
        """The position of a document in the arrays that the methods return."""
        return self._place[identifier]


class _Shared(Generic[Value]):
    """A value for each document, most of which several documents share: each is scored once."""

    def __init__(self, values: Iterable[Value]) -> None:
        known: dict[Value, int] = {}
        self._place = np.array([known.setdefault(value, len(known)) for value in values], np.int64)
        self._values = list(known)

    def of(self, at: int) -> Value:
        return self._values[self._place[at]]

    def scores(self, score: Callable[[Value], float]) -> NDArray[np.float64]:
        return np.array([score(value) for value in self._values], np.float64)[self._place]


def goes_by(record: DocumentRecord | Document) -> tuple[frozenset[str], frozenset[str]]:
    """The words (`words`) of all that a document goes by, and the initials of its names of several words."""
    stem = record.name.rpartition(".")[0] or record.name
    spaced = " ".join(re.findall(r"[^\W\d_]+|\d+[^\W\d_]{0,2}(?![^\W\d_])|\d+", stem))
    metadata: Mapping[str, str] = record.metadata
    texts = [spaced, record.title, *(metadata.get(key, "") for key in _NAME_KEYS)]
    held = {word for text in texts for word in words(text) if word not in STOPWORDS and not _YEAR.fullmatch(word)}
    names = [spaced.title(), record.title, *metadata.get(ORGANISATIONS, "").split(JOINT)]
    return frozenset(held), frozenset(short for name in names for short in _initials(name))


def _initials(name: str) -> set[str]:
    """First letters of two to `LONGEST_INITIALS` words at the beginning of a name, small words left out.

    "&" may be left out, or stand as "n", as people write it.

    >>> sorted(_initials("Johnson & Johnson Company")), sorted(_initials("Bank of the West"))
    (['jj', 'jjc', 'jnj', 'jnjc'], ['bw'])
    """
    plain, spoken, found = "", "", set()
    for word in _NAME_WORD.findall(name):
        if word == "&" or word.lower() == "and":
            spoken += "n"
        elif word.lower() not in _SMALL_WORDS:
            plain, spoken = plain + word[0].lower(), spoken + word[0].lower()
            if len(plain) > LONGEST_INITIALS:
                break
            if len(plain) > 1:
                found |= {plain, spoken}
    return found


def _short_names(text: str) -> set[str]:
    """Words that look like initials, two capitals or more, in lower case and without "&".

    >>> sorted(_short_names("Did JnJ or J&J beat Amgen in the US?"))
    ['jj', 'jnj', 'us']
    """
    found = (match.group() for match in _SHORT_NAME.finditer(text))
    return {word.replace("&", "").lower() for word in found if sum(map(str.isupper, word)) > 1}


def _with_joined(asked: Sequence[str]) -> set[str]:
    """The words, and each run of up to `LONGEST_JOINED` of them written as one.

    >>> sorted(_with_joined(["general", "mills"]))
    ['general', 'generalmills', 'mills']
    """
    joined = {
        "".join(asked[at : at + length])
        for length in range(2, LONGEST_JOINED + 1)
        for at in range(len(asked) - length + 1)
    }
    return {word for word in asked if word not in STOPWORDS} | joined


def _index(held: Iterable[Iterable[str]]) -> dict[str, NDArray[np.int64]]:
    places: dict[str, list[int]] = {}
    for at, words_held in enumerate(held):
        for word in words_held:
            places.setdefault(word, []).append(at)
    return {word: np.array(found, dtype=np.int64) for word, found in places.items()}
