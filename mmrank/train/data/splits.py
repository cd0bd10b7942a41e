"""Splits by document, and the check that nothing that is evaluated is trained on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from mmrank.errors import InputError
from mmrank.train.data.examples import RankingExample, fingerprint


def fold_of(group: str, folds: int, seed: int = 0) -> int:
    """The fold of a document, from 0: the same on every machine, and whatever other documents there are.

    Raises:
        InputError: for fewer than two folds.
    """
    if folds < 2:
        raise InputError(f"a split needs at least 2 folds, got {folds}")
    return int.from_bytes(hashlib.sha256(f"{seed}/{group}".encode()).digest()[:8]) % folds


def split(
    examples: Iterable[RankingExample], *, folds: int = 10, held_out: int = 0, seed: int = 0
) -> tuple[list[RankingExample], list[RankingExample]]:
    """Examples to train on and examples held out, no document in both."""
    train: list[RankingExample] = []
    test: list[RankingExample] = []
    for example in examples:
        (test if fold_of(example.group, folds, seed) == held_out else train).append(example)
    return train, test


def without_leaks(train: Sequence[RankingExample], evaluation: Sequence[RankingExample]) -> list[RankingExample]:
    """The training examples that share no document and no passage with the evaluation."""
    groups = {example.group for example in evaluation}
    known = {fingerprint(text) for example in evaluation for text in (*example.positives, *example.negatives)}
    return [
        example
        for example in train
        if example.group not in groups
        and not any(fingerprint(text) in known for text in (*example.positives, *example.negatives))
    ]


def refuse_leakage(train: Sequence[RankingExample], evaluation: Sequence[RankingExample]) -> None:
    """Check that training and evaluation share no document and no passage (see `fingerprint`).

    Raises:
        InputError: for the first one that is in both.
    """
    groups = {example.group for example in evaluation}
    passages = {
        fingerprint(text): example.group for example in evaluation for text in (*example.positives, *example.negatives)
    }
    for example in train:
        if example.group in groups:
            raise InputError(f"{example.group} is in both training and evaluation: split by document")
        for text in (*example.positives, *example.negatives):
            other = passages.get(fingerprint(text))
            if other is not None:
                raise InputError(
                    f"a passage of {example.group} is word for word one of {other}, which is evaluated on: "
                    f"{text[:80]!r}. Leave out one of the two documents."
                )
