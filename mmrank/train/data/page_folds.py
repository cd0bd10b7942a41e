"""Folds of questions about pages: no document, no page and no company is trained on and judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from mmrank.errors import InputError
from mmrank.train.data.examples import RankingExample, fingerprint
from mmrank.train.data.page_groups import PageGroup, RankedPage
from mmrank.train.data.splits import fold_of

TELLING = 20
"""Words that a view holds at least, without the line that names its document, to say that two pages are the same."""


def folds_of(groups: Sequence[PageGroup], folds: int, seed: int = 0) -> list[int]:
    """The fold of each group, from 0; the folds hold about equally many questions.

    Documents of one family are in one fold, and documents that show the same answering page.

    Raises:
        InputError: where there are fewer families than folds.
    """
    above: dict[str, str] = {}

    def first(name: str) -> str:
        while above.setdefault(name, name) != name:
            name = above[name]
        return name

    for group in groups:
        for other in (f"document {group.group}", *(f"view {m}" for p in group.pages if p.gold for m in _marks(p))):
            above[first(other)] = first(group.family)
    sizes = Counter(first(group.family) for group in groups)
    if len(sizes) < folds:
        raise InputError(f"{len(sizes)} documents cannot be divided into {folds} folds: set fewer folds")
    filled = [0] * folds
    chosen: dict[str, int] = {}
    for name in sorted(sizes, key=lambda name: (-sizes[name], fold_of(name, 1 << 30, seed))):
        chosen[name] = filled.index(min(filled))
        filled[chosen[name]] += sizes[name]
    return [chosen[first(group.family)] for group in groups]


def training_groups(groups: Sequence[PageGroup], folds: Sequence[int], fold: int) -> list[PageGroup]:
    """The groups of all other folds, without pages that questions of this fold are about or show.

    Args:
        groups: all of them.
        folds: the fold of each.
        fold: the one to be judged.
    """
    tests = [group for group, at in zip(groups, folds, strict=True) if at == fold]
    documents = {group.group for group in tests}
    views = {mark for group in tests for page in group.pages for mark in _marks(page)}
    kept = []
    for group, at in zip(groups, folds, strict=True):
        if at != fold:
            pages = tuple(p for p in group.pages if p.document not in documents and views.isdisjoint(_marks(p)))
            if pages:
                kept.append(replace(group, pages=pages))
    refuse_shared(kept, tests)
    return kept


def refuse_shared(train: Sequence[PageGroup], tests: Sequence[PageGroup]) -> None:
    """Check that no document of a judged question, and no page that it shows, is trained on.

    Raises:
        InputError: for the first one.
    """
    documents = {group.group for group in tests}
    views = {mark for group in tests for page in group.pages for mark in _marks(page)}
    for group in train:
        for page in group.pages:
            if page.document in documents or group.group in documents:
                raise InputError(f"{page.document} is trained on and judged: {group.query[:60]!r}")
            if not views.isdisjoint(_marks(page)):
                raise InputError(f"page {page.page + 1} of {page.document} is word for word one that is judged")


def examples_of(groups: Sequence[PageGroup]) -> list[RankingExample]:
    """What is trained on; groups without an answering page, or with nothing else, are left out."""
    return [example for example in (group.example() for group in groups) if example is not None]


def _marks(page: RankedPage) -> Iterator[str]:
    """The fingerprint of a view without its first line, if it holds enough to tell."""
    body = page.view.partition("\n")[2]
    if len(body.split()) >= TELLING:
        yield fingerprint(body)
