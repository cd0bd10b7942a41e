"""Organisations and people a document is by and about, and the abbreviations it defines."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property

FRONT_PAGES = 3
"""Pages in which a document says who it is by."""
FRONT_CHARACTERS = 12_000
"""Beginning of these pages that is read for names."""
MOST_PAGES = 60
"""Pages, evenly spread, that are read for frequent names."""
ORGANISATIONS, ABOUT, PEOPLE, ABBREVIATIONS = 6, 6, 8, 12
"""At most so many of each are kept."""
_WORD = r"(?:(?:[A-Z]\.)+|[A-ZÀ-ÖØ-Þ][\w’'&-]*(?:\.\w+)*)"
_LINK = r"(?:of|for|and|the|de|der|des|du|la|le|und|für|on|&|et)"
_LEGAL = (
    r"(?:Inc|Incorporated|Corp|Corporation|Company|Co|Ltd|Limited|LLC|L\.L\.C|LLP|LP|L\.P|PLC|plc|GmbH|AG|KG|KGaA|SE|"
    r"S\.A|SA|SpA|S\.p\.A|N\.V|NV|B\.V|BV|A/S|ASA|AB|Oyj|Pty|Pte|Sarl|S\.à r\.l|Holdings|Group|International|"
    r"Technologies|INC|INCORPORATED|CORP|CORPORATION|COMPANY|CO|LTD|LIMITED|GROUP|HOLDINGS|INTERNATIONAL)"
)
_BODY = (
    r"(?:University|Universität|Université|Universidad|College|Institute|Institut|School|Academy|Center|Centre|Council|"
    r"Ministry|Department|Agency|Bureau|Commission|Committee|Foundation|Association|Society|Bank|Court|Laboratory|"
    r"Museum|Hospital|Consortium|Union|Federation|Authority|Office|Board|Trust|Fund|Organi[sz]ation|Program|Programme)"
)
_COMPANY = re.compile(
    rf"(?<![\w’'-])((?:{_WORD},?[ ]+|(?:&|of|and)[ ]+){{1,5}}?{_LEGAL}(?:\.?,?[ ]+{_LEGAL}){{0,2}})(?![\w-])"
    r"(?!\s+(?i:by)\b)"  # "documents incorporated by reference"
)
_INSTITUTION = re.compile(
    rf"(?<![\w’'-])((?:{_WORD}[ ]+(?:{_LINK}[ ]+)?){{0,5}}{_BODY}(?![\w-])"
    rf"(?:[ ]+(?:of|for|on|de)[ ]+(?:the[ ]+)?{_WORD}(?:(?:,?[ ]+(?:and[ ]+)?){_WORD}){{0,4}})?)"
)
_GENERIC = re.compile(rf"(?:{_LEGAL}|{_BODY})\.?")
_DEFINED = re.compile(r"\(\s*(?:the\s+)?[“\"']?([A-Z][A-Za-z0-9&./-]{1,9}?)s?[”\"']?\s*(?:[,;][^()]{0,60})?\)")
_TICKER = re.compile(
    r"\(\s*(?:[A-Z][A-Za-z]*\s+){0,3}[A-Z][A-Za-z]*\s*:\s*([A-Z]{1,5}(?:\.[A-Z])?)\s*\)"
    r"|\bsymbols?\s+(?:is\s+)?[“\"']([A-Z]{1,5}(?:\.[A-Z])?)[,.]?[”\"']"
)
_NAME = re.compile(r"(?<=[a-zà-ÿ,;] )[A-ZÀ-ÖØ-Þ][\w’&-]+(?: (?:& )?[A-ZÀ-ÖØ-Þ][\w’&-]+){0,3}")
_LOWER = re.compile(r"(?<![\w.@/])[a-zà-ÿ]{2,}(?!\w)")
_PERSON_WORD = r"[A-ZÀ-ÖØ-Þ](?:[a-zà-ÿ’'-]+(?:[A-Z][a-zà-ÿ]+)?|\.)"
_PERSON = re.compile(rf"{_PERSON_WORD}(?:[ -]+(?:de|van|von|der|del|la|al|bin))?(?:[ ]+{_PERSON_WORD}){{1,3}}")
_BYLINE = re.compile(
    r"^\W*(?:by|written by|author\(?s?\)?|prepared by|presented by|von|par|por)\b[:\s]+(.{3,200})", re.I
)
_CALENDAR = frozenset(
    "january february march april may june july august september october november december monday tuesday wednesday"
    " thursday friday saturday sunday figure table section chapter page note item part appendix exhibit form act"
    " see also however the this that these in on for we our us it its their they he she as at if when while although"
    " internet english total inc mr mrs ms dr".split()
)


class Words:
    """Text of a document's pages, and which words it writes with a small letter."""

    def __init__(self, pages: Sequence[str]) -> None:
        self.pages = pages
        self.front = "\n".join(pages[:FRONT_PAGES])[:FRONT_CHARACTERS]
        step = max(1, -(-len(pages) // MOST_PAGES))
        self.sample = pages[::step]

    @cached_property
    def small(self) -> Counter[str]:
        """Words in small letters, with the number of sampled pages that have them."""
        return Counter(word for page in self.sample for word in set(_LOWER.findall(page)))

    @cached_property
    def names(self) -> Counter[str]:
        """Names within sentences, with the number of sampled pages that have them."""
        return Counter(
            name
            for page in self.sample
            for name in {name.removesuffix("’s").removesuffix("'s") for name in _NAME.findall(page.replace("\n", " "))}
        )

    def is_name(self, words: Iterable[str]) -> bool:
        """Whether the document writes none of these words with a small letter."""
        return not any(self.small[word.lower().strip(".,")] for word in words if len(word) > 2)


def organisations(words: Words, filer: str = "") -> list[str]:
    """Organisations that the first pages name, the most frequent in the document first, after who files the form."""
    text = "\n".join(words.sample)
    lower = text.lower()
    counted: dict[str, int] = {filer: len(lower)} if filer else {}
    keys: set[str] = set()
    for line in _lines(words.front):
        for pattern in (_COMPANY, _INSTITUTION):
            for match in pattern.finditer(line):
                name = re.sub(r"^(?:(?:the|by|for|from|at|in|of|and|to|with|©|&)\s+)+", "", match[1], flags=re.I)
                # A phrase that the text also writes in small letters is no name: "an emerging growth company".
                if not 1 < len(name.split()) < 12 or _key(name) in keys or name.lower() in text:
                    continue
                keys.add(_key(name))
                counted[name] = lower.count(_key(name))
    kept: list[str] = []
    for name in sorted(counted, key=lambda name: -counted[name]):
        same = next(
            (at for at, other in enumerate(kept) if _key(name) in _key(other) or _key(other) in _key(name)), None
        )
        if same is None:
            kept.append(name)
        elif _key(kept[same]) in _key(name) and 2 * counted[name] > counted[kept[same]]:
            kept[same] = name  # "Pew Research Center" rather than "Research Center"
    return kept[:ORGANISATIONS]


def is_organisation(text: str) -> bool:
    """Whether a text is the name of an organisation and nothing more.

    >>> is_organisation("Harbour Lights, Inc."), is_organisation("The lights of the harbour")
    (True, False)
    """
    return any(pattern.fullmatch(text.strip(" .")) for pattern in (_COMPANY, _INSTITUTION))


def about(words: Words) -> list[str]:
    """Names that stand within sentences on many pages: what the document is about."""
    least = max(2, 0.15 * len(words.sample))
    found: list[str] = []
    for name, count in words.names.most_common():
        if count < least or len(found) == ABOUT:
            break
        parts = name.split()
        if any(part.lower() in _CALENDAR or words.small[part.lower()] > 0.3 * count for part in parts):
            continue
        if all(_GENERIC.fullmatch(part) for part in parts) or len(name) < 3:
            continue
        if not any(name in other for other in found):
            found.append(name)
    return found


def abbreviations(words: Words) -> list[str]:
    """Short names that the text defines, "Johnson & Johnson (JNJ)", and ticker symbols, the most frequent first."""
    symbols = {group for page in words.sample for found in _TICKER.findall(page) for group in found if group}
    defined: set[str] = set()
    for page in words.sample:
        for found in _DEFINED.finditer(page):
            if _stands_for(found[1], page[max(0, found.start() - 120) : found.start()]):
                defined.add(found[1])
    text = Counter(word for page in words.sample for word in re.findall(r"[A-Z][\w&.-]*[A-Z\d]s?\b", page))
    ranked = sorted(defined - symbols, key=lambda short: (-text[short] - text[f"{short}s"], short))
    return [*sorted(symbols), *ranked][:ABBREVIATIONS]


def _stands_for(short: str, before: str) -> bool:
    """Whether the words before a bracket begin with the letters in it (Schwartz and Hearst, 2003, in short)."""
    letters = [letter.lower() for letter in short if letter.isalnum()]
    if len(letters) < 2 or sum(letter.isupper() for letter in short) < 2:
        return False
    words = re.findall(r"[\w&]+", before)[-len(letters) - 4 :]
    if not words:
        return False
    at = len(words) - 1
    for letter in reversed(letters):
        while at >= 0 and words[at][0].lower() != letter:
            at -= 1
        if at < 0:
            return False
        at -= 1
    return True


def people(words: Words, beside: Sequence[str], author: str = "") -> list[str]:
    """Authors: of a line that begins with "by", of lines that hold only names, and the file's author if they are named.

    Args:
        words: of the document.
        beside: lines that follow the title.
        author: what the file says; it is kept only if the first pages name it too.
    """
    found: list[str] = []
    for line in [*words.front.splitlines()[:60], *beside]:
        by = _BYLINE.match(line)
        names = _names(by[1] if by else line)
        if (
            names
            and (by or line in beside)
            and (by or "".join(names).replace(" ", "") == re.sub(r"[^A-Za-zÀ-ÿ.’'-]|\band\b", "", line))
        ):
            found += [name for name in names if words.is_name(name.split())]
    told = " ".join(reversed(author.split(", "))) if author.count(", ") == 1 else author
    if _PERSON.fullmatch(told) and told.lower() in " ".join(words.front.split()).lower():
        found.append(told)
    return list(dict.fromkeys(found))[:PEOPLE]


def _names(line: str) -> list[str]:
    clean = re.sub(r"[\d*†‡§∗¶#]+", "", line)
    parts = re.split(r",|;|\band\b|&|\s{2,}|·|\|", clean)
    return [part.strip() for part in parts if _PERSON.fullmatch(part.strip())]


def _lines(text: str) -> Iterable[str]:
    return (" ".join(line.split()) for line in text.splitlines())


def _key(name: str) -> str:
    return re.sub(rf"(?:,?\s+{_LEGAL}\.?)+$", "", name).lower()
