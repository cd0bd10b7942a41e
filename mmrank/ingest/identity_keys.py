"""Keys of a document's metadata that say what it is: found when it is added, read when it is searched."""

from __future__ import annotations

TITLE, PERIOD, DATE, HEADINGS = "title", "period", "date", "front_headings"
KIND, FORM, LANGUAGE = "kind", "form", "language"
ORGANISATIONS, PEOPLE, ABOUT, ABBREVIATIONS = "organisations", "people", "about", "abbreviations"
IDENTITY_KEYS = frozenset(
    {TITLE, PERIOD, DATE, HEADINGS, KIND, FORM, LANGUAGE, ORGANISATIONS, PEOPLE, ABOUT, ABBREVIATIONS}
)
"""Keys of a document's metadata that hold what is found."""
SEVERAL = frozenset({ORGANISATIONS, PEOPLE, ABOUT, ABBREVIATIONS})
"""Keys with several values, joined by `JOINT`."""
