"""Listwise examples with reasons: a line for each shuffled candidate, then the ranking with the relevant ones first.

Reasons come from a teacher where one is given, and from a stated template over the evidence otherwise; the origin is
recorded either way.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mmrank.errors import InputError
from mmrank.train.data.examples import RankingExample
from mmrank.train.data.negatives import word_overlap

Teacher = Callable[[str, str, bool], str]
"""(question, passage, relevant) → why the passage helps, or why it does not."""


@dataclass(frozen=True, slots=True)
class ListwiseExample:
    """Candidates in the order shown; `relevant` and `ranking` hold 1-based ids; `origin` says who wrote the reasons."""

    query: str
    candidates: tuple[str, ...]
    relevant: tuple[int, ...]
    reasons: tuple[str, ...]
    ranking: tuple[int, ...]
    group: str
    origin: str

    def answer(self, noun: str = "Passage") -> str:
        """The answer to be learnt."""
        lines = "\n".join(f"{noun} {number}: {reason}" for number, reason in enumerate(self.reasons, 1))
        return f"<think>{lines}</think><answer>[{', '.join(map(str, self.ranking))}]</answer>"


def listwise_example(
    example: RankingExample,
    *,
    candidates: int = 5,
    seed: int = 0,
    teacher: Teacher | None = None,
    teacher_name: str = "",
    words: int = 40,
) -> ListwiseExample:
    """Make a listwise example with reasons.

    Args:
        example: at least one relevant passage and one that is not.
        candidates: at most this many, relevant ones first among those kept.
        seed: of the shuffle.
        teacher: writes the reasons; None for the template.
        teacher_name: recorded as "teacher:<name>".
        words: a reason is cut after this many.

    Raises:
        InputError: when there is nothing to compare.
    """
    if not example.negatives:
        raise InputError(f"the question {example.query[:60]!r} has no negative to compare with")
    kept = [(text, True) for text in example.positives[: candidates - 1]]
    kept += [(text, False) for text in example.negatives[: candidates - len(kept)]]
    random.Random(f"{seed}/{example.group}/{example.query}").shuffle(kept)
    write = teacher or template_reason
    reasons = [" ".join(write(example.query, text, good).split()[:words]) for text, good in kept]
    relevant = tuple(number for number, (_, good) in enumerate(kept, 1) if good)
    rest = [number for number, (_, good) in enumerate(kept, 1) if not good]
    return ListwiseExample(
        example.query,
        tuple(text for text, _ in kept),
        relevant,
        tuple(reasons),
        (*relevant, *rest),
        example.group,
        f"teacher:{teacher_name}" if teacher else "template",
    )


def template_reason(query: str, passage: str, relevant: bool) -> str:
    """The sentence that shares most with the question, quoted where it answers.

    >>> template_reason("Where is the anchor?", "It rained. The anchor lies here.", True)
    'helps: "The anchor lies here."'
    >>> template_reason("Where is the anchor?", "Sales rose.", False)
    'does not help: it is about "Sales rose."'
    """
    sentences = _sentences(passage)
    best = max(zip(word_overlap(query, sentences), sentences, strict=True), key=lambda pair: pair[0])[1]
    quoted = " ".join(best.split()[:24])
    return f'helps: "{quoted}"' if relevant else f'does not help: it is about "{quoted}"'


def _sentences(passage: str) -> Sequence[str]:
    found = [part.strip() for part in re.split(r"(?<=[.!?])\s+|\n+", passage) if part.strip()]
    return found or [passage]
