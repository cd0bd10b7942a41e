"""What is known of a document, as a form: what people said, before what was found."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from mmrank.adding.metadata import FROM_SIDECAR, given_in
from mmrank.index import DocumentRecord
from mmrank.names import JOINT

OFFERED = {"title": "Title", "date": "Date", "people": "People", "organisations": "Organisations", "about": "About"}
"""Keys that can always be given, and what they are called."""
VALUE = "m."
"""Begins the names of the fields of the form that hold values."""


@dataclass(frozen=True, slots=True)
class Field:
    """One key of a document's metadata.

    Attributes:
        key: of the metadata.
        given: what people said on the page, the command line or over REST; empty for nothing.
        found: what holds where nothing was said: from the sidecar file or the document. Empty where `given` is set.
    """

    key: str
    given: str
    found: str

    @property
    def label(self) -> str:
        """What the key is called."""
        return OFFERED.get(self.key, self.key)


def fields(record: DocumentRecord) -> list[Field]:
    """What can be said of a document: the usual keys, then the others that people gave."""
    given = given_in(record)
    keys = dict.fromkeys([*OFFERED, *given, *given_in(record, FROM_SIDECAR)])
    return [Field(key, given.get(key, ""), "" if key in given else record.metadata.get(key, "")) for key in keys]


def changes(record: DocumentRecord, form: Mapping[str, str]) -> dict[str, object]:
    """What a form that was sent changes: values by key, None for what is taken back.

    Args:
        record: of the document.
        form: a value for each key, "m.title"; and one more, "key" with its "value".
    """
    given = given_in(record)
    told = {name.removeprefix(VALUE): value for name, value in form.items() if name.startswith(VALUE)}
    if form.get("key", "").strip():
        told[form["key"].strip()] = form.get("value", "")
    changed: dict[str, object] = {}
    for key, value in told.items():
        text = _spaced(value)
        if not text and key in given:
            changed[key] = None
        elif text and text != _spaced(given.get(key, "")):
            parts = [text] if key == "title" else re.split(rf"{JOINT}|; ?", text)
            changed[key] = [part for part in parts if part.strip()]
    return changed


def _spaced(text: str) -> str:
    return " ".join(text.split())
