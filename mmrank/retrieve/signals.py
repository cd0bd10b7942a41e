"""Text signals: what the words and vectors of a page have in common with a question.

One function per signal, one number per page of the pool; the numbers are turned into z-scores within each document.
What a question names by its place or kind ("Figure 2", "page 7") is in `structure.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mmrank.retrieve.pool import Pool
from mmrank.retrieve.question import Question
from mmrank.retrieve.words import STOPWORDS, written_words

Scores = NDArray[np.float64]


def lexical(question: Question, pool: Pool) -> Scores:
    """BM25 of the page's best passage, headings of its section included."""
    return pool.page_max(pool.passage_words.scores(question.words), empty=0.0)


def heading(question: Question, pool: Pool) -> Scores:
    """Share of the question's information (IDF) found in titles, headings and captions of the page."""
    weights = pool.page_words.weights(question.words)
    total = sum(weights.values()) or 1.0
    found = np.zeros(len(pool))
    for weight, there in zip(weights.values(), pool.page_words.in_headings(list(weights)), strict=True):
        found += weight * there
    return found / total


def dense(question: Question, pool: Pool) -> Scores:
    """Cosine, or MaxSim over token vectors, of the page's best passage."""
    similarities = pool.similarities(question.vector)
    floor = float(similarities.min()) if len(similarities) else 0.0
    return pool.page_max(similarities, empty=floor)


def pairs(question: Question, pool: Pool) -> Scores:
    """Share of the question's neighbouring words that are neighbours on the page."""
    asked = pairwise(written_words(question.analysis.text))
    wanted = {(left, right) for left, right in asked if left not in STOPWORDS and right not in STOPWORDS}
    return pool.page_words.neighbours(sorted(wanted)).sum(0) / max(len(wanted), 1)


TEXT_SIGNALS: dict[str, Callable[[Question, Pool], Scores]] = {
    "lexical": lexical,
    "dense": dense,
    "heading": heading,
    "pairs": pairs,
}
