"""Query likelihood: passages by the probability of the question after them (UPR, Sachan et al., EMNLP 2022)."""

from __future__ import annotations

from collections.abc import Sequence

from mmrank.errors import InputError
from mmrank.llm.protocol import LikelihoodModel, LogLikelihoods
from mmrank.llm.shorten import shorten
from mmrank.rerankers.ledger import Ledger
from mmrank.rerankers.order import ranked
from mmrank.rerankers.presentation import show
from mmrank.rerankers.prompts import likelihood_chat
from mmrank.rerankers.protocol import Ranking
from mmrank.types import Candidate, Query

QUESTION_TOKENS = 64
"""A question is cut after this many tokens, as in the recipe `likelihood`."""


class Likelihood:
    """Scores each candidate by log p(question | candidate), summed over the question's tokens.

    Differences of scores are log-odds: by Bayes' rule, with a uniform prior, the softmax over the candidates is the
    probability of each to be the one that was asked about.

    Args:
        model: gives the log-probability of a given answer.
        max_tokens: a candidate's text is cut after this many tokens.
        name: shown as the stage of a hit.
    """

    def __init__(self, model: LikelihoodModel, *, max_tokens: int = 160, name: str = "likelihood") -> None:
        if max_tokens < 8:
            raise InputError(f"a candidate needs at least 8 tokens to be read, got {max_tokens}")
        self._model = model
        self._max_tokens = max_tokens
        self._name = name

    @property
    def name(self) -> str:
        """Shown as the stage of a hit."""
        return self._name

    def rerank(self, query: Query, candidates: Sequence[Candidate]) -> Ranking:
        """Rank the candidates; equal scores keep their order.

        Raises:
            InputError: when the query or a candidate holds nothing but pictures.
        """
        ledger = Ledger()
        if query.image is not None or not query.text.strip():
            raise InputError(f"{self._name} scores the words of a question; ask with text alone")
        if not candidates:
            return ledger.ranking((), self._name)
        info = self._model.info
        texts = ["".join(map(str, show(candidate, info, asked=query.text))) for candidate in candidates]
        found = self.score(query.text, texts)
        ledger.computed(len(candidates), found.computed_tokens)
        return ledger.ranking(ranked(candidates, found.values), self._name)

    def score(self, question: str, texts: Sequence[str]) -> LogLikelihoods:
        """Log-likelihood of a question after each text, both cut to their limits."""
        count = self._model.count_tokens
        asked = shorten(question.strip(), QUESTION_TOKENS, count)
        return self._model.log_likelihoods(
            [likelihood_chat((shorten(text, self._max_tokens, count),), (asked,)) for text in texts]
        )
