"""Rank-R1's reward: the chosen label is exactly the gold one, after thinking. No partial credit."""

from __future__ import annotations

import re

_FORM = re.compile(r"<think>.*?</think>\s*<answer>(.*?)</answer>", re.DOTALL)


def choice_reward(completion: str, gold: int) -> float:
    """1 if the answer block after the thoughts holds "[gold]" and nothing else, otherwise 0.

    >>> choice_reward("<think>the second</think> <answer> [2] </answer>", 2)
    1.0
    >>> choice_reward("<answer>[2]</answer>", 2)
    0.0
    """
    found = _FORM.search(completion)
    return float(found is not None and found[1].strip() == f"[{gold}]")
