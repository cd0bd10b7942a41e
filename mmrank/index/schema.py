"""The catalog's tables and the version of the format on disk."""

from __future__ import annotations

import re
import sqlite3
from functools import cache

from mmrank.errors import MmrankError
from mmrank.index.rows import shown

APPLICATION_ID = 0x6D6D726B
"""ASCII "mmrk", in the SQLite header: marks the database as a catalog of mmrank."""

FORMAT = 1
"""Version of everything on disk: tables, segment files, layout of the folder."""

MIGRATIONS: dict[int, str] = {}
"""What brings a catalog of each earlier format to the next one: SQL, run in one transaction."""

TABLES = """
CREATE TABLE properties (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL,
  crc INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE documents (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL UNIQUE,
  path TEXT NOT NULL,
  title TEXT NOT NULL,
  pages INTEGER NOT NULL,
  passages INTEGER NOT NULL,
  added REAL NOT NULL,
  date TEXT NOT NULL,
  body BLOB NOT NULL,
  checksum BLOB NOT NULL
);
CREATE INDEX documents_by_path ON documents (path);
CREATE INDEX documents_by_date ON documents (date);

CREATE TABLE metadata (
  document INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (document, key)
) WITHOUT ROWID;
CREATE INDEX metadata_by_value ON metadata (key, value);

CREATE TABLE pages (
  document INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,
  page INTEGER NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (document, page)
);

CREATE TABLE passages (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  document INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,
  position INTEGER NOT NULL,
  body BLOB NOT NULL,
  UNIQUE (document, position)
);

CREATE TABLE segments (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL CHECK (kind IN ('passage', 'document', 'token', 'words')),
  file TEXT NOT NULL UNIQUE,
  rows INTEGER NOT NULL,
  items INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  checksum TEXT NOT NULL
);

CREATE TABLE placements (
  document INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,
  kind TEXT NOT NULL,
  segment INTEGER NOT NULL,
  start INTEGER NOT NULL,
  rows INTEGER NOT NULL,
  PRIMARY KEY (document, kind)
) WITHOUT ROWID;
CREATE INDEX placements_by_segment ON placements (segment);

CREATE TABLE removed (
  segment INTEGER NOT NULL,
  start INTEGER NOT NULL,
  rows INTEGER NOT NULL,
  PRIMARY KEY (segment, start)
) WITHOUT ROWID;
"""

ARRAYS = """
CREATE TABLE IF NOT EXISTS arrays (
  document INTEGER PRIMARY KEY REFERENCES documents ON DELETE CASCADE,
  version TEXT NOT NULL,
  crc INTEGER NOT NULL,
  body BLOB NOT NULL
)
"""
"""Not in collections made before there were arrays; a writer adds it there."""

EXTRAS = """
CREATE TABLE extras (
  document INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,
  name TEXT NOT NULL,
  body BLOB NOT NULL,
  crc INTEGER NOT NULL,
  PRIMARY KEY (document, name)
)
"""
"""In collections made by early versions; nothing reads it."""

OPTIONAL = (ARRAYS, EXTRAS)
"""Tables that a catalog of this format may hold or not, and other forms of those in `TABLES`, each as a script."""

MOST_OBJECTS = 64
"""Tables and indexes of a catalog, and those that SQLite makes for it."""


def check_schema(connection: sqlite3.Connection, format: int = FORMAT) -> None:
    """Refuse a catalog that holds anything but the tables and indexes that mmrank makes, letter for letter.

    So no trigger, view, virtual table, generated column or default of somebody else runs when it is read or changed.

    Args:
        connection: to the catalog.
        format: of the catalog; one of an earlier format is checked once it is brought up to date.

    Raises:
        MmrankError: names what does not belong there, or is missing.
    """
    found = connection.execute(
        f"SELECT type, name, tbl_name, sql, rootpage FROM sqlite_master LIMIT {MOST_OBJECTS + 1}"
    ).fetchall()
    if len(found) > MOST_OBJECTS:
        raise MmrankError(f"its catalog holds more than {MOST_OBJECTS} tables and indexes, which mmrank does not make")
    required, optional = _statements(TABLES), [_statements(script) for script in OPTIONAL]
    tables = {key for made in (required, *optional) for key in made}
    missing = set(required)
    places = set()
    for kind, name, table, sql, place in found:
        places.add(place)
        sought = (kind, name)
        if sought == ("table", "sqlite_sequence"):
            known = sql == "CREATE TABLE sqlite_sequence(name,seq)"
        elif kind == "index" and isinstance(name, str) and name.startswith("sqlite_autoindex_"):
            known = sql is None and ("table", table) in tables
        else:
            known = isinstance(sql, str) and any(_squeezed(sql) == made.get(sought) for made in (required, *optional))
            missing.discard(sought)
        if not known:
            raise MmrankError(
                f"its catalog holds a {shown(kind)} {shown(name)} that mmrank does not make so; nothing was read, as it"
                " may act on its own when the collection is read or changed"
            )
    if missing and format == FORMAT:
        raise MmrankError(f"its catalog lacks the {' '.join(sorted(missing)[0])}")
    if len(places) < len(found):
        raise MmrankError("two tables or indexes of its catalog share one place")


@cache
def _statements(script: str) -> dict[tuple[str, str], str]:
    """What a script makes, by type and name: SQL as SQLite keeps it, with as few blanks as can be."""
    found = {}
    for statement in filter(None, map(_squeezed, script.split(";"))):
        kept = statement.replace(" IF NOT EXISTS", "")
        _, kind, name = re.split(r"[ (]", kept)[:3]
        found[kind.lower(), name] = kept
    return found


def _squeezed(sql: str) -> str:
    return re.sub(r"\s*([(),])\s*", r"\1", re.sub(r"\s+", " ", sql)).strip()
