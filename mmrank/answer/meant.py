"""Which documents a question for a figure of a report means: a figure of another company's report answers nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache

from mmrank.amounts import currencies
from mmrank.answer.expected import Expectation, Expected
from mmrank.answer.ratios import formula_of, line_named, line_names, plain
from mmrank.answer.report_lines import line_of
from mmrank.query.asking_words import ASKING, figure_words
from mmrank.query.spelling import is_english
from mmrank.retrieve.identities import goes_by
from mmrank.retrieve.words import STOPWORDS, words
from mmrank.types import Document

FIRST_PAGES = 2
"""Pages at the front on which a document names whom it is about …"""
OFTEN = 5
"""… or so many times anywhere."""
_TOKEN = re.compile(r"[^\W_](?:[\w&.’'-]*[^\W_])?")
_FIGURES = frozenset({Expected.NUMBER, Expected.SHARE, Expected.YES_NO})
_FORMAL = frozenset(
    "inc incorporated corp corporation co company companies ltd limited plc llc ag se sa nv group holdings holding the "
    "form annual quarterly report reports filing filings fiscal year years quarter statement statements consolidated "
    "sheet sheets balance position operations usd us gaap sec ifrs million millions billion thousand percent decimal "
    "january february march april may june july august september october november december".split()
)
_PERIOD = re.compile(r"(?:fy|cy|q)?'?\d+(?:q\d?|k|h\d?)?(?:fy\d+)?|\d+-[kq]")


def documents_meant(wanted: Expectation, documents: Sequence[Document]) -> frozenset[str] | None:
    """The ids of the documents that alone may answer a question for a figure of a report; None where all may.

    They are those that the question names: by titles, file names and what is known of documents, else by their first
    pages and all over their text. Where it names what none of them is about, none may.

    Args:
        wanted: what the question asks for.
        documents: those in which pages were found.
    """
    question = wanted.text
    figure = formula_of(question) is not None or line_of(question) is not None
    if not figure and (wanted.kind not in _FIGURES or line_named(question) is None):
        return None
    named = dict.fromkeys(_names(question))
    asked = {word for word in map(_bare, _TOKEN.findall(question)) if _tells(word)}
    known = {document.id: goes_by(document) for document in documents}
    counts = {
        identifier: sum(_has(held, name) for name in asked if name in named or len(name) > 3)
        for identifier, held in known.items()
    }
    best = max(counts.values(), default=0)
    if best:
        return frozenset(identifier for identifier, count in counts.items() if count == best)
    if not named:
        return None
    about = frozenset(document.id for document in documents if all(_about(document, name) for name in named))
    return about if about or figure else None


def with_names(question: str, documents: Sequence[Document]) -> str:
    """A question without capitals, with those of the names that documents go by.

    Args:
        question: the question.
        documents: those in which pages were found.
    """
    if any(map(str.isupper, question)):
        return question
    known = [goes_by(document) for document in documents]

    def write(found: re.Match[str]) -> str:
        word = _bare(found.group())
        named = _tells(word) and len(word) > 3 and any(_has(held, word) for held in known)
        return found.group().capitalize() if named else found.group()

    return _TOKEN.sub(write, question)


def _names(question: str) -> Iterator[str]:
    """The words of a question that are written as names, in lower case."""
    for found in _TOKEN.finditer(question):
        written, word = found.group(), _bare(found.group())
        begins = not question[: found.start()].strip() or question[: found.start()].rstrip()[-1] in ".?!:"
        if not any(letter.isupper() for letter in written) or not _tells(word) or (begins and is_english(word)):
            continue
        yield word


def _bare(written: str) -> str:
    return re.sub(r"[’']s?$", "", written.casefold()).strip(".")


def _tells(word: str) -> bool:
    """Whether a word is none of those that any question for a figure may have."""
    return (
        len(word) > 1
        and word not in STOPWORDS
        and word not in ASKING
        and word not in _FORMAL
        and word not in figure_words()
        and word not in _line_words()
        and _PERIOD.fullmatch(word) is None
        and not currencies(word)
    )


@cache
def _line_words() -> frozenset[str]:
    return frozenset(word for names in line_names().values() for name in names for word in plain(name).split())


def _has(known: tuple[frozenset[str], frozenset[str]], name: str) -> bool:
    """Whether what a document goes by has a name, or writes it as one word or by its first letters."""
    held, initials = known
    parts = words(name)
    return bool(parts) and (held.issuperset(parts) or "".join(parts) in held | initials)


def _about(document: Document, name: str) -> bool:
    """Whether a document's front has a name, or its text has it often."""
    pattern = re.compile(rf"(?<![^\W_]){re.escape(name)}(?![^\W_])", re.I)
    seen = 0
    for number, page in enumerate(document.pages):
        seen += sum(len(pattern.findall(element.text)) for element in page.elements)
        if seen >= OFTEN or (seen and number < FIRST_PAGES):
            return True
    return False
