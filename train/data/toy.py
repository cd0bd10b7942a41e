"""A task so small that a model of some thousand weights can learn it: find the passage that names what is asked for.

It lets every recipe run where no pretrained model is at hand; nothing about real documents follows from it.
"""

from __future__ import annotations

import random

from mmrank.train.data.examples import RankingExample

THINGS = ("anchor", "bridge", "candle", "desert", "engine", "forest", "garden", "harbour")
FRAMES = ("the page shows a {} here", "this table lists each {} found", "a chart of every {} by year", "one {} in text")


def toy_examples(count: int, *, candidates: int = 4, seed: int = 0) -> list[RankingExample]:
    """Questions about a thing; one passage names it, each other one names another thing."""
    chance = random.Random(seed)
    examples = []
    for number in range(count):
        asked, *others = chance.sample(THINGS, candidates)
        passages = [chance.choice(FRAMES).format(thing) for thing in (asked, *others)]
        examples.append(
            RankingExample(
                f"where is the {asked}", (passages[0],), tuple(passages[1:]), f"toy-{seed}-{number}", "template"
            )
        )
    return examples
