"""Keeping segments few: small ones are merged with what is being written, so that adding never rewrites much."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmrank.index.postings import Postings
from mmrank.index.segments import SegmentData, SegmentInfo, VectorWriter, WordsWriter

if TYPE_CHECKING:
    from mmrank.index.writer import Writer

MANY = 8
"""Small segments of one kind that are left alone."""

SMALL = 65_536
"""Rows up to which a merge of small segments may grow; beyond it, compaction is asked for by name."""


def committed(connection: sqlite3.Connection) -> list[SegmentInfo]:
    """The segments of the current version, oldest first."""
    rows = connection.execute(
        "SELECT number, kind, file, rows, items, bytes, checksum FROM segments WHERE rows > 0 ORDER BY number"
    )
    return [SegmentInfo(*row) for row in rows]


def removed_rows(connection: sqlite3.Connection) -> dict[int, int]:
    """How many rows of each segment belong to documents that are gone."""
    return dict(connection.execute("SELECT segment, sum(rows) FROM removed GROUP BY segment").fetchall())


def merge_small(writer: Writer, connection: sqlite3.Connection, folder: Path) -> None:
    """Fold small segments into those being written, and drop segments of which nothing is left."""
    gone = removed_rows(connection)
    by_kind: dict[str, list[SegmentInfo]] = {}
    for info in committed(connection):
        if gone.get(info.number, 0) == info.rows:
            writer.forget(info.number, info.file)
        else:
            by_kind.setdefault(info.kind, []).append(info)
    for segments in by_kind.values():
        live = {info.number: info.rows - gone.get(info.number, 0) for info in segments}
        small = sorted((info for info in segments if info.rows <= SMALL), key=lambda info: live[info.number])
        if len(small) < MANY:
            continue
        total = writer.target(small[0].kind).rows or live[small[0].number]
        for info in small:
            if live[info.number] > 4 * total or total + live[info.number] > SMALL:
                break
            move(writer, connection, folder, info)
            total += live[info.number]


def merge_all(writer: Writer, connection: sqlite3.Connection, folder: Path) -> None:
    """Rewrite all segments as one of each kind; one that stands alone and has lost nothing stays, its index renewed."""
    gone = removed_rows(connection)
    by_kind: dict[str, list[SegmentInfo]] = {}
    for info in committed(connection):
        by_kind.setdefault(info.kind, []).append(info)
    for segments in by_kind.values():
        if len(segments) == 1 and not gone.get(segments[0].number):
            writer.index_again(segments[0])
            continue
        for info in segments:
            move(writer, connection, folder, info)


def move(writer: Writer, connection: sqlite3.Connection, folder: Path, info: SegmentInfo) -> None:
    """Copy the living rows of a segment into the one being written, and forget the old one."""
    target = writer.target(info.kind)
    data = SegmentData(folder, info)
    places = connection.execute(
        "SELECT document, start, rows FROM placements WHERE segment = ? AND kind = ? ORDER BY start",
        (info.number, info.kind),
    ).fetchall()
    if not places:
        writer.forget(info.number, info.file)
        return
    moved: list[tuple[int, int, int, str]] = []
    for batch in [places] if info.kind == "words" else _batches(places):
        keep = np.concatenate([np.arange(start, start + rows) for _, start, rows in batch])
        first = copy_rows(target, data, keep)
        for document, _, rows in batch:
            moved.append((target.number, first, document, info.kind))
            first += rows
    connection.executemany("UPDATE placements SET segment = ?, start = ? WHERE document = ? AND kind = ?", moved)
    writer.forget(info.number, info.file)


def copy_rows(target: VectorWriter | WordsWriter, data: SegmentData, rows: NDArray[np.int64]) -> int:
    """Append some rows of a mapped segment to one being written; returns the first new row number."""
    if isinstance(target, WordsWriter):
        return target.builder.take(Postings.of(data.arrays), rows)
    documents, positions = data.documents[rows], data.positions[rows]
    if target.kind != "token":
        return target.append(data.vectors[rows], documents, positions)
    starts = data.offsets[rows]
    lengths = data.offsets[rows + 1] - starts
    # Every token of every kept row, in order.
    tokens = np.repeat(starts - (np.cumsum(lengths) - lengths), lengths) + np.arange(lengths.sum())
    return target.append_tokens(data.vectors[tokens], data.scales[tokens], lengths, documents, positions)


def _batches(places: list[tuple[int, int, int]], rows: int = 8192) -> list[list[tuple[int, int, int]]]:
    batches: list[list[tuple[int, int, int]]] = []
    room = 0
    for place in places:
        if place[2] > room or not batches:
            batches.append([])
            room = rows
        batches[-1].append(place)
        room -= place[2]
    return batches
