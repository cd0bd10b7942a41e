"""Roman numerals."""

from __future__ import annotations

import re

VALUES = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}
WELL_FORMED = re.compile(r"(?=.)c{0,3}(xc|xl|l?x{0,3})(ix|iv|v?i{0,3})")


def roman_to_int(numeral: str) -> int | None:
    """The value of a well-formed lower-case roman numeral, 1 to 399; None for any other text.

    >>> [roman_to_int(numeral) for numeral in ("ii", "iv", "xix", "mix", "iiv", "")]
    [2, 4, 19, None, None, None]
    """
    return roman_value(numeral) if WELL_FORMED.fullmatch(numeral) else None


def roman_value(letters: str) -> int:
    """The value of lower-case roman letters in any order: a letter before a larger one is subtracted.

    For labels as they are printed: "iiii" is 4.

    >>> roman_value("iiii"), roman_value("xl")
    (4, 40)

    Raises:
        KeyError: for other letters than i, v, x, l and c.
    """
    values = [VALUES[letter] for letter in letters]
    following = [*values[1:], 0]
    return sum(-value if value < after else value for value, after in zip(values, following, strict=True))
