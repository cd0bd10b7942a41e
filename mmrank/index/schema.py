"""The catalog's tables and the version of the format on disk."""

from __future__ import annotations

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
