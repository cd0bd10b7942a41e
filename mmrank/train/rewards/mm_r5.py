"""MM-R5's rewards for a reasoned ranking: how early the relevant pages stand, and whether the answer is well formed.

"official" reproduces the published functions with their faults: repeated ids are not penalised, the two rewards read
different lists, and a single id counts as malformed. "fixed" reads the last list after the thoughts and, as the paper
says, counts each id once; the result does not depend on the form around that list.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Literal

from mmrank.errors import InputError

Mode = Literal["official", "fixed"]

_LIST = re.compile(r"<answer>\[(.*?)\]</answer>")
_OFFICIAL_FORM = re.compile(r"<think>.*?</think>\s*<answer>\[([0-9]+(?:,\s*[0-9]+)*)\]</answer>", re.DOTALL)
_INTEGER = re.compile(r"0+|[1-9][0-9]*")
_FIXED_FORM = re.compile(r"<think>(.*?)</think>\s*<answer>\[[1-9]\d*(?:, ?[1-9]\d*)*\]</answer>\s*", re.DOTALL)


def result_reward(completion: str, gold: Collection[int], *, mode: Mode = "fixed") -> float:
    """How early the relevant ids stand: Σ 1/rank³ over those listed ÷ the best possible.

    Args:
        completion: the whole answer, thoughts included.
        gold: relevant ids, from 1.
        mode: see the module.

    Returns:
        0 to 1; 0 if there is no list or nothing is relevant.
    """
    if _checked(mode) == "official":
        return ranking_quality(_ids(_LIST.search(completion)), gold)
    return ranking_quality(list(dict.fromkeys(_final_ids(completion))), gold)


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
        ids = _evaluated(_OFFICIAL_FORM.search(completion))
        within = sum(1 <= i <= candidates for i in ids)
        length = 1 - abs(len(ids) - candidates) / candidates
    else:
        form = _FIXED_FORM.fullmatch(completion)
        ids = _final_ids(completion) if form is not None and "<answer>" not in form[1] else []
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


def _final_ids(completion: str) -> list[int]:
    """Ids of the last list after the thoughts; where there is none, of the last list."""
    lists = list(_LIST.finditer(completion.rpartition("</think>")[2])) or list(_LIST.finditer(completion))
    return _ids(lists[-1] if lists else None)


def _ids(found: re.Match[str] | None) -> list[int]:
    """Ids between commas; none where a piece is no number."""
    try:
        return [int(piece) for piece in found[1].split(",") if piece.strip()] if found else []
    except ValueError:
        return []


def _evaluated(found: re.Match[str] | None) -> list[int]:
    """Ids as Python evaluates the list: two or more, no leading zeros, no line breaks; none for anything else."""
    pieces = [piece.strip(" \t\f") for piece in found[1].split(",")] if found else []
    if len(pieces) < 2 or not all(_INTEGER.fullmatch(piece) for piece in pieces):
        return []
    try:
        return [int(piece) for piece in pieces]
    except ValueError:  # more digits than Python reads
        return []


def _checked(mode: str) -> str:
    if mode not in ("official", "fixed"):
        raise InputError(f"unknown mode {mode!r}; there are: official, fixed")
    return mode
