"""Which names a collection's documents go by: one content, read once, may lie in several files.

The first file that a content was found in is its document's file; the others are its twins. A name stands for one
content at a time, and a content keeps a document for as long as one name stands for it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mmrank.index.records import FilePlace

if TYPE_CHECKING:
    from mmrank.index import DocumentRecord


@dataclass(slots=True)
class Plan:
    """What adding files means for the documents that are there, before anything is read.

    Attributes:
        unread: by content, the file to read.
        unchanged: names that stand for what they stood for.
        moved: new names, and those that documents had before.
        twins: names of files whose content is, or will be, a document's, and that document's name.
        places: by id, where each document that changes its names or places lies from now on; first its own file. Empty
            for one that lies nowhere any more.
    """

    unread: dict[str, FilePlace] = field(default_factory=dict)
    unchanged: list[str] = field(default_factory=list)
    moved: dict[str, str] = field(default_factory=dict)
    twins: dict[str, str] = field(default_factory=dict)
    waiting: dict[str, list[FilePlace]] = field(default_factory=dict)
    """By content that is not read yet, the further files that hold it."""
    places: dict[str, tuple[FilePlace, ...]] = field(default_factory=dict)


def plan_names(files: Sequence[FilePlace], contents: Mapping[str, str], records: Sequence[DocumentRecord]) -> Plan:
    """Compare files with the documents of a collection.

    Args:
        files: to add, with absolute paths.
        contents: by path, the content's id, for the files that can be read.
        records: the documents of the collection.
    """
    plan = Plan()
    places = {record.id: list(record.places) for record in records}
    owners = {place.name: (record.id, place) for record in records for place in record.places}
    known = [file for file in files if file.path in contents]
    # A name that stands for something else now is taken from the document that had it.
    for file in known:
        owner = owners.get(file.name)
        if owner is not None and owner[0] != contents[file.path]:
            places[owner[0]].remove(owner[1])
    for file in known:
        content = contents[file.path]
        if content in plan.unread:
            plan.twins[file.name] = plan.unread[content].name
            plan.waiting.setdefault(content, []).append(file)
        elif content not in places:
            plan.unread[content] = file
        else:
            _place(file, content, places[content], contents, plan, records)
    for record in records:
        now = tuple(places[record.id])
        replaced = not now and any(file.name == record.name for file in plan.unread.values())
        if now != record.places and not replaced:
            plan.places[record.id] = now
    return plan


def _place(
    file: FilePlace,
    content: str,
    places: list[FilePlace],
    contents: Mapping[str, str],
    plan: Plan,
    records: Sequence[DocumentRecord],
) -> None:
    """Enter a file whose content is a document's among that document's places."""
    named = next((place for place in places if place.name == file.name), None)
    if named is not None:
        if named.path == file.path or Path(named.path).exists():
            plan.unchanged.append(file.name)
        else:
            places[places.index(named)] = file
            plan.moved[file.name] = file.name
        return
    left = next((place for place in places if not _holds(place.path, content, contents)), None)
    if left is not None:
        places[places.index(left)] = file
        plan.moved[file.name] = left.name
    elif places:
        places.append(file)
        plan.twins[file.name] = places[0].name
    else:
        places.append(file)
        plan.moved[file.name] = next(record.name for record in records if record.id == content)


def _holds(path: str, content: str, contents: Mapping[str, str]) -> bool:
    """Whether a file still has a content; files that are not added are read from disk."""
    from mmrank.ingest import FileError
    from mmrank.ingest.opening import stamp

    if path in contents:
        return contents[path] == content
    try:
        return stamp(Path(path)).digest == content
    except FileError:
        return False


def free_names(files: Sequence[tuple[Path, str]], records: Sequence[DocumentRecord]) -> list[tuple[Path, str]]:
    """Give each file a name that no other file has, by as many of its folders as that takes.

    A file that is in the collection keeps its name.
    """
    owner = {place.name: place.path for record in records for place in record.places if Path(place.path).exists()}
    known = {path: name for name, path in owner.items()}
    named = []
    for path, name in files:
        place = str(path.absolute())
        chosen = known.get(place, name)
        folders = list(path.absolute().parts[: -len(Path(name).parts)])
        while owner.get(chosen, place) != place:
            chosen = f"{folders.pop()}/{chosen}"
        owner[chosen] = place
        named.append((path, chosen))
    return named


def without_names(record: DocumentRecord, names: Sequence[str]) -> tuple[FilePlace, ...]:
    """Where a document lies once some of its names are taken from it."""
    return tuple(place for place in record.places if place.name not in names)


def gone_places(
    records: Sequence[DocumentRecord], within: Sequence[Callable[[str], bool]]
) -> dict[str, list[FilePlace]]:
    """By id of a document, its files that lie in given sources and are not there any more.

    Args:
        records: the documents of the collection.
        within: for each source, whether a path lies in it.
    """
    gone: dict[str, list[FilePlace]] = {}
    for record in records:
        for place in record.places:
            if any(lies(place.path) for lies in within) and _is_gone(place.path):
                gone.setdefault(record.id, []).append(place)
    return gone


def _is_gone(path: str) -> bool:
    """Whether nothing is at a path; not so where it cannot be told."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False
    return False
