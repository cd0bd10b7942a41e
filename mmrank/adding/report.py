"""What became of the files that were added."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class AddReport:
    """What became of each file, by name.

    Attributes:
        added: documents that are new.
        replaced: documents whose files had changed.
        unchanged: names whose files hold what they held.
        moved: by new name, the name that a document had before.
        duplicates: by name, the document that has the same content: it is found under both names.
        failed: by name, why a file could not be read.
        unread: by name, the pages that could not be read, from 0, and why; the rest of the document was.
        attached: by name, the files attached to a document that were not read (see `attachments` of `Collection.add`).
        gone: names of documents whose files are not there any more, in the folders that were given.
        pruned: those of them that were removed.
        described: documents that were there already and got other metadata.
        passed_over: by suffix, how many files of the folders are of kinds that are not read.
        links: links in the folders that lead elsewhere and were not followed.
        notes: sentences about metadata (a sidecar that lies beside no document or cannot be read, or that contradicts
            what was given) and about whatever else was passed over.
        pages: pages that were read.
        seconds: that it took.
    """

    added: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    moved: dict[str, str] = field(default_factory=dict)
    duplicates: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    unread: dict[str, dict[int, str]] = field(default_factory=dict)
    attached: dict[str, tuple[str, ...]] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)
    pruned: list[str] = field(default_factory=list)
    described: list[str] = field(default_factory=list)
    passed_over: dict[str, int] = field(default_factory=dict)
    links: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    pages: int = 0
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether every file could be read, with all its pages."""
        return not self.failed and not self.unread
