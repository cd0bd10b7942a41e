"""Rewards of ProRank's warm-up: say 0 or 1 and nothing else, and say the right one.

The paper does not publish their weights; both are 1 here.
"""

from __future__ import annotations

from mmrank.errors import InputError


def binary_form_reward(completion: str) -> float:
    """1 if the output is exactly "0" or "1"."""
    return float(completion in ("0", "1"))


def binary_label_reward(completion: str, label: int) -> float:
    """1 if the output is exactly the label, 0 or 1.

    Raises:
        InputError: for another label.
    """
    if label not in (0, 1):
        raise InputError(f"a label is 0 or 1, got {label}")
    return float(completion == str(label))
