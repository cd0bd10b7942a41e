"""Cutting a model's text at its stop texts."""

from __future__ import annotations


def cut_at(text: str, stops: tuple[str, ...]) -> tuple[str, bool]:
    """The text before the first stop text, and whether there was one.

    >>> cut_at("one. two", (".",))
    ('one', True)
    """
    at = min((found for stop in stops if (found := text.find(stop)) >= 0), default=-1)
    return (text, False) if at < 0 else (text[:at], True)
