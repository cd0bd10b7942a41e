"""Foreign text made safe to print: nothing in it can steer a terminal, reorder what is shown, or hide.

Titles, file names, what a model writes and what a server answers are foreign. What is removed: control characters (C0
but line feed and tab, DEL, C1), marks that set the direction of text, line separators, and characters that are not
seen (tags, annotations, the byte order mark). Half of a surrogate pair, as Python has it for bytes of a file name that
are no text, becomes U+FFFD.
"""

from __future__ import annotations

import re

_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e0fff]"
)
_HALVES = re.compile("[\ud800-\udfff]")
_ESCAPED = re.compile(
    "[\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e0fff]"
)


def printable(text: str) -> str:
    r"""The text without what could act on a terminal; line feeds and tabs stay.

    >>> printable("red \x1b[31m and \u202eback"), printable("a\r\nb")
    ('red [31m and back', 'a\nb')
    """
    if text.isascii() and text.isprintable():
        return text
    return _HALVES.sub("\ufffd", _HIDDEN.sub("", text))


def one_line(text: object, limit: int = 300) -> str:
    r"""What a library says, for the middle of a sentence: one line, at most `limit` characters.

    >>> one_line("no such\n\n  layer\x07"), one_line("x" * 9, limit=5)
    ('no such layer', 'xxxx…')
    """
    line = " ".join(printable(re.sub(r"[\x0b\x0c\x1c-\x1e\x85\u2028\u2029\r]", " ", str(text)[: 20 * limit])).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def is_text(value: str) -> bool:
    """Whether a string is text: bytes of a command line that are no UTF-8 come as halves of surrogate pairs."""
    return value.isascii() or _HALVES.search(value) is None


def escaped_json(text: str) -> str:
    r"""JSON in which what `printable` removes is escaped, so that it says the same and is safe to print.

    >>> escaped_json('{"name": "a\x9b\u202eb"}')
    '{"name": "a\\u009b\\u202eb"}'
    """
    return _ESCAPED.sub(lambda found: _escape(found.group()), text)


def _escape(character: str) -> str:
    code = ord(character)
    if code < 0x10000:
        return f"\\u{code:04x}"
    return f"\\u{0xD800 + (code - 0x10000 >> 10):04x}\\u{0xDC00 + (code - 0x10000 & 0x3FF):04x}"
