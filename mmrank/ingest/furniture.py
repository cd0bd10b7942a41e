"""Running headers, footers and page labels, recognised by repetition from page to page."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import pairwise

from mmrank.ingest.drafts import Draft, PageDraft
from mmrank.ingest.headings import body_size
from mmrank.ingest.labels import mended_labels
from mmrank.types import ElementKind

EDGE = 0.12
"""Share of the page's height, at its top and its bottom, in which furniture stands."""
LABEL = re.compile(r"^\W*(?:page\s+|p\.\s*)?(\d{1,5}|[ivxlc]{1,7})\W*(?:(?:of|/|\|)\W*\d+)?\W*$", re.IGNORECASE)
NUMBERS = re.compile(r"\d+|\b[ivxlc]+\b")
ROMAN = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}
_MONTHS = (
    "jan(?:uary|uar|vier)?|janeiro|january|gennaio|enero|januari|feb(?:ruary|ruar|ruari|braio|rero)?|fév(?:rier)?|fevereiro|"
    "mar(?:ch|zo|s|ço)?|märz|maart|apr(?:il|ile)?|avril|abril|may|mai|mei|mayo|maio|maggio|june?|jun[io]|juin|junho|giugno|"
    "july?|jul[io]|juil(?:let)?|julho|luglio|aug(?:ust|ustus)?|août|agosto|sept?(?:ember|embre|iembre)?|setembro|settembre|"
    "o[ck]t(?:ober|obre|ubre)?|outubro|ottobre|nov(?:ember|embre|iembre)?|novembro|de[cz](?:ember)?|décembre|dic(?:iembre|embre)?|"
    "dezembro"
)
NAMED_NUMBER = re.compile(
    r"\b(?:no|invoice|order|case|claim|policy|account|reference|ref|id|file|docket|certificate|ticket|customer|contract|"
    r"patient|receipt|voucher|rechnung|bestellung|auftrag|vertrag|akte|facture|commande|contrat|dossier|factura|"
    r"pedido|contrato|fattura|ordine|contratto|factuur|bestelling|[^\W\d_]*(?:number|nummer|nr|numéro|número|numero))\b\W*\d+"
    r"|[#№]\s*\d+|(?:号码|號碼|编号|編號|番号)\W*\d+|第\s*\d+\s*[号號]"
)
"""A number that is named, and is not a page's."""
PART_NUMBER = re.compile(
    rf"\b\d{{1,2}}(?:st|nd|rd|th|er|º)?\.?\s+(?:of\s+|de\s+)?(?:{_MONTHS})\b|\b(?:{_MONTHS})\.?\s+\d{{1,2}}\b|\d+\s*月\s*\d+\s*日"
    r"|\b\d{4}[-./]\d{1,2}[-./]\d{1,2}\b|\b\d{1,2}[-./]\d{1,2}[-./](?:\d{4}|\d\d)\b"
    r"|\b(?!pag|pg|seite)[^\W\d_]{2,5}(?:\d*(?:[-/_.][^\W_]+)*[-/_]\d+|\d{3,})\b"
)
"""A number that is part of a date, or of a code such as "ab-2024-118"."""
STAMP_LARGER = 1.8
"""Text is a stamp where it repeats and is larger than the body text by this factor."""
FARTHEST_LABEL = 3000
"""A number that is larger than the count of its page by more than this is no page number."""
PICTURES = frozenset({ElementKind.FIGURE, ElementKind.CHART})
PLAIN = frozenset({ElementKind.TEXT, ElementKind.LIST_ITEM, ElementKind.CAPTION, ElementKind.TABLE})


@dataclass(slots=True)
class _Edge:
    """A draft at the top or the bottom of a page."""

    page: PageDraft
    draft: Draft
    side: str
    text: str
    shape: str
    """Its text with "#" for each number."""
    numbers: tuple[int, ...]

    def same(self, other: _Edge) -> bool:
        """Whether two are alike but for numbers that go on with the pages."""
        pages = other.page.page - self.page.page
        grown = [b - a for a, b in zip(self.numbers, other.numbers, strict=True)]
        return bool(grown) and all(step in {0, pages, 2 * pages} for step in grown) and any(grown)


