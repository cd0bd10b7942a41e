"""Words that questions are made of, whatever they are about, and which of them stand together."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

from mmrank.index.tokenizer import tokenize
from mmrank.query.finance import figure_names
from mmrank.query.instructions import ANSWERING

COMMONEST = frozenset("the what how many which are for does and was that have has who with year list page".split())
"""Those that most questions have one of."""
FUNCTION_WORDS = (
    COMMONEST
    | ANSWERING
    | frozenset(
        "were had did much whom whose when where why this these those from into than then there their they between "
        "among about each figure table chart section chapter slide document report number total percent percentage "
        "name give tell show not can could would should all any both enumerate more most less least other after "
        "before during under over per according".split()
    )
)
"""Words of questions, and of how to answer them, that a collection need not have."""
SUBJECTS = frozenset(
    "cover title author authors written wrote published created presented presentation paper article guidebook "
    "brochure manual company organization website picture pictures photo image images diagram graph graphs plot bar "
    "bars logo logos icon icons map maps arrow arrows color colors colour colours row rows column columns appendix "
    "shown mentioned listed described used difference compared higher lower highest lowest largest smallest average "
    "ratio margin case".split()
)
"""What questions are about that ask for a place, an element or the document itself; pages need not have these words."""
_PAIRS = frozenset(
    (first, second)
    for first, seconds in {
        "how": "many much long far often old does did is are",
        "what": "is are was were does did kind type percentage percent year color colour name the",
        "which": "of year is are",
        "who": "is was are wrote",
        "when": "was did",
        "where": "is was",
        "why": "is did",
        "many": "of are",
        "are": "the there",
        "is": "the there",
        "there": "are is",
        "list": "all the format",
        "decimal": "place places",
        "have": "been",
        "has": "been",
    }.items()
    for second in seconds.split()
) | frozenset(
    (first, second)
    for second, firsts in {
        "the": "was were does did do in of on at to from for by with and that",
        "page": "cover first last title",
        "number": "case page",
        "of": "name number percentage",
        "than": "more less higher lower",
        "answer": "your the",
        "in": "answer",
        "format": "integer float",
        "to": "according compared",
        "on": "based",
        "between": "difference",
        "shown": "as",
    }.items()
    for first in firsts.split()
)


@cache
def figure_words() -> frozenset[str]:
    """Words of the names of figures that reports are asked for, which a report may not have: "roa", "capex"."""
    return frozenset(word for name in figure_names() for word in tokenize(name))


@cache
def _figure_pairs() -> frozenset[tuple[str, str]]:
    named = (name.split() for name in figure_names())
    pairs = (pair for words in named for pair in pairwise(words))
    return frozenset(pair for pair in pairs if min(map(len, pair)) > 3)  # "and cash" tells nothing


def is_phrase(first: str, second: str) -> bool:
    """Whether two words often stand together in questions.

    >>> is_phrase("how", "many"), is_phrase("quick", "ratio"), is_phrase("many", "how")
    (True, True, False)
    """
    pair = first, second
    return pair in _PAIRS or pair in _figure_pairs() or (first, second.removesuffix("s")) in _figure_pairs()


@cache
def completing(before: str, after: str) -> frozenset[str]:
    """The words that make a phrase of questions with the one before, or the one after them.

    >>> sorted(completing("", "many"))
    ['how']
    """
    return frozenset(second for first, second in _PAIRS if first == before) | frozenset(
        first for first, second in _PAIRS if second == after
    )


ASKING = FUNCTION_WORDS | SUBJECTS | frozenset(word for word in figure_words() if len(word) > 3)
"""All words that questions are made of."""


def is_asking(word: str) -> bool:
    """Whether a word, or its singular, is one that questions are made of."""
    return word in ASKING or (word.endswith("s") and word[:-1] in ASKING)
