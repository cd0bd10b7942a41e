"""What a reading process may answer about some pages of a file."""

from dataclasses import asdict

import pytest

from mmrank.ingest import IngestOptions
from mmrank.ingest.answers import AnswerError, check_part


def answered(read: int, split: int, pages: int = 15) -> int:
    task = {"kind": "document", "path": "/library/a.pdf", "name": "a.pdf", "options": asdict(IngestOptions())}
    header = {"pages": pages, "read": read, "split": split, "metadata": {}}
    return check_part(task, header, b"[]", 0).read


def test_a_short_file_may_be_read_in_turns() -> None:
    longest = IngestOptions().limits.pages_per_task
    assert answered(read=5, split=longest) == 5
    assert answered(read=0, split=longest, pages=40 * longest) == 0


@pytest.mark.parametrize(("read", "split"), [(16, 32), (-1, 32), (5, 1000), (5, -1)])
def test_counts_that_cannot_be_are_refused(read: int, split: int) -> None:
    with pytest.raises(AnswerError):
        answered(read=read, split=split)
