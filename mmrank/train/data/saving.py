"""The last step of every builder: split by document, add negatives of other documents, drop duplicates, write."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mmrank.errors import InputError
from mmrank.train.data.examples import RankingExample, write_examples
from mmrank.train.data.negatives import Scorer, hard_negatives, word_overlap
from mmrank.train.data.splits import refuse_leakage, split, without_leaks

POOL = 200
"""Passages of other documents that are compared with a question, drawn at random."""


@dataclass(frozen=True, slots=True)
class Saved:
    """What was written.

    `dropped` counts training examples that shared a passage with held-out ones. Of `folds` folds, the one with the
    number `fold`, from 0, is held out.
    """

    train: Path
    held_out: Path
    train_examples: int
    held_out_examples: int
    dropped: int
    folds: int
    fold: int


def save_split(
    examples: Iterable[RankingExample],
    out: Path,
    *,
    folds: int = 10,
    seed: int = 0,
    elsewhere: int = 0,
    score: Scorer = word_overlap,
) -> Saved:
    """Write `train.jsonl` and `held_out.jsonl` into `out`.

    Args:
        examples: from any builder.
        out: folder; files of these names in it are replaced.
        folds: documents are divided into so many folds, if each side of the split gets some; one is held out.
        seed: of the split and of the pools.
        elsewhere: negatives of other documents per question, from the same side of the split.
        score: the retriever that finds them.

    The first fold is held out. Where that would leave one side empty, as with few documents, it is the next one that
    does not, and where there is none, there are fewer folds.

    Raises:
        InputError: when every split leaves one side empty.
    """
    made = list(examples)
    tried = [(count, fold) for count in range(folds, 1, -1) for fold in range(count)]
    for count, fold in tried:
        train, held_out = split(made, folds=count, held_out=fold, seed=seed)
        if train and held_out and (kept := without_leaks(train, held_out)):
            break
    else:
        raise InputError(
            f"{len(made)} examples of {len({example.group for example in made})} documents cannot be split into some to"
            " train on and some held out: documents are never divided, so give more of them"
        )
    sides = [
        from_elsewhere(side, elsewhere, score=score, seed=seed) if elsewhere else side for side in (kept, held_out)
    ]
    refuse_leakage(sides[0], sides[1])
    paths = out / "train.jsonl", out / "held_out.jsonl"
    written, tests = (write_examples(path, side) for path, side in zip(paths, sides, strict=True))
    return Saved(*paths, written, tests, len(train) - len(kept), count, fold)


def from_elsewhere(
    examples: Sequence[RankingExample], count: int, *, score: Scorer = word_overlap, seed: int = 0
) -> list[RankingExample]:
    """The examples with up to `count` more negatives each: the best-scored passages in a sample of other documents'."""
    rng = random.Random(seed)
    stock = list({text: example for example in examples for text in example.positives}.items())
    made = []
    for example in examples:
        drawn = rng.sample(stock, min(POOL, len(stock)))
        pool = [(text, other) for text, other in drawn if other.group != example.group]
        texts = [other.text_of(text) for text, other in pool]
        found = [pool[i] for i in hard_negatives(example.query, texts, (), score, count=count)] if pool else []
        evidence = {text: other.evidence[text] for text, other in found if text in other.evidence}
        made.append(
            replace(
                example,
                negatives=(*example.negatives, *(text for text, _ in found)),
                evidence={**example.evidence, **evidence},
            )
        )
    return made
