"""MM-R5's rewards for a reasoned ranking: how early the relevant pages stand, and whether the answer is well formed.

"official" reproduces the published functions with their faults: repeated ids are not penalised, the two rewards read
different lists, and a single id counts as malformed. "fixed" reads one list, the one after the thoughts, and counts
each id once.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Literal

from mmrank.errors import InputError

Mode = Literal["official", "fixed"]

_IDS = r"\[[1-9]\d*(?:, ?[1-9]\d*)*\]"
_SEVERAL_IDS = r"\[[1-9]\d*(?:, ?[1-9]\d*)+\]"
_OFFICIAL_RESULT = re.compile(r"<answer>\[([^\n\]]*)\]</answer>")
_OFFICIAL_FORMAT = re.compile(rf"<think>.*?</think>\s*<answer>({_SEVERAL_IDS})</answer>", re.DOTALL)
_FIXED = re.compile(rf"<think>(.*?)</think>\s*<answer>({_IDS})</answer>\s*", re.DOTALL)


def result_reward(completion: str, gold: Collection[int], *, mode: Mode = "fixed") -> float:
    """How early the relevant ids stand: Σ 1/rank³ over those listed ÷ the best possible.

    Args:
        completion: the whole answer, thoughts included.
        gold: relevant ids, from 1.
        mode: see the module.

    Returns:
        0 to 1; 0 if there is no list or nothing is relevant.
    """
    ids = _official_ids(completion) if _checked(mode) == "official" else list(dict.fromkeys(_fixed_ids(completion)))
    return ranking_quality(ids, gold)


def format_reward(completion: str, candidates: int, *, mode: Mode = "fixed") -> float:
    """Validity × length × range: length = 1 − ||I| − n|/n, range = share of ids within 1 to n.

    "fixed": not below 0, and an id counts towards the range once.

    Args:
        completion: the whole answer, thoughts included.
        candidates: how many there are to rank, n.
        mode: see the module.
    """
    if candidates < 1:
        raise InputError(f"a ranking needs candidates, got {candidates}")
    if _checked(mode) == "official":
        found = _OFFICIAL_FORMAT.fullmatch(completion)
        ids = _numbers(found[1]) if found else []
        within = sum(1 <= i <= candidates for i in ids)
        length = 1 - abs(len(ids) - candidates) / candidates
    else:
        ids = _fixed_ids(completion)
        within = len({i for i in ids if 1 <= i <= candidates})
        length = max(0.0, 1 - abs(len(ids) - candidates) / candidates)
    return length * within / len(ids) if ids else 0.0


def ranking_quality(ids: Sequence[int], gold: Collection[int]) -> float:
    """Σ over relevant ids of 1/rank³ (first occurrence) ÷ Σ_{j ≤ |gold|} 1/j³.

    >>> round(ranking_quality([2, 1, 4, 3, 5], {2, 4}), 6)
    0.921811
    """
    wanted = set(gold)
    if not wanted:
        return 0.0
    first: dict[int, int] = {}
    for rank, found in enumerate(ids, 1):
        first.setdefault(found, rank)
    reached = sum(1 / first[i] ** 3 for i in wanted if i in first)
    return reached / sum(1 / j**3 for j in range(1, len(wanted) + 1))


def _official_ids(completion: str) -> list[int]:
    found = _OFFICIAL_RESULT.search(completion)
    try:
        return [int(piece) for piece in found[1].split(",")] if found else []
    except ValueError:
        return []


def _fixed_ids(completion: str) -> list[int]:
    found = _FIXED.fullmatch(completion)
    if found is None or "<answer>" in found[1]:
        return []
    return _numbers(found[2])


def _numbers(text: str) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d+", text)]


def _checked(mode: str) -> str:
    if mode not in ("official", "fixed"):
        raise InputError(f"unknown mode {mode!r}; there are: official, fixed")
    return mode
