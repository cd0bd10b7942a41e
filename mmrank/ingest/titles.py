"""The title of a document: what the file says where the pages bear it out, else what is largest on the cover.

It works on what is stored of a document, so that titles can be found again without reading files. Sizes of
type are estimated (`cover_lines`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from mmrank.ingest.cover_lines import (
    LONGEST,
    OPEN_END,
    CoverLine,
    are_beside,
    body_size,
    cover_lines,
    in_words,
    line_groups,
    stamped,
    words_of,
)
from mmrank.ingest.kinds import form_name
from mmrank.periods import reported_period
from mmrank.types import FURNITURE, Document, ElementKind, Page

COVER_PAGES = 3
"""Pages on which a title may stand."""
SUPPORT_PAGES = 8
"""Pages that must hold the words of the title that the file says."""
COUNTED_PAGES = 30
"""Pages in which the words of a title may stand again."""
SENTENCE = 9
"""A line of more words that ends with a full stop is text."""
ALL = ""
"""Stands for the number of all pages among the numbers of pages that have a word."""
_TEMPLATE = re.compile(
    r"^(microsoft (word|powerpoint|excel|office)|power ?point|untitled|slide \d|presentation\d|document\d|book\d|"
    r"layout \d|print(ing)?$|full page|doc\d|template|title\b.{0,3}$|no title|new document|cover$)|\btemplate\b"
    r"|\.(docx?|pdf|pptx?|indd|qxd|tex|dvi|rtf|xlsx?|html?|ps|wpd|pmd)\W*$",
    re.IGNORECASE,
)
_NO_TITLE = re.compile(
    r"^\W*(?:(table of )?contents|inhalt(sverzeichnis)?|sommaire|table des matières|índice|index|abstract|summary|"
    r"highlights|foreword|preface|references|arxiv:.*|doi\b.*|https?:.*|www\..*|downloaded from.*|confidential.*|draft|"
    r"page \d.*|for (immediate )?release.*|(press|news|media) release.{0,30}|exhibit [\d.]+|"
    r"available online.*|received \d.*|for (media|further|more) .*|copyright.*|©.*|all rights reserved.*|"
    r"issue|date|version|dear .*|(volume|vol|no|number|serial no|isbn|issn)\b\W*[\d:IVX].*|(mark one).*|in the$|"
    r"about .*|original (article|paper)|(research|review) article|review)\W*$",
    re.IGNORECASE,
)
_LETTERHEAD = re.compile(
    r"(?:\W*(?:united states|securities and exchange commission|washington,? d\.?\s*c\.?(,?\s*\d{5})?|form \S+|"
    r"schedule \S+|omb (no|number|approval)\S*|department of the treasury|internal revenue service)\W*)+",
    re.IGNORECASE,
)
_RELEASE = re.compile(r"\bfor (?:immediate )?release\b", re.IGNORECASE)
_DATE = re.compile(
    r"^\W*(?:(?:\d{1,2}|jan\w*|feb\w*|mar\w*|apr\w*|may|june?|july?|aug\w*|sep\w*|oct\w*|nov\w*|dec\w*|\d{4})[\s,./–-]*){1,5}$",
    re.IGNORECASE,
)
_CITATION = re.compile(r"\b(recommended|suggested) citation|\bcite (this|as)\b|\bplease cite\b", re.IGNORECASE)
_QUOTED = re.compile(r"[“\"]([^”\"]{8,250})[”\"]")
_REGISTRANT = re.compile(r"\(?\s*exact name of (?:the )?(?:registrant|issuer|company)", re.IGNORECASE)
_VERSUS = re.compile(r"^\W*(?:v\.|vs\.?|versus)(?:\s+|$)(.*)", re.IGNORECASE)
_SALUTATION = re.compile(
    r"^\W*(?:dear\b|sehr geehrte|hello\b|chère?\b|madame\b|monsieur\b|estimad[oa]s?\b|egregi|gentile\b"
    r"|(?:to|from)\s*:)",
    re.IGNORECASE | re.MULTILINE,
)
_SUBJECT = re.compile(
    r"(?:^|[\n,.:;]\s*)(?:re|subject|betreff|betr\.|objet|asunto|oggetto|onderwerp)\s*:\s*([^\n]{3,200})", re.IGNORECASE
)
_BEGINNING = re.compile(
    r"(?<=\w)\s+(?=(?:I|We|Thank you|Please|Further to|With reference|In response)\b(?!\.))|(?<=\w{3})\.\s"
)
"""Where a subject ends that was read as one paragraph with the letter."""
GENERIC = frozenset(
    "user users user's owner's manual guide handbook instructions operating quick start report annual quarterly"
    " brochure presentation hearing paper document edition version form a an the of for and online help service"
    " reference".split()
)
"""Words that say what kind of document it is, and not which one."""


def document_title(document: Document) -> str:
    """The title, or "" where none can be told.

    In this order: the filer of a government form with the form's name and period; the title that the file says, where
    the first pages hold its words; the one in the citation that the cover recommends; the subject of a letter; the
    parties of a case; the largest lines of the first page that has some. Running heads, stamps, letterheads and tables
    of contents are none.
    """
    form = form_name(document)
    registrant = registrant_of(document) if form else ""
    if form and registrant:
        period = reported_period([_body(page) for page in document.pages], document.name)
        return ", ".join(filter(None, (registrant, f"Form {form}", str(period or ""))))[:LONGEST]
    said = _clean(document.metadata.get("title", ""))
    if is_sensible(said) and _supported(said, document):
        return said[:LONGEST]
    title = _cited(document) or _subject(document) or _parties(document) or _on_cover(document, _counted(document))
    if title and not set(words_of(title)) - GENERIC:
        stem = re.sub(r"[_\W]+", " ", Path(document.name).stem).strip()
        if re.fullmatch(r"(?:[^\W\d_]{2,12}|[^\W_]{1,4})(?: (?:[^\W\d_]{2,12}|[^\W_]{1,4}))*", stem):
            title = f"{stem} {title}"
    return title[:LONGEST]


def is_sensible(title: str) -> bool:
    """Whether a title that a file says may be one, and is no file name, number, or name of a template.

    >>> [is_sensible(text) for text in ("Microsoft Word - a.doc", "0001018724-18-000005", "The sea and its tides")]
    [False, False, True]
    """
    words = re.findall(r"[^\W\d_]{2,}", title)
    return len(words) > 1 and " " in title and "_" not in title and not _TEMPLATE.search(title)


def registrant_of(document: Document) -> str:
    """Who files a form: what stands above "(Exact name of registrant as specified in its charter)"; "" if nothing."""
    for page in document.pages[:2]:
        before = ""
        for element in page.elements:
            for line in element.text.splitlines():
                label = _REGISTRANT.search(line)
                if label:
                    name = line[: label.start()].strip(" |_*") or before
                    return _unspaced(
                        _clean(re.sub(r"^commission file (no|number)\W*[\d-]+", "", name, flags=re.I)), document
                    )
                if re.search(r"[^\W\d_]{2}", line) and not _LETTERHEAD.fullmatch(line):
                    before = line.strip(" |_*") if element.kind is not ElementKind.FIGURE else before
    return ""


def _counted(document: Document) -> Counter[str]:
    """Words, with the number of pages that have them, of the first page and others evenly spread."""
    step = max(1, len(document.pages) // COUNTED_PAGES)
    pages = document.pages[::step]
    return Counter({ALL: len(pages)}) + Counter(word for page in pages for word in set(words_of(_text(page))))


def _unspaced(text: str, document: Document) -> str:
    """Small capitals put together that were read apart: "R ESORTS", where the document also has "resorts"."""
    held = {word for page in document.pages[:SUPPORT_PAGES] for word in words_of(_text(page))}

    def put(found: re.Match[str]) -> str:
        return found[1] + found[2] if (found[1] + found[2]).lower() in held else found[0]

    return re.sub(r"\b([A-Z]) ([A-Z]{2,})\b", put, text)


def _supported(title: str, document: Document) -> bool:
    """Whether the first pages, or the file's name, hold the title's words, but for those that name a kind."""
    text = " ".join([*(_text(page) for page in document.pages[:SUPPORT_PAGES]), document.name])
    held = set(words_of(text))
    asked = [word for word in words_of(title) if word not in GENERIC]
    return bool(asked) and sum(word in held for word in asked) >= 0.85 * len(asked)


def _cited(document: Document) -> str:
    """The title in quotation marks after "Recommended citation", "Cite this as", …"""
    for page in document.pages[:2]:
        texts = [" ".join(element.text.split()) for element in page.elements]
        for at, text in enumerate(texts):
            found = _CITATION.search(text)
            quoted = found and _QUOTED.search(" ".join([text[found.end() :], *texts[at + 1 : at + 2]]))
            if quoted:
                return _clean(quoted[1]).rstrip(",.")
    return ""


def _subject(document: Document) -> str:
    """What a letter or a memorandum says it is about, after "Re:" or "Subject:"."""
    for page in document.pages[:1]:
        text = _body(page)
        found = _SUBJECT.search(text) if _SALUTATION.search(text) else None
        if found:
            return _clean(_BEGINNING.split(found[1], maxsplit=1)[0])
    return ""


def _parties(document: Document) -> str:
    """ "A v. B" of a case, from lines that begin with "v." or "versus" on the first page."""
    for number, page in enumerate(document.pages[:1]):
        elements = [element for element in page.elements if element.kind not in FURNITURE and element.text.strip()]
        for at, element in enumerate(elements):
            found = _VERSUS.match(element.text)
            if not found or not at:
                continue
            following = elements[at + 1 :]
            if not found[1] and number + 1 < len(document.pages):
                following += document.pages[number + 1].elements
            second = [found[1]] if found[1] else []
            for other in following:
                text = other.text.strip()
                if other.kind in FURNITURE or (not second and not _capital(text)):
                    continue
                if not _capital(text) or (second and second[-1].endswith((".", ";"))):
                    break
                second.append(text)
                if text.endswith((",", ".")):
                    break
            before = (re.sub(r"^\W*(?:in )?re:\s*", "", one.text, flags=re.I) for one in reversed(elements[:at]))
            first = next(filter(_capital, before), "")
            first, last = (_clean(part.split(",")[0]).rstrip(" .,;") for part in (first, " ".join(second)))
            if first and last:
                return f"{first} v. {last}"
    return ""


def _capital(text: str) -> bool:
    """Whether the text has a word in capital letters, as names of parties have."""
    return len(text) < 600 and bool(re.search(r"\b[A-ZÀ-Þ]{4,}\b", text)) and not re.search(r"\d{3}|:", text)


def _on_cover(document: Document, pages: Counter[str]) -> str:
    body = body_size(document.pages)
    chapters = _chapters(document) | stamped(document.pages)
    recognised = ""
    for page in document.pages[:COVER_PAGES]:
        lines = [line for line in cover_lines(page) if _may_be_title(line, pages, len(document.pages), chapters)]
        groups = [
            group
            for group in line_groups(lines)
            if any(line.large for line in group) or max(line.size for line in group) > 1.15 * body
        ]
        drawn = "" if recognised else _drawn(page, pages, 0.1)
        best = max(groups, key=lambda group: _weight(group, pages), default=None)
        if best is None or (drawn and (_is_weak(best, pages, body) or _is_below(best, page))):
            recognised = recognised or _whole(drawn, page)
            continue
        title = _with_beside(best, groups, pages)
        if recognised and not set(words_of(recognised)) <= set(words_of(title)):
            break  # the first page has the title, though only as a picture
        if set(words_of(title)) <= GENERIC and drawn:
            title = f"{drawn} {title}"
        return _whole(_clean(title), page)
    if recognised:
        return recognised
    return next(filter(None, (_drawn(page, pages, 0.03) for page in document.pages[:COVER_PAGES])), "")


def _is_weak(lines: Sequence[CoverLine], pages: Counter[str], body: float) -> bool:
    """Whether lines are hardly larger than the text, or say what any cover says."""
    largest = max(line.size for line in lines)
    return _weight(lines, pages) < largest or (largest < 1.3 * body and not any(line.title for line in lines))


def _is_below(lines: Sequence[CoverLine], page: Page) -> bool:
    """Whether lines stand below a picture that fills a third of the page."""
    return any(
        element.kind is ElementKind.FIGURE
        and element.box.area > page.width * page.height / 3
        and element.box.y1 <= lines[0].box.y0
        for element in page.elements
    )


def _chapters(document: Document) -> frozenset[str]:
    """Lines of a table of contents in the first pages, in small letters without page numbers."""
    found: set[str] = set()
    for page in document.pages[: COVER_PAGES + 1]:
        if re.search(r"\bcontents?\b", _text(page)[:2000], re.IGNORECASE):
            rows = [row for element in page.elements for row in element.text.splitlines()]
            found.update(in_words(row) for row in rows if re.search(r"\d\W*$", row))
    return frozenset(found)


def _with_beside(best: Sequence[CoverLine], groups: Sequence[Sequence[CoverLine]], pages: Counter[str]) -> str:
    """The lines as one; a short name with what stands beside it: "WATCH D" and "USER GUIDE"."""
    title = _joined(line.text for line in best)
    if len(words_of(title)) > 3:
        return title
    short = set(words_of(title)) <= GENERIC
    others = [
        group
        for group in sorted(
            groups, key=lambda group: (bool(set(words_of(group[0].text)) - GENERIC), -_weight(group, pages))
        )
        if group is not best
        and len(words := words_of(_joined(line.text for line in group))) < 12
        and _repeated(words, pages)
        and (short or set(words_of(group[0].text)) <= GENERIC or are_beside(best, group))
    ][:2]
    taken = sorted([best, *others], key=lambda group: (round(group[0].box.y0 / 10), group[0].box.x0))
    return " ".join(_joined(line.text for line in group) for group in taken)


def _whole(title: str, page: Page) -> str:
    """A short title as a longer line of the page has it: "Tides" where the page also says "The Book of Tides"."""
    if 0 < len(words_of(title)) < 4:
        for element in page.elements:
            text = _clean(element.text)
            if text != title and title in text and 3 < len(words_of(text)) < 11 and not OPEN_END.search(text):
                return text
    return title


def _weight(group: Sequence[CoverLine], pages: Counter[str]) -> float:
    """Size of a group of lines; less for organisations, words that any cover has, and words of no other page."""
    from mmrank.ingest.entities import is_organisation

    text = _joined(line.text for line in group)
    size = max(line.size * (1.1 if line.title else 1.0) for line in group)
    words = [word for word in words_of(text) if len(word) > 2 or word.isdigit()]
    if not set(words) - GENERIC or is_organisation(text):
        return 0.4 * size
    return size if _repeated(words, pages) else 0.5 * size


def _repeated(words: Sequence[str], pages: Counter[str]) -> bool:
    """Whether at least half of the words stand on more than one page; of a few pages nothing follows."""
    return pages[ALL] < 4 or 2 * sum(pages[word] > 1 for word in words) >= len(words)


def _may_be_title(line: CoverLine, pages: Counter[str], count: int, others: frozenset[str]) -> bool:
    text = line.text
    words = line.words
    letters = sum(letter.isalpha() for letter in text)
    if not line.title and len(words) > SENTENCE and text.endswith((".", ";")):
        return False
    if not words or not 2 < len(text) <= LONGEST or line.rows > 6:
        return False
    if letters < (1 if line.title else 0.5 * len(text.replace(" ", ""))):
        return False
    if (
        _NO_TITLE.match(text)
        or _DATE.match(text)
        or ("@" in text and "." in text)
        or text.count(".....")
        or "☒" in text
    ):
        return False
    if re.match(r"^\W*by\b", text, re.IGNORECASE) or _LETTERHEAD.fullmatch(text):
        return False
    if in_words(text) in others:
        return False
    # What no other page repeats is a scrap of a logo, if it is no plain word.
    return count < 4 or len(words) > 1 or bool(re.fullmatch(r"[^\W\d_]{4,}", text)) or pages[words[0]] > 1


def _drawn(page: Page, pages: Counter[str], share: float) -> str:
    """The first lines of a picture that fills this share of the page: a cover that is drawn."""
    for element in page.elements:
        if element.kind is not ElementKind.FIGURE or element.box.area < share * page.width * page.height:
            continue
        kept: list[str] = []
        for line in element.text.splitlines():
            words = words_of(line)
            known = [word for word in words if pages[word] > 1 and (len(word) > 2 or word.isdigit())]
            if len(words_of(" ".join(kept))) + len(words) > 12:
                break
            if words and 2 * len(known) >= len(words) and not (_NO_TITLE.match(line) or _RELEASE.search(line)):
                kept.append(line)
            elif kept:
                break
        title = _clean(" ".join(kept))
        if len(words_of(title)) > 1:
            return title
    return ""


def _joined(texts: Iterable[str]) -> str:
    """Lines as one, with words that a hyphen divides put together."""
    joined = ""
    for text in texts:
        divided = re.search(r"\w{2}-$", joined) and re.match(r"[^\W\d_]", text)
        joined = joined[:-1] + text if divided else f"{joined} {text}"
    return joined.strip()


def _clean(text: str) -> str:
    text = " ".join(text.split())
    if re.fullmatch(r"(?:\S ){3,}\S", text):
        text = text.replace(" ", "")
    text = re.sub(r"\s+([.,;:!?)])", r"\1", text)
    return text.strip(" |_*∗†‡-–—·,;:")


def _body(page: Page) -> str:
    return "\n".join(element.text for element in page.elements if element.kind not in FURNITURE)


def _text(page: Page) -> str:
    return " ".join(element.text for element in page.elements)
