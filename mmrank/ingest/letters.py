"""Letters as a page sets them, as plain text: ligatures, wide forms, spaced Chinese, divided words, raised marks."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

DENSE = "\u2e80-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff01-\uffef\U00020000-\U0003fffd"
"""Characters of scripts that are written without blanks, and their punctuation."""
_FOLDED = {chr(code): unicodedata.normalize("NFKC", chr(code)) for code in range(0x2E80, 0x2FE0)}
_WIDE = {
    chr(code): chr(code - 0xFEE0) for code in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))
}
_WIDE_SIGNS = "＂＃＄％＆＇＊＋－／＜＝＞＠＼＾｀｜￥￠￡"
_PLAIN = str.maketrans(
    {
        **_FOLDED,
        **{sign: unicodedata.normalize("NFKC", sign) for sign in _WIDE_SIGNS},
        **_WIDE,
        **{"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"},
        **dict(
            zip("\uf0b7\uf0a7\uf06e\uf0d8\uf0fc\uf076\uf06c\uf071", "•▪■➢✓◆●□", strict=True)
        ),  # of Symbol and Wingdings
        **{"\u00ad": "-", "\u2010": "-", "\u2011": "-", "\u00a0": " ", "\u3000": " ", "\u200b": "", "\ufeff": ""},
    }
)
_WIDE_STOP = re.compile(r"(?<=\d)[，．：](?=\d)")
_HALF_WIDTH = re.compile("[\uff61-\uff9f]+")
_SPACED = re.compile(rf"(?<!\S)[{DENSE}](?: +[{DENSE}])+(?!\S)")
_AFTER_STOP = re.compile(
    rf"(?<=[，。、；：！？）」』】》]) +(?=[{DENSE}])|(?<=[{DENSE}]) +(?=[（「『【《，。、；：！？])"
)
_DENSE_END = re.compile(rf"[{DENSE}]$")
_DENSE_START = re.compile(rf"^[{DENSE}]")
_BOTH_PARTS = re.compile(r"(?:and|or|to|und|oder|bis|sowie|et|ou|y|e|en|of)\b(?!-)")
_KEPT = frozenset({"self", "non"})
"""Beginnings of words that are written with a hyphen wherever they stand."""
_RAISED = str.maketrans("0123456789+-=()abcdefghijklmnoprstuvwxyz", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ")
_RAISED_SIGNS = frozenset("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁾ᵃᵇᶜᵈᵉᶠᵍ")
_MARK = re.compile(r"[\[(]?(?:\d{1,3}|[a-z])(?:[,;–-] ?(?:\d{1,3}|[a-z]))*[\])]?,?\s*$")
_WORD = re.compile(r"[^\W_]+$")
_TYPED_MARK = re.compile(r"(?<=[^\W\d_]{3})(?<![⁰¹²³⁴-⁹])(?=[⁰¹²³⁴-⁹])|(?<=\d{2})(?<!(?<!\d)10)(?=[⁰¹²³⁴-⁹])")


def clean(text: str) -> str:
    """Plain letters for ligatures, wide forms and Chinese radicals, "-" for every hyphen, blanks for unusual spaces;
    control characters are removed, and so are blanks between Chinese or Japanese characters that are spaced out.

    >>> clean("ＥＢＩＴＤＡ of the ﬁrst state\u2010owned bank"), clean("股 东 大 会"), clean("Ballast¹ of 30 m²")
    ('EBITDA of the first state-owned bank', '股东大会', 'Ballast ¹ of 30 m²')
    >>> clean("１，２０４ ｶﾞｲﾄﾞ （１．５％）")
    '1,204 ガイド（1.5%）'
    """
    if not text.isascii():
        text = text.translate(_PLAIN)
        text = _WIDE_STOP.sub(lambda stop: unicodedata.normalize("NFKC", stop[0]), text)
        text = _HALF_WIDTH.sub(lambda run: unicodedata.normalize("NFKC", run[0]), text)
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " for c in text if unicodedata.category(c) != "Cf")
    text = text.strip() if text[:1] == " " else text.rstrip()
    if not text.isascii():
        text = _TYPED_MARK.sub(" ", text)
        if " " in text:
            text = _AFTER_STOP.sub("", _SPACED.sub(lambda run: _closed(run[0], whole=run[0] == text), text))
    return text


def _closed(run: str, *, whole: bool) -> str:
    """A run of single characters without its blanks; two of them only where the line holds nothing else."""
    return run.replace(" ", "") if whole or run.count(" ") > 1 else run


def with_raised(text: str, mark: str) -> str:
    """Text with what is set small and high behind it: a mark is kept off its word, an exponent is not.

    >>> [with_raised(*pair) for pair in (("EBITDA", "1"), ("5,400", "2"), ("km", "2"), ("10", "6"), ("the 19", "th"))]
    ['EBITDA ¹', '5,400 ²', 'km²', '10⁶', 'the 19th']
    """
    word = _WORD.search(text)
    base = word[0] if word else ""
    numbered = base.isdigit() and bool(re.match(r"(?!st\b|nd\b|rd\b|th\b)[a-z]{2,4}\s*$", mark))
    if not text or text[-1].isspace() or not (_MARK.match(mark) or numbered):
        return text + mark
    if not word and (
        text[-1] in "(/+-–=$€£" or text[-1] in _RAISED_SIGNS or text.endswith(tuple(f"{c}," for c in _RAISED_SIGNS))
    ):
        return text + mark.translate(_RAISED)
    attached = (base == "10" and text[-3:-2] not in {",", "."}) or (base.isalpha() and len(base) < 3)
    attached = attached or base[-1:] in _RAISED_SIGNS
    return f"{text}{'' if attached else ' '}{mark.translate(_RAISED)}"


def join(texts: Iterable[str]) -> str:
    """Lines of a paragraph or a cell as one text; words that the end of a line divides are put together.

    Between Chinese or Japanese characters there is no blank.

    >>> join(["an exam-", "ple of", "state-of-the-", "art"]), join(["营业收", "入"]), join(["short-", "and long-term"])
    ('an example of state-of-the-art', '营业收入', 'short- and long-term')
    """
    result = ""
    for text in texts:
        text = text.strip()
        if not result or not text:
            result = result or text
        elif result[-1] == "-" and result[-2:-1].isalnum() and text[0].isalnum() and not _BOTH_PARTS.match(text):
            result = _undivided(result, text)
        elif _DENSE_END.search(result) and _DENSE_START.match(text):
            result += text
        else:
            result = f"{result} {text}"
    return result


def _undivided(left: str, right: str) -> str:
    """Two lines, the first of which ends with a hyphen: whether the word keeps it is told by how it is written."""
    word = left.rsplit(maxsplit=1)[-1][:-1]
    letters = re.search(r"[^\W\d_]+$", word)
    if not letters or not right[0].isalpha():
        return left + right  # "2019-" and "2021", "30-" and "day"
    capitals = len(letters[0]) > 3 and left.isupper() and right.isupper()
    kept = "-" in word or word.lower() in _KEPT or not (right[0].islower() or capitals)
    return left + right if kept else left[:-1] + right
