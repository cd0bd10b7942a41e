"""Handles in one spelling: names of places in a document, such as "Table 2", as people write them."""

from __future__ import annotations

import re

from mmrank.numerals import roman_value

JOINT = " · "
"""What stands between several values of one key of metadata."""
TWINS = "mmrank:twins"
"""Key of metadata: further files with a document's content, as JSON, [[name, path], …]."""
UNREAD = "mmrank:unread"
"""Key of metadata: pages that could not be read, as JSON, [[first, last, reason], …], 0-based."""
ATTACHED = "mmrank:attached"
"""Key of metadata: names of the files that are attached to a document, as a JSON list."""

WORDS = {
    "fig": "figure",
    "figs": "figure",
    "figures": "figure",
    "tab": "table",
    "tables": "table",
    "pp": "page",
    "p": "page",
    "pg": "page",
    "pages": "page",
    "slides": "slide",
    "sec": "section",
    "sect": "section",
    "sections": "section",
    "chap": "chapter",
    "eq": "equation",
    "app": "appendix",
    "§": "section",
}
ORDINALS = {
    name: at
    for at, names in enumerate(
        (
            *("first 1st", "second 2nd", "third 3rd", "fourth 4th", "fifth 5th"),
            *("sixth 6th", "seventh 7th", "eighth 8th", "ninth 9th", "tenth 10th"),
        ),
        1,
    )
    for name in names.split()
}


def canonical(name: str) -> str:
    """The one spelling of a handle.

    >>> canonical("Fig. 3"), canonical("TABLE II"), canonical("the second figure"), canonical("§4.1")
    ('figure 3', 'table 2', 'figure #2', 'section 4.1')
    """
    words = re.sub(r"[§]", " section ", name.lower())
    tokens = re.findall(r"[a-z]+\d+[a-z]?(?:[.\-]\d+)*|\d+(?:[.\-]\d+)*[a-z]*|[a-z]+", words)
    tokens = [token for token in tokens if token not in {"the", "no", "number", "of", "a"}]
    if not tokens:
        return ""
    if tokens[0] in ORDINALS and len(tokens) > 1:
        return f"{WORDS.get(tokens[1], tokens[1])} #{ORDINALS[tokens[0]]}"
    kind = WORDS.get(tokens[0], tokens[0])
    if len(tokens) == 1:
        return kind
    value = tokens[1]
    if re.fullmatch(r"[ivxlc]+", value) and kind not in {"appendix", "exhibit"}:
        value = str(roman_value(value))
    return f"{kind} {value}"
