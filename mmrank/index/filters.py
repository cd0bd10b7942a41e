"""Which documents a search may look into."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import product
from pathlib import Path

from mmrank.errors import InputError
from mmrank.names import JOINT, TWINS
from mmrank.printable import is_text


@dataclass(frozen=True)
class Filter:
    """Documents must satisfy every condition that is given.

    A document's date is `metadata["date"]` where it has one, else the day it was added; `since` and `until`
    (both inclusive) take ISO dates of any precision: "2024", "2024-03", "2024-03-31".
    """

    documents: tuple[str, ...] | None = None
    """Ids of documents."""
    names: tuple[str, ...] | None = None
    folder: str | None = None
    """Documents whose name or path lies in this folder, at any depth; from the current directory, where it is
    relative."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """Each key must have exactly this value, or have it among several values, which are joined by " · "."""
    since: str | date | None = None
    until: str | date | None = None

    def __post_init__(self) -> None:
        for name in ("documents", "names"):
            value = getattr(self, name)
            if isinstance(value, str):
                raise InputError(f"{name} of a filter is a list of strings, not the string {value!r}")
            if value is not None:
                object.__setattr__(self, name, tuple(value))
        for name in ("since", "until"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, iso_date(str(value), f"{name} of a filter"))
        given = [*(self.documents or ()), *(self.names or ()), self.folder or ""]
        for value in (*given, *(part for pair in self.metadata.items() for part in pair)):
            if not isinstance(value, str):
                raise InputError(f"a filter compares strings, not {value!r}")
            if not is_text(value):
                raise InputError(f"a filter holds bytes that are no text: {value!r}; type it as UTF-8")

    @property
    def key(self) -> tuple[object, ...]:
        """A hashable key; equal filters have equal keys."""
        return (
            self.documents,
            self.names,
            self.prefixes,
            tuple(sorted(self.metadata.items())),
            self.since,
            self.until,
        )

    @property
    def prefixes(self) -> tuple[str, ...]:
        """How the name or path of a document in `folder` may begin, each with "/" at its end; none without a folder."""
        if self.folder is None:
            return ()
        absolute = Path(self.folder).absolute()  # as paths are kept, with any ".." that was in them
        spellings = (os.path.normpath(self.folder), os.path.normpath(absolute), absolute)
        return tuple(dict.fromkeys(Path(spelling).as_posix().rstrip("/") + "/" for spelling in spellings))

    def sql(self) -> tuple[str, list[object]]:
        """A condition over the table `documents` and its parameters."""
        terms: list[str] = []
        values: list[object] = []
        for column, chosen in (("id", self.documents), ("name", self.names)):
            if chosen is not None:
                # One JSON parameter: SQLite bounds the number of parameters of a statement.
                term = f"documents.{column} IN (SELECT value FROM json_each(?))"
                values.append(_json_list(chosen))
                if column == "name":
                    term = f"({term} OR {_of_twins('json_extract(twin.value, ?) IN (SELECT value FROM json_each(?))')})"
                    values += ["$[0]", _json_list(chosen)]
                terms.append(term)
        if self.folder is not None:
            within = []
            for column, low in product(("name", "path"), self.prefixes):
                # "0" is the character after "/": a range over an index, and no wildcards to escape.
                within.append(f"documents.{column} >= ? AND documents.{column} < ?")
                values += [low, low[:-1] + "0"]
            twins = []
            twin_values: list[object] = []
            for part, low in product(("$[0]", "$[1]"), self.prefixes):
                twins.append("json_extract(twin.value, ?) >= ? AND json_extract(twin.value, ?) < ?")
                twin_values += [part, low, part, low[:-1] + "0"]
            within.append(_of_twins(" OR ".join(twins)))
            values += twin_values
            terms.append(f"({' OR '.join(within)})")
        for key, value in self.metadata.items():
            terms.append(
                "documents.number IN (SELECT document FROM metadata WHERE metadata.key = ? AND"
                " (metadata.value = ? OR instr(? || metadata.value || ?, ? || ? || ?)))"
            )
            values += [key, value, JOINT, JOINT, JOINT, value, JOINT]
        if self.since is not None:
            terms.append("documents.date >= ?")
            values.append(str(self.since))
        if self.until is not None:
            terms.append("substr(documents.date, 1, ?) <= ?")
            values += [len(str(self.until)), str(self.until)]
        return " AND ".join(terms) or "1", values


def _of_twins(condition: str) -> str:
    """A condition over the further files of a document, each `twin.value`, a JSON list of its name and path."""
    return (
        "EXISTS (SELECT 1 FROM metadata AS held,"
        " json_each(CASE WHEN json_valid(held.value) THEN held.value ELSE '[]' END) AS twin"
        f" WHERE held.document = documents.number AND held.key = '{TWINS}' AND twin.type = 'array' AND ({condition}))"
    )


def iso_date(value: str, whose: str) -> str:
    """`value` as an ISO date of its own precision ("2024", "2024-03" or "2024-03-31"); a time of day is cut off.

    Raises:
        InputError: when it is not such a date; names `whose` it is.
    """
    stamp = value.strip()
    day = stamp[:10]
    try:
        if stamp != day:
            datetime.fromisoformat(stamp)
        datetime.strptime(day, {4: "%Y", 7: "%Y-%m", 10: "%Y-%m-%d"}[len(day)])
    except (KeyError, ValueError):
        raise InputError(f"{whose} is not an ISO date such as 2024-03-31: {value!r}") from None
    return day


def unknown_key(key: str, known: Sequence[str]) -> InputError:
    """What to say of a filter on a key that no document has."""
    shown = [name for name in known if ":" not in name]
    close = difflib.get_close_matches(key, shown, n=1)
    hint = f", did you mean {close[0]!r}?" if close else "."
    return InputError(f"no document has metadata {key!r}{hint} There are: {', '.join(shown)}")


def _json_list(values: tuple[str, ...]) -> str:
    import json

    return json.dumps(values)
