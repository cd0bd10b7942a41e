"""Keeping segments few: small ones are merged with what is being written, so that adding never rewrites much."""

from __future__ import annotations

import sqlite3

import numpy as np
from numpy.typing import NDArray

from mmrank.index.catalog import committed_segments, removed_rows
from mmrank.index.new_segments import NewSegments
from mmrank.index.postings import Postings
from mmrank.index.rows import check_rows, count, damaged, size
from mmrank.index.segment_checks import check_offsets, check_postings
from mmrank.index.segment_data import SegmentData
from mmrank.index.segments import SegmentInfo, VectorWriter, WordsWriter

MANY = 8
"""Small segments of one kind that are left alone."""

SMALL = 65_536
"""Rows up to which a merge of small segments may grow; larger segments are merged by compaction alone."""


def merge_small(new: NewSegments, connection: sqlite3.Connection) -> None:
    """Fold small segments into those being written, and drop segments of which nothing is left."""
    gone = removed_rows(connection)
    by_kind: dict[str, list[SegmentInfo]] = {}
    for info in committed_segments(connection):
        if gone.get(info.number, 0) == info.rows:
            new.drop(info.number, info.file)
        else:
            by_kind.setdefault(info.kind, []).append(info)
    for segments in by_kind.values():
        live = {info.number: info.rows - gone.get(info.number, 0) for info in segments}
        small = sorted((info for info in segments if info.rows <= SMALL), key=lambda info: live[info.number])
        if len(small) < MANY:
            continue
        total = new.of(small[0].kind).rows or live[small[0].number]
        for info in small:
            if live[info.number] > 4 * total or total + live[info.number] > SMALL:
                break
            move(new, connection, info)
            total += live[info.number]


def merge_all(new: NewSegments, connection: sqlite3.Connection) -> list[SegmentInfo]:
    """Rewrite all segments as one per kind.

    Returns:
        The segments that stay as they are: the only one of their kind, of which no row is gone.
    """
    gone = removed_rows(connection)
    by_kind: dict[str, list[SegmentInfo]] = {}
    for info in committed_segments(connection):
        by_kind.setdefault(info.kind, []).append(info)
    unchanged = []
    for segments in by_kind.values():
        if len(segments) == 1 and not gone.get(segments[0].number):
            unchanged.append(segments[0])
            continue
        for info in segments:
            move(new, connection, info)
    return unchanged


def move(new: NewSegments, connection: sqlite3.Connection, info: SegmentInfo) -> None:
    """Copy the rows of a segment whose documents are still there into the new one, and drop the segment."""
    target = new.of(info.kind)
    data = new.read(info)
    places = placements(connection, info)
    if not places:
        new.drop(info.number, info.file)
        return
    moved: list[tuple[int, int, int, str]] = []
    for batch in [places] if info.kind == "words" else _batches(places):
        keep = np.concatenate([np.arange(start, start + rows) for _, start, rows in batch])
        first = copy_rows(target, data, keep)
        for document, _, rows in batch:
            moved.append((target.number, first, document, info.kind))
            first += rows
    connection.executemany("UPDATE placements SET segment = ?, start = ? WHERE document = ? AND kind = ?", moved)
    new.drop(info.number, info.file)


def placements(connection: sqlite3.Connection, info: SegmentInfo) -> list[tuple[int, int, int]]:
    """Where documents stand in a segment: (number of the document, first row, rows), by first row.

    Raises:
        MmrankError: when they do not lie in it one after the other.
    """
    places = connection.execute(
        "SELECT document, start, rows FROM placements WHERE segment = ? AND kind = ? ORDER BY start, rows",
        (info.number, info.kind),
    ).fetchall()
    check_rows("placements", places, document=size, start=count, rows=count)
    end = 0
    for _, start, rows in places:
        if start < end or start + rows > info.rows:
            raise damaged("placements", "start", start)
        end = start + rows
    return places


def copy_rows(target: VectorWriter | WordsWriter, data: SegmentData, rows: NDArray[np.int64]) -> int:
    """Append some rows of a mapped segment to one being written; returns the first new row number."""
    if isinstance(target, WordsWriter):
        postings = Postings.of(data.arrays)
        check_postings(postings)
        return target.builder.take(postings, rows)
    documents, positions = data.documents[rows], data.positions[rows]
    if target.kind != "token":
        return target.append(data.vectors[rows], documents, positions)
    check_offsets(data.offsets, data.info.items)
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
