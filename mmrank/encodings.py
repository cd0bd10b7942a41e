"""Bytes as text, in whatever encoding a program wrote them.

>>> decoded("zwölf Äpfel für 5 €".encode("cp1252"))
'zwölf Äpfel für 5 €'
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Sequence

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
LATIN = ("cp1250", "iso8859_2", "cp1254", "cp1257", "mac_roman", "cp850", "cp437")
"""Encodings of Latin letters other than Windows-1252."""
_IN_WORD = re.compile(
    r"(?<=[^\W\d_])[\u0080-\u00a9\u00ab-\u00b6\u00b8\u00b9\u00bb-\u00bf×÷‚„†‡ˆ‰‹“”˜™›\ufffd](?=[^\W\d_])"
    r"|(?<=[^\W\d_])[¡¿¼½¾]|(?<=[a-zß-ÿ])[À-ÖØ-ÞŠŒŽŸ](?=[a-zß-ÿ])"
)
"""A sign or a capital within a word, or a fraction behind one, as where another encoding has a letter."""
_TURKISH, _ICELANDIC = re.compile("[ðýþÐÝÞ]"), re.compile("[áéíúæÁÉÍÚÆ]")
"""Letters that Windows-1252 has in the places of Turkish ones, and letters of the languages that have the former."""
SUSPECT = 0.08
"""From this share of signs within words among the characters above 127 on, a text is not Windows-1252."""
FOREIGN = 0.4
"""From this share of bytes above 127 on, a text without a known encoding is of another alphabet."""


def decoded(data: bytes) -> str:
    """The text of a file. Bytes that mean nothing become U+FFFD; nothing is left out.

    A mark at the beginning says the encoding. Without one it is UTF-8 where the bytes are, UTF-16 where zeros among the
    bytes say so, a legacy encoding of another alphabet where it is plainly one, another one of Latin letters where
    Windows-1252 gives words with signs in them, and else Windows-1252.
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
    odd = {name: _odd(data[: 2 * units].decode(name, "replace")) for name in ("utf-16-le", "utf-16-be")}
    for encoding, high, low in (("utf-16-le", zeros[1], zeros[0]), ("utf-16-be", zeros[0], zeros[1])):
        # The high bytes of letters, blanks and line ends are zeros; a low byte that is zero is rare.
        if high > units // 50 and low * 8 < high and odd[encoding] <= 0.02:
            return encoding
    # Chinese has few zeros, and in the wrong order many characters that there are not.
    best, other = sorted(odd, key=odd.__getitem__)
    return best if odd[best] <= 0.02 and odd[other] > odd[best] + 0.05 else ""


def _odd(text: str) -> float:
    """Share of characters that no text has."""
    odd = sum(c == "\ufffd" or (unicodedata.category(c) in {"Cc", "Cn", "Co"} and c not in "\t\n\r\f") for c in text)
    return odd / max(1, len(text))


def _legacy(data: bytes) -> str:
    """Text in an encoding of one or two bytes per character."""
    sample = data[:LOOKED_AT]
    high = sum(byte >= 0x80 for byte in sample)
    # Text of Latin letters is plain ones with some accented ones among them; other alphabets have hardly any.
    if high > FOREIGN * len(sample):
        return data.decode(_likeliest(sample, FAMILIES), "replace")
    western = sample.decode("cp1252", "replace")
    turkish = len(_TURKISH.findall(western)) > 1 and not _ICELANDIC.search(western)
    if not turkish and len(_IN_WORD.findall(western)) <= SUSPECT * high:
        return data.decode("cp1252", "replace")
    broken = {name: len(_IN_WORD.findall(sample.decode(name, "replace"))) for name in LATIN}
    least = min(broken.values())
    return data.decode(_likeliest(sample, [name for name in LATIN if broken[name] == least]), "replace")


def _likeliest(sample: bytes, encodings: Sequence[str]) -> str:
    """The encoding whose text looks most like a language; Windows-1252 where none does."""
    from charset_normalizer import from_bytes

    best = from_bytes(sample, cp_isolation=list(encodings)).best()
    return best.encoding if best is not None else "cp1252"
