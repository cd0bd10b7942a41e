"""The arithmetic of in-context reranking (ICR): from attention to scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Mode = Literal["official", "fixed"]


def kept_tokens(calibrated: NDArray[np.floating], *, mode: Mode = "fixed") -> NDArray[np.bool_]:
    """Which tokens of a document count: those above the mean less two standard deviations (n − 1).

    A single token has no deviation: "fixed" keeps it, "official" compares with NaN and keeps nothing.

    Args:
        calibrated: (tokens,).
    """
    values = calibrated.astype(np.float64)
    if len(values) < 2:
        return np.full(len(values), mode == "fixed")
    return np.asarray(values > values.mean() - 2 * values.std(ddof=1))


def document_scores(
    attention: NDArray[np.floating],
    baseline: NDArray[np.floating],
    spans: Sequence[tuple[int, int]],
    *,
    mode: Mode = "fixed",
) -> NDArray[np.float64]:
    """Score of each document: the sum of its kept tokens' attention beyond that of a query without content.

    Args:
        attention: (tokens,), paid by the query.
        baseline: (tokens,), paid by "N/A".
        spans: token span (begin, end) of each document.
        mode: how a document of one token is treated.

    Returns:
        (documents,). There is no normalisation by length, as in the paper.
    """
    calibrated = attention.astype(np.float64) - baseline.astype(np.float64)
    scores = np.zeros(len(spans))
    for i, (begin, end) in enumerate(spans):
        tokens = calibrated[begin:end]
        scores[i] = tokens[kept_tokens(tokens, mode=mode)].sum()
    return scores


def token_spans(offsets: NDArray[np.int64], spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans of characters as spans of tokens.

    A token belongs to a span when it begins inside it; a token that also covers the space before the span belongs to it
    too, as tokenizers glue a space to the word that follows.

    Args:
        offsets: (tokens, 2), character spans of the tokens, in order.
        spans: character spans (begin, end), end excluded.
    """
    middles = (offsets[:, 0] + offsets[:, 1] - 1) / 2  # robust against a glued space of one character
    found = []
    for begin, end in spans:
        inside = np.flatnonzero((offsets[:, 1] > begin) & (middles >= begin - 0.5) & (offsets[:, 0] < end))
        found.append((int(inside[0]), int(inside[-1]) + 1) if len(inside) else (0, 0))
    return found
