"""Questions that a language model asks of passages nobody labelled, kept where retrieval finds the passage again."""

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
"""Words a passage needs to be asked about."""


def generated_examples(
    document: Document, ask: Asker, name: str, *, score: Scorer, negatives: int = 4, limit: int = 20, seed: int = 0
) -> Iterator[RankingExample]:
    """Round-trip filtered questions, `origin` "generated:<name>".

    A question is kept where its passage scores above all others of the document.

    Args:
        document: as ingested.
        ask: writes a question.
        name: of the model that does.
        score: the current retriever.
        negatives: a question, at most.
        limit: passages a document that are asked about.
        seed: of their choice.
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
    """A chat model as the one who asks: the first line of its answer that ends in a question mark, or nothing."""

    def ask(passage: str) -> str:
        asked = f"Passage: {passage}\n\nWrite one short question that this passage answers. Write the question alone."
        ((answer,),) = model.generate([[user(asked)]], Sampling(max_tokens=48))
        lines = [line.strip() for line in answer.text.splitlines()]
        return next((line for line in lines if line.endswith("?")), "")

    return ask
