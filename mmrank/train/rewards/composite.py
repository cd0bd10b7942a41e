"""Several rewards as one, each part still seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mmrank.errors import InputError


@dataclass(frozen=True, slots=True)
class Rewarded:
    """The sum that is optimised and the parts it consists of, before their weights."""

    total: float
    parts: Mapping[str, float]


class Composite:
    """A weighted sum of named rewards.

    Args:
        rewards: name → function; all take the same arguments.
        weights: name → weight; 1 where not given.

    Raises:
        InputError: when a weight names no reward.

    >>> both = Composite({"length": len, "one": lambda text: 1.0}, {"length": 0.5})
    >>> both("abcd")
    Rewarded(total=3.0, parts={'length': 4.0, 'one': 1.0})
    """

    def __init__(self, rewards: Mapping[str, Callable[..., float]], weights: Mapping[str, float] | None = None) -> None:
        unknown = set(weights or {}) - set(rewards)
        if unknown:
            raise InputError(f"weights for unknown rewards: {', '.join(sorted(unknown))}")
        self._rewards = dict(rewards)
        self._weights = {name: (weights or {}).get(name, 1.0) for name in rewards}

    def __call__(self, *args: object, **kwargs: object) -> Rewarded:
        """Reward one completion."""
        parts = {name: float(reward(*args, **kwargs)) for name, reward in self._rewards.items()}
        return Rewarded(sum(self._weights[name] * value for name, value in parts.items()), parts)
