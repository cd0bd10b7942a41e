"""Footnotes and displayed formulas, recognised once the font size of the body text is known."""

from __future__ import annotations

import re

from mmrank.ingest.drafts import Draft, PageDraft
from mmrank.ingest.headings import body_size
from mmrank.types import ElementKind

FOOTNOTE_MARK = re.compile(r"^\s*(?:\d{1,3}|[*†‡§¶]|\[\d{1,3}\]|[a-z]\))\s*(?=[A-Z\"“(]|https?:|[a-z]{3})")
MATH_SIGNS = re.compile(r"[=∑∫∏√≤≥≈≠∈∀∃∂∇±×÷→⟨⟩∥∞∝∼≡⊂∪∩α-ωΓΔΘΛΞΠΣΦΨΩ^|]")
LONG_WORD = re.compile(r"[A-Za-z]{4,}")


def mark_notes(pages: list[PageDraft]) -> None:
    """Change the kind of text drafts that are footnotes or formulas, in place."""
    body = body_size(pages)
    for page in pages:
        for draft in page.drafts:
            if draft.kind in {ElementKind.TEXT, ElementKind.LIST_ITEM} and draft.confidence is None:
                if _is_footnote(draft, page, body):
                    draft.kind = ElementKind.FOOTNOTE
                elif _is_formula(draft):
                    draft.kind = ElementKind.FORMULA


def _is_footnote(draft: Draft, page: PageDraft, body: float) -> bool:
    """Small type in the lower part of a page that opens with a mark, with nothing of the body's size below it."""
    if draft.size > 0.93 * body or draft.box[1] < 0.55 * page.height or not FOOTNOTE_MARK.match(draft.text):
        return False
    below = [d for d in page.drafts if d.box[1] > draft.box[3] and d.box[0] < draft.box[2] and d.box[2] > draft.box[0]]
    return all(d.size < 0.95 * body or d.kind in {ElementKind.HEADER, ElementKind.FOOTER} for d in below)


def _is_formula(draft: Draft) -> bool:
    """A short line that is mostly signs and single letters."""
    text = draft.text.strip()
    if not 5 <= len(text) <= 200 or draft.line_count > 4 or "=" not in text:
        return False
    lettered = sum(len(word) for word in LONG_WORD.findall(text))
    return len(MATH_SIGNS.findall(text)) >= 2 and lettered < 0.3 * len(text)
