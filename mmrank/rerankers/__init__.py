"""Rerankers: candidates into a ranking, with reasons where the model gives them."""

from __future__ import annotations

from mmrank.errors import InputError, MmrankError
from mmrank.rerankers.loading import FAMILIES, Family, load_reranker
from mmrank.rerankers.protocol import AnswerStatus, RankedCandidate, Ranking, Reranker

__all__ = [
    "FAMILIES",
    "AnswerStatus",
    "Family",
    "InputError",
    "MmrankError",
    "RankedCandidate",
    "Ranking",
    "Reranker",
    "load_reranker",
]
