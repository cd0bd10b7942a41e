"""Whether an answer is right: compared with the reference answers that benchmarks carry."""

from __future__ import annotations

import ast
import re
from collections import Counter
from contextlib import suppress

from mmrank.answer.values import Value, values
from mmrank.evaluate.evidence_eval import normal

TOLERANCE = 0.01
"""Relative difference of two numbers with decimals that count as the same."""
WORDS = 300
"""Words of an answer that are looked at, as in LiveRAG."""
SHORT = 8
"""A reference of more words is not a short factual answer."""
PLAIN = 30
"""An answer of so many words at most holds nothing irrelevant."""
_NUMBER_WORDS = {
    word: at for at, word in enumerate("zero one two three four five six seven eight nine ten eleven twelve".split())
}
_ARTICLES = re.compile(r" (?:the|a|an)(?= )")


def references(answer: str) -> list[str]:
    """The parts of a reference answer: the items of a list, or all of it.

    >>> references("['Radio', 'Internet']"), references("22.7%")
    (['Radio', 'Internet'], ['22.7%'])
    """
    if answer.strip().startswith("["):
        with suppress(ValueError, SyntaxError):
            return [str(item) for item in ast.literal_eval(answer.strip())]
    return [answer]


def is_short(answer: str) -> bool:
    """Whether a reference is one number or a short fact."""
    one = len(references(answer)) == 1 and not answer.strip().startswith("[")
    return (
        one and 0 < len(answer.split()) <= SHORT and normal(answer).strip() not in {"", "n a", "not answerable", "none"}
    )


def number_of(text: str) -> Value | None:
    """The number that a short text is; None where it is none, or several."""
    found = values(text)
    letters = re.sub(r"\b(?:usd|us|percent|per cent|million|billion|thousand|mn|bn|mm|m)\b|[^A-Za-z]", "", text.lower())
    return found[0] if len(found) == 1 and len(letters) <= 4 else None


def exact(answer: str | None, reference: str) -> bool:
    """Whether a short answer is the reference, case, punctuation, articles and units aside.

    >>> exact("The Gannet", "gannet"), exact("1,577 million", "1577"), exact("12", "13")
    (True, True, False)
    """
    if not answer:
        return False
    return all(_plain(answer) == _plain(part) for part in references(reference))


def numeric(answer: str | None, reference: str) -> bool:
    """Whether a short answer's first number is the reference's, signs aside.

    A share may be written as a fraction or in percent.

    >>> numeric("22.7 %", "0.227"), numeric("$1.58 billion", "1577"), numeric("12", "13")
    (True, True, False)
    """
    wanted = number_of(reference)
    return wanted is not None and bool(answer) and any(_same(one, wanted) for one in _numbers(answer or "")[:1])


def held(text: str, reference: str) -> bool:
    """Whether a text has all parts of a reference: its numbers as numbers, others word for word.

    >>> held("Radio, television and the Internet are asked about.", "['radio', 'internet']")
    True
    """
    text = " ".join(text.split()[:WORDS])
    plain, numbers = _plain(text), _numbers(text)
    for part in references(reference):
        wanted = number_of(part)
        if wanted is not None:
            if not any(_same(one, wanted) for one in numbers):
                return False
        elif not _plain(part).strip() or _plain(part) not in plain:
            return False
    return True


def right(short: str | None, text: str, reference: str) -> bool:
    """Whether an answer is right: its short form is the reference, or, where it has none, its text holds it."""
    if short:
        return exact(short, reference) or numeric(short, reference) or (_long(reference) and held(short, reference))
    return held(text, reference)


def token_f1(text: str, reference: str) -> float:
    """F1 of the words of a text and a reference, 0 to 1.

    >>> token_f1("the blue ferry", "blue ferry")
    1.0
    """
    said = Counter(_plain(text).split())
    wanted = Counter(_plain(" ".join(references(reference))).split())
    shared = (said & wanted).total()
    return 2 * shared / (said.total() + wanted.total()) if shared else 0.0


def correctness(short: str | None, text: str, reference: str, abstained: bool) -> float:
    """LiveRAG's scale by rules: 2 right, 1 right among irrelevant words, 0 no answer, −1 wrong."""
    if abstained:
        return 0.0
    if held(text, reference) or right(short, text, reference):
        return 2.0 if right(short, text, reference) and len(text.split()) <= PLAIN else 1.0
    return -1.0


def _long(reference: str) -> bool:
    return number_of(reference) is None


def _plain(text: str) -> str:
    return _ARTICLES.sub("", normal(text))


def _numbers(text: str) -> list[Value]:
    words = {word: f" {at} " for word, at in _NUMBER_WORDS.items()}
    return values(re.sub(r"\b[A-Za-z]+\b", lambda found: words.get(found.group().lower(), found.group()), text))


def _same(one: Value, wanted: Value) -> bool:
    if _near(abs(one.full), abs(wanted.full), wanted.decimals) or _near(
        abs(one.number), abs(wanted.number), wanted.decimals
    ):
        return True
    scaled = one.scale != wanted.scale
    if scaled and any(
        abs(abs(one.full) * f - abs(wanted.full)) <= TOLERANCE * abs(wanted.full) for f in (1e-3, 1e-6, 1e-9)
    ):
        return True
    shares = (one.share or wanted.share) and min(abs(one.number), abs(wanted.number)) <= 1
    return shares and any(_near(abs(one.number) * f, abs(wanted.number), wanted.decimals + 1) for f in (100, 0.01))


def _near(one: float, wanted: float, decimals: int) -> bool:
    """Whole numbers agree when rounded; others to the tolerance, or to half of their last decimal."""
    if decimals == 0:
        return abs(one - wanted) < 0.5
    return abs(one - wanted) <= max(TOLERANCE * wanted, 0.51 * 10.0**-decimals)
