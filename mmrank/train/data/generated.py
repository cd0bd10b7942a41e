"""Questions that a language model asks about unlabelled passages, kept if retrieval finds the passage again."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from mmrank.encoders.passage_text import passage_text
from mmrank.llm.protocol import ChatModel, Sampling, user
from mmrank.train.data.examples import RankingExample
from mmrank.train.data.negatives import Scorer, hard_negatives
from mmrank.types import Document

Asker = Callable[[str], str]
"""Passage → a question it answers."""

SHORTEST = 20
"""A passage with fewer words is not asked about."""


def generated_examples(
    document: Document, ask: Asker, name: str, *, score: Scorer, negatives: int = 4, limit: int = 20, seed: int = 0
) -> Iterator[RankingExample]:
    """Examples whose questions a model asked; `origin` is "generated:<name>".

    A question is kept if its passage scores above all others of the document.

    Args:
        document: as ingested.
        ask: writes a question about a passage.
        name: of the model that asks.
        score: the retriever that has to find the passage again, and finds the hard negatives.
        negatives: per question, at most.
        limit: passages per document that are asked about.
        seed: of the choice of passages.
    """
    texts = [passage_text(passage) for passage in document.passages]
    long = [place for place, text in enumerate(texts) if len(text.split()) >= SHORTEST]
    for place in sorted(random.Random(f"{seed}/{document.id}").sample(long, min(limit, len(long)))):
        query = ask(texts[place])
        if not query:
            continue
        scores = score(query, texts)
        if all(scores[place] > value for other, value in enumerate(scores) if other != place):
            hard = hard_negatives(query, texts, {place}, lambda _, __: scores, count=negatives)  # noqa: B023
            yield RankingExample(
                query, (texts[place],), tuple(texts[i] for i in hard), document.id, f"generated:{name}"
            )


def chat_asker(model: ChatModel) -> Asker:
    """Let a chat model ask: the first line of its answer that ends in a question mark, or an empty text."""

    def ask(passage: str) -> str:
        asked = f"Passage: {passage}\n\nWrite one short question that this passage answers. Write the question alone."
        ((answer,),) = model.generate([[user(asked)]], Sampling(max_tokens=48))
        lines = [line.strip() for line in answer.text.splitlines()]
        return next((line for line in lines if line.endswith("?")), "")

    return ask