def mark_furniture(pages: list[PageDraft]) -> None:
    """Turn repeated edge text into headers and footers and set each page's label, in place.

    Numbers in it may change where they go on with the pages, except in large type and in captions: "Chapter 3" at the
    top is a heading, and "Table 2" and "Table 3" at the top of two pages are two tables. Other numbers that change,
    such as those of invoices, are what a page is about. Stamps that repeat are furniture too, but for the first. A page
    keeps its only text unless it is a page number, or what stands on other pages beside their text.
    """
    edges = _edges(pages)
    least = max(2, min(4, len(pages) // 4)) if len(pages) > 2 else 99
    same: dict[tuple[str, str], set[int]] = defaultdict(set)
    lone: Counter[tuple[str, str]] = Counter()
    alike: dict[tuple[str, str], list[_Edge]] = defaultdict(list)
    for edge in edges:
        same[edge.side, edge.text].add(edge.page.page)
        lone[edge.side, edge.text] += _only_text(edge.draft, edge.page)
        alike[edge.side, edge.shape].append(edge)
    counted = {id(edge) for group in alike.values() if _on(group) >= least for edge in _counting(group)}
    labels: dict[int, list[str]] = defaultdict(list)
    for edge in edges:
        draft, page = edge.draft, edge.page
        repeated = len(same[edge.side, edge.text]) >= least
        whole = LABEL.match(draft.text.strip())
        alone = whole and len(pages) > 1 and _outermost(draft, page, edge.side) and _plausible(edge, alike)
        if not (repeated or id(edge) in counted or alone):
            continue
        beside = repeated and 2 * lone[edge.side, edge.text] <= len(same[edge.side, edge.text])
        if not (beside or whole) and _only_text(draft, page):
            continue
        draft.kind = ElementKind.HEADER if edge.side == "top" else ElementKind.FOOTER
        draft.table = None
        found = _label(draft.text)
        if found:
            labels[page.page].insert(0 if whole else len(labels[page.page]), found)
    for page, label in zip(pages, mended_labels([_chosen(labels[page.page]) for page in pages]), strict=True):
        page.label = label
    _find_stamps(pages)
    _mark_stamps(pages)


def _chosen(labels: list[str]) -> str | None:
    """The label of a page; "12–13" for the two of a spread."""
    numbers = sorted({int(label) for label in labels if label.isdigit()})
    if len(numbers) == 2 and numbers[1] == numbers[0] + 1:
        return f"{numbers[0]}–{numbers[1]}"
    return labels[0] if labels else None


def _edges(pages: list[PageDraft]) -> list[_Edge]:
    large = 1.15 * body_size(pages)
    found = []
    for page in pages:
        for draft in page.drafts:
            side = _side(draft, page)
            if side and draft.kind in PLAIN and draft.line_count <= 3 and len(draft.text) < 200 and not draft.stamp:
                text = draft.text.strip().lower()
                fixed = draft.size > large or draft.kind is ElementKind.CAPTION
                numbers = () if fixed else tuple(_value(number[0]) for number in NUMBERS.finditer(text))
                shape = text if fixed else NUMBERS.sub("#", text)
                found.append(_Edge(page, draft, side, text, shape, numbers))
    return found


def _value(number: str) -> int:
    """The value of a decimal or Roman number; of letters that are none, one that nothing goes on from."""
    if number.isdigit():
        return int(number)
    values = [ROMAN[letter] for letter in number]
    return sum(-a if a < b else a for a, b in pairwise([*values, 0]))


def _on(group: list[_Edge]) -> int:
    return len({edge.page.page for edge in group})


def _counting(group: list[_Edge]) -> list[_Edge]:
    """Those of alike drafts whose numbers count the pages: all of them, where most go on from a neighbour's.

    A number with a name of its own, or far from the page's, counts something else, though it may grow by one per page,
    and so does one in a date or a code.
    """
    if NAMED_NUMBER.search(group[0].text):
        return []
    others = [found.span() for found in PART_NUMBER.finditer(group[0].text)]
    for at, number in enumerate(NUMBERS.finditer(group[0].text) if group[0].numbers else ()):
        inside = any(start <= number.start() and number.end() <= stop for start, stop in others)
        if inside and len({edge.numbers[at] for edge in group}) > 1:
            return []
    going = []
    for at, edge in enumerate(group):
        near = group[max(0, at - 2) : at] + group[at + 1 : at + 3]
        if any(0 < abs(other.page.page - edge.page.page) <= 2 and edge.same(other) for other in near):
            going.append(edge)
    far = [edge for edge in going if min(edge.numbers) - edge.page.page > FARTHEST_LABEL]
    if len(far) > 0.5 * len(going):
        return []
    return group if len(going) >= 0.6 * len(group) else going


def _plausible(edge: _Edge, alike: dict[tuple[str, str], list[_Edge]]) -> bool:
    """Whether a bare number may be the page's: near its count, going on from another page's, or the only one."""
    others = [other for other in alike[edge.side, edge.shape] if other is not edge]
    near = bool(edge.numbers) and abs(edge.numbers[0] - edge.page.page - 1) <= 30
    return near or not others or any(edge.same(other) for other in others)


def _only_text(draft: Draft, page: PageDraft) -> bool:
    """Whether a page holds no other text and no picture."""
    return not any(other is not draft and (other.text.strip() or other.kind in PICTURES) for other in page.drafts)


def _find_stamps(pages: list[PageDraft]) -> None:
    """Take large text at one place on most pages, between their edges, for a stamp."""
    large = STAMP_LARGER * body_size(pages)
    alike: dict[tuple[str, int, int], list[tuple[int, Draft]]] = defaultdict(list)
    for page in pages:
        for draft in page.drafts:
            if draft.size >= large and draft.kind in PLAIN and not draft.table and _side(draft, page) is None:
                place = (draft.text.strip().lower(), round(draft.box[0] / 3), round(draft.box[1] / 3))
                alike[place].append((page.page, draft))
    for held in alike.values():
        if len({page for page, _ in held}) >= max(3, len(pages) / 2):
            for _, draft in held:
                draft.stamp, draft.kind = True, ElementKind.TEXT


def _mark_stamps(pages: list[PageDraft]) -> None:
    """Turn stamps that stand on several pages into headers, but for the first of each."""
    seen: set[str] = set()
    for page in pages:
        for draft in page.drafts:
            if draft.stamp and draft.kind is ElementKind.TEXT:
                text = re.sub(r"[\W\d]+", " ", draft.text.lower()).strip()
                if text in seen:
                    draft.kind = ElementKind.HEADER
                seen.add(text)


def _side(draft: Draft, page: PageDraft) -> str | None:
    if draft.box[3] < EDGE * page.height:
        return "top"
    if draft.box[1] > (1 - EDGE) * page.height:
        return "bottom"
    return None


def _outermost(draft: Draft, page: PageDraft, side: str) -> bool:
    others = [d for d in page.drafts if d is not draft and d.text]
    if side == "top":
        return all(d.box[1] >= draft.box[1] - 2 for d in others)
    return all(d.box[3] <= draft.box[3] + 2 for d in others)


def _label(text: str) -> str | None:
    whole = LABEL.match(text.strip())
    if whole:
        return whole[1]
    for piece in (text.split()[:1], text.split()[-1:]):
        if piece and re.fullmatch(r"\d{1,5}", piece[0]):
            return piece[0]
    named = re.search(r"\bpage\s+(\d{1,5})\b", text, re.IGNORECASE)
    return named[1] if named else None
