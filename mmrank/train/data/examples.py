"""The examples that all builders write and all recipes read: a question, passages that answer it, and others."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from mmrank.errors import InputError


@dataclass(frozen=True, slots=True)
class RankingExample:
    """One question and its candidates.

    `group` names the document (or article) of the passages; training and held-out examples never share one. `origin`
    says where the labels come from: "label", "heading", "caption", "cloze", "template", "generated:<model>".

    A candidate is a text, or the name of a page's picture (see `mmrank.train.data.pages`); then `evidence` holds the
    text of the page. `reasons` maps candidates to why they answer or do not, written by `reasons_by`.

    Raises:
        InputError: for an empty question, or one without a relevant passage.
    """

    query: str
    positives: tuple[str, ...]
    negatives: tuple[str, ...]
    group: str
    origin: str = "label"
    evidence: Mapping[str, str] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    reasons_by: str = "template"

    def __post_init__(self) -> None:
        if not self.query.strip():
            raise InputError(f"an example of {self.group} has an empty question")
        if not self.positives:
            raise InputError(f"the question {self.query[:60]!r} of {self.group} has no relevant passage")

    def text_of(self, candidate: str) -> str:
        """The text of a candidate: itself, or the text of the page whose picture it names."""
        return self.evidence.get(candidate, candidate)


def fingerprint(text: str) -> str:
    """Hash of the words of a text. Case, spacing and punctuation do not change it.

    >>> fingerprint("Net sales, 2019") == fingerprint("net  sales 2019.")
    True
    """
    words = "".join(character if character.isalnum() else " " for character in text.lower()).split()
    return hashlib.sha256(" ".join(words).encode()).hexdigest()


def write_examples(path: Path, examples: Iterable[RankingExample]) -> int:
    """Write examples as JSON lines. Returns how many."""
    count = 0
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        for example in examples:
            row = {name: value for name, value in asdict(example).items() if value or name == "negatives"}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
    return count


def read_examples(path: Path) -> Iterator[RankingExample]:
    """Read JSON lines with `query`, `positives` and, optionally, the other fields of `RankingExample`.

    Raises:
        InputError: when the file does not exist; for a line that is not such an object, by its number.
    """
    for number, line in numbered_lines(path):
        try:
            row = json.loads(line)
            yield RankingExample(
                row["query"],
                tuple(row["positives"]),
                tuple(row.get("negatives", ())),
                row.get("group", f"line {number}"),
                row.get("origin", "label"),
                dict(row.get("evidence", {})),
                dict(row.get("reasons", {})),
                row.get("reasons_by", "template"),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{path}, line {number}: not a training example ({error!r})") from error


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Non-empty lines of a text file, with their numbers from 1.

    Raises:
        InputError: when the file does not exist.
    """
    if not path.is_file():
        raise InputError(f"{path} is not there; give the path of a JSON-lines file")
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield number, line
