"""Bytes as text, in whatever encoding a program wrote them.

>>> decoded("zwölf Äpfel für 5 €".encode("cp1252"))
'zwölf Äpfel für 5 €'
"""

from __future__ import annotations

import codecs
import unicodedata

MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""What a file may begin with, and the encoding that it says."""
LOOKED_AT = 1 << 16
"""Bytes from which an encoding without a mark is told."""
FAMILIES = ("cp1251", "koi8_r", "cp1253", "cp1255", "cp1256", "shift_jis", "euc_jp", "gb18030", "big5", "euc_kr")
"""Encodings of other alphabets."""
FOREIGN = 0.4
"""From this share of bytes above 127 on, a text without a known encoding is of another alphabet."""


def decoded(data: bytes) -> str:
    """The text of a file. Bytes that mean nothing become U+FFFD; nothing is left out.

    A mark at the beginning says the encoding. Without one it is UTF-8 where the bytes are, UTF-16 where every other
    byte says so, a legacy encoding of another alphabet where it is plainly one, and else Windows-1252.
    """
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    wide = _wide(data[:LOOKED_AT])
    if wide:
        return data.decode(wide, "replace")
    text = data.decode("utf-8", "replace")
    broken = text.count("\ufffd") - data.count("\ufffd".encode())
    # A legacy encoding hardly ever looks like UTF-8; UTF-8 with stray bytes, or cut off within a character, does.
    if broken and broken * 4 > sum(c > "\x7f" and c != "\ufffd" for c in text):
        return _legacy(data)
    return text


def _wide(data: bytes) -> str:
    """UTF-16 without a mark, of either order; "" for anything else."""
    units = len(data) // 2
    if units < 2:
        return ""
    zeros = data[0 : 2 * units : 2].count(0), data[1 : 2 * units : 2].count(0)
    if not any(zeros):
        return ""
    for encoding, high, low in (("utf-16-le", zeros[1], zeros[0]), ("utf-16-be", zeros[0], zeros[1])):
        # The high bytes of letters, blanks and line ends are zeros; a low byte that is zero is rare.
        if high > units // 50 and low * 8 < high and _plausible(data[: 2 * units].decode(encoding, "replace")):
            return encoding
    return ""


def _plausible(text: str) -> bool:
    odd = sum(c == "\ufffd" or (unicodedata.category(c) in {"Cc", "Cn", "Co"} and c not in "\t\n\r\f") for c in text)
    return odd * 50 <= len(text)


def _legacy(data: bytes) -> str:
    """Text in an encoding of one or two bytes per character."""
    from charset_normalizer import from_bytes

    sample = data[:LOOKED_AT]
    # Western European text is plain letters with some accented ones among them; other alphabets have hardly any.
    if sum(byte >= 0x80 for byte in sample) > FOREIGN * len(sample):
        best = from_bytes(sample, cp_isolation=list(FAMILIES)).best()
        if best is not None:
            return data.decode(best.encoding, "replace")
    return data.decode("cp1252", "replace")
