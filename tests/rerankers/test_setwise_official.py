"""Whole rankings of Rank-R1 at its seed, against the published procedure stated in other words."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable

import pytest

from mmrank.llm.protocol import Answer, Chat, Sampling
from mmrank.rerankers.setwise import Setwise
from mmrank.types import Candidate, Query


class Choosing:
    """Chooses by a rule on the shown texts: a fallible one, that now and then gives no answer."""

    def __init__(self, base: object, seed: int) -> None:
        self.info = base.info  # type: ignore[attr-defined]
        self.count_tokens = base.count_tokens  # type: ignore[attr-defined]
        self._seed = seed

    def generate(self, chats: list[Chat], sampling: Sampling, *, samples: int = 1) -> list[tuple[Answer, ...]]:
        texts = re.findall(r"^\[\d+\] (.*)$", chats[0][-1].text, re.MULTILINE)
        said = choice(texts, self._seed)
        return [(Answer(f"<think>x</think><answer>{said}</answer>", True, 1, 1),)]


def choice(texts: list[str], seed: int) -> str:
    dice = random.Random(f"{seed} {' '.join(texts)}")
    if dice.random() < 0.1:
        return "none"
    return f"[{1 + max(range(len(texts)), key=lambda i: (dice.random() < 0.8, int(texts[i].split()[-1])))}]"


def stated(texts: list[str], *, children: int, top: int, votes: int, seed: int) -> list[str]:
    """A heap of arrays, a shuffle of the shown before each vote, and a draw at a tie alone."""
    dice = random.Random(929)
    heap = list(texts)

    def winner(shown: list[str]) -> int:
        orders = [dice.sample(list(enumerate(shown)), len(shown)) for _ in range(votes)]
        won = []
        for order in orders:
            said = choice([text for _, text in order], seed)
            labels = [f"[{i + 1}]" for i in range(len(order))]
            if said in labels:
                won.append(order[labels.index(said)][0])
        most = max(Counter(won).values(), default=0)
        best = [place for place, count in Counter(won).items() if count == most]
        return (best[0] if len(best) == 1 else dice.choice(best)) if best else 0

    def sift(size: int, node: int) -> None:
        below = list(range(children * node + 1, min(children * (node + 1) + 1, size)))
        if below:
            places = [node, *below]
            largest = places[winner([heap[i] for i in places])]
            if largest != node:
                heap[node], heap[largest] = heap[largest], heap[node]
                sift(size, largest)

    for node in range(len(heap) // children, -1, -1):
        sift(len(heap), node)
    for done, last in enumerate(range(len(heap) - 1, 0, -1), 1):
        heap[0], heap[last] = heap[last], heap[0]
        if done == top:
            break
        sift(last, 0)
    first = heap[::-1][:top]
    return [*first, *(text for text in texts if text not in first)]


@pytest.mark.parametrize("votes", [1, 3])
def test_a_ranking_at_seed_929_is_that_of_the_published_code(
    make_overlap_model: Callable[..., object], candidate: Callable[..., Candidate], votes: int
) -> None:
    for trial in range(60):
        dice = random.Random(trial)
        count, children, top = dice.randint(1, 45), dice.choice([3, 19]), dice.choice([1, 5, 10])
        texts = [f"text number {i}" for i in dice.sample(range(100), count)]
        model = Choosing(make_overlap_model(context=10_000), trial)
        ranker = Setwise(model, children=children, top=top, votes=votes, mode="official")  # type: ignore[arg-type]
        ranking = ranker.rerank(Query("which?"), [candidate(text, text) for text in texts])
        assert [item.candidate.id for item in ranking.items] == stated(
            texts, children=children, top=top, votes=votes, seed=trial
        )
