"""An invented task that models of a few thousand weights can learn: find the passage that names what is asked for.

With it every recipe runs without pretrained models. It says nothing about real documents.
"""

from __future__ import annotations

import random
from itertools import product

from mmrank.errors import InputError
from mmrank.train.data.examples import RankingExample

THINGS = ("anchor", "bridge", "candle", "desert", "engine", "forest", "garden", "harbour")
SHADES = ("old", "new", "red", "blue", "small", "tall")
FRAMES = ("a {} {}", "the {} {}", "one {} {}", "every {} {}")


def toy_examples(
    count: int, *, candidates: int = 4, kinds: int = len(THINGS), seed: int = 0, held_out: bool = False
) -> list[RankingExample]:
    """Questions about a thing; one passage names it, each other one names another thing.

    Training and held-out passages are made of the same words, but no passage is in both: for each thing, half of the
    combinations of frame and shade are for training.

    Args:
        count: questions.
        candidates: passages per question, each about another thing.
        kinds: number of things that are asked for. With 1, the question does not matter.
        seed: of all random choices.
        held_out: make held-out examples.

    Raises:
        InputError: for more candidates or kinds than there are things.
    """
    if not 2 <= candidates <= len(THINGS):
        raise InputError(f"the toy task has 2 to {len(THINGS)} candidates per question, not {candidates}")
    if not 1 <= kinds <= len(THINGS):
        raise InputError(f"the toy task asks for 1 to {len(THINGS)} things, not {kinds}")
    rng = random.Random(f"{seed}/{held_out}")
    part = "held-out" if held_out else "train"
    examples = []
    for number in range(count):
        asked = rng.randrange(kinds)
        others = rng.sample([thing for thing in range(len(THINGS)) if thing != asked], candidates - 1)
        passages = [rng.choice(_passages(thing, held_out)) for thing in (asked, *others)]
        examples.append(
            RankingExample(
                f"where is the {THINGS[asked]}",
                (passages[0],),
                tuple(passages[1:]),
                f"toy-{part}-{seed}-{number}",
                "template",
            )
        )
    return examples


def _passages(thing: int, held_out: bool) -> list[str]:
    pairs = product(enumerate(FRAMES), enumerate(SHADES))
    return [
        frame.format(shade, THINGS[thing]) for (i, frame), (j, shade) in pairs if (i + j + thing) % 2 == int(held_out)
    ]
