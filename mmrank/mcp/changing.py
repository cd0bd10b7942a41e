"""The tools that change a collection. They are offered only where the person who starts the server says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import anyio.from_thread
from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from mmrank.errors import InputError
from mmrank.mcp.tools import reply, said_to_people
from mmrank.printable import one_line
from mmrank.progress import Progress

if TYPE_CHECKING:
    from mmrank.adding import AddReport
    from mmrank.collection import Collection

WAIT = 60.0
"""Seconds that a change waits for another writer."""
REPORTED = 20
"""Files that are named in one report, of each sort."""


class ChangingTools:
    """Adds files that lie in one folder, and removes documents.

    Args:
        held: gives the collection.
        files: the folder; links that lead out of it are not followed.
    """

    def __init__(self, held: Callable[[], Collection], files: Path) -> None:
        self._held = held
        self._files = files.resolve()

    @property
    def _library(self) -> Collection:
        return self._held()

    @said_to_people
    def add_documents(
        self,
        paths: Annotated[list[str], Field(min_length=1, description="Files or folders, from the folder of files.")],
        context: Context,
    ) -> CallToolResult:
        """Read files or folders into the collection; those that are there and unchanged are skipped."""
        chosen = [self._allowed(path) for path in paths]

        def tell(progress: Progress) -> None:
            expected = progress.pages_expected or None
            anyio.from_thread.run(context.report_progress, progress.pages, expected, one_line(progress.name))

        report = self._library.add(*chosen, progress=tell, wait=WAIT)
        return reply(_report(report, len(self._library)))

    @said_to_people
    def remove_documents(
        self, names: Annotated[list[str], Field(min_length=1, description="Names or ids of documents.")]
    ) -> CallToolResult:
        """Remove documents from the collection. Their files stay where they are."""
        removed = self._library.remove(*names, wait=WAIT)
        return reply(f"Removed {removed}; the collection holds {len(self._library)} documents.")

    def _allowed(self, path: str) -> Path:
        given = Path(path).expanduser()
        found = (self._files / given).resolve()
        if not found.is_relative_to(self._files):
            raise InputError(f"{path} lies outside {self._files}; only files in that folder may be added")
        if not found.exists():
            raise InputError(f"there is no file {found}")
        return found


def _report(report: AddReport, total: int) -> str:
    lines = [
        f"{what}: {len(names)}" + (f" ({', '.join(map(one_line, names[:REPORTED]))}{_more(names)})" if names else "")
        for what, names in (("added", report.added), ("replaced", report.replaced), ("unchanged", report.unchanged))
        if names or what == "added"
    ]
    lines += [f"not read: {one_line(name)}: {one_line(why)}" for name, why in list(report.failed.items())[:REPORTED]]
    lines += [f"{len(pages)} pages of {one_line(name)} could not be read" for name, pages in report.unread.items()]
    return "\n".join([*lines, f"The collection holds {total} documents."])


def _more(names: list[str]) -> str:
    return f", and {len(names) - REPORTED} more" if len(names) > REPORTED else ""
