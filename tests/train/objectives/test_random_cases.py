"""Losses on thousands of random lists, against their definitions written out number by number."""

from __future__ import annotations

import math
import random
from itertools import combinations

import pytest
import torch

from mmrank.train.objectives.distillation import distillation, listnet, one_hot, ranknet, softmax_cross_entropy
from mmrank.train.objectives.judgement import weights
from mmrank.train.objectives.selector import lambda_loss

CASES = 1_000


def softmax(values: list[float], temperature: float = 1.0) -> list[float]:
    powers = [math.exp(value / temperature) for value in values]
    return [power / sum(powers) for power in powers]


def divergence(student: list[float], wanted: list[float], temperature: float = 1.0) -> float:
    pairs = zip(softmax(wanted, temperature), softmax(student, temperature), strict=True)
    return sum(w * (math.log(w) - math.log(s)) for w, s in pairs)


def pairwise(student: list[float], wanted: list[float]) -> float:
    each = []
    for i, j in combinations(range(len(student)), 2):
        target = 1 / (1 + math.exp(wanted[j] - wanted[i]))
        chance = 1 / (1 + math.exp(student[j] - student[i]))
        each.append(-target * math.log(chance) - (1 - target) * math.log(1 - chance))
    return sum(each) / len(each)


def test_dears_losses_are_their_definitions() -> None:
    dice = random.Random(1)
    for _ in range(CASES):
        batch, count = dice.randint(1, 3), dice.randint(2, 8)
        s, t = ([[dice.gauss(0, 2) for _ in range(count)] for _ in range(batch)] for _ in range(2))
        labels = [[1.0] + [0.0] * (count - 1)] * batch
        student, teacher = torch.tensor(s), torch.tensor(t)

        def mean(values: list[float]) -> float:
            return sum(values) / len(values)

        for found, wanted in (
            (softmax_cross_entropy(student), mean([-math.log(softmax(row)[0]) for row in s])),
            (ranknet(student, teacher), mean([pairwise(*rows) for rows in zip(s, t, strict=True)])),
            (ranknet(student, one_hot(student)), mean([pairwise(*rows) for rows in zip(s, labels, strict=True)])),
            (listnet(student, teacher), mean([divergence(*rows) for rows in zip(s, t, strict=True)])),
            (listnet(student, one_hot(student)), mean([divergence(*rows) for rows in zip(s, labels, strict=True)])),
            (distillation(student, teacher), 4 * mean([divergence(*rows, 2.0) for rows in zip(s, t, strict=True)])),
        ):
            assert float(found) == pytest.approx(wanted, abs=2e-5)


def stated_lambda_loss(scores: list[float], gains: list[int]) -> float:
    """Over all pairs of which one gains more: step of the discount at their distance, times the gains' difference."""
    best = sum((2**gain - 1) / math.log2(1 + rank) for rank, gain in enumerate(sorted(gains, reverse=True), 1))
    rank = {item: place for place, item in enumerate(sorted(range(len(scores)), key=lambda i: -scores[i]), 1)}
    total = 0.0
    for i in range(len(scores)):
        for j in range(len(scores)):
            if gains[i] > gains[j]:
                apart = abs(rank[i] - rank[j])
                step = abs(1 / math.log2(1 + apart) - 1 / math.log2(2 + apart))
                chance = 1 / (1 + math.exp(scores[j] - scores[i]))
                total -= step * abs(2 ** gains[i] - 2 ** gains[j]) / best * math.log2(chance)
    return total


def test_the_selectors_loss_is_its_definition_whatever_is_padded() -> None:
    dice = random.Random(2)
    for _ in range(CASES):
        count, padded = dice.randint(2, 9), dice.randint(0, 3)
        scores = [dice.gauss(0, 1.5) for _ in range(count)]
        gains = dice.sample([4, 3, 2, 1, *[0] * count], count)
        mask = torch.tensor([[True] * count + [False] * padded])
        found = lambda_loss(torch.tensor([scores + [9.0] * padded]), torch.tensor([gains + [5] * padded]), mask)
        assert float(found) == pytest.approx(stated_lambda_loss(scores, gains), rel=1e-4, abs=1e-5)


def test_weights_of_both_kinds_are_their_definitions() -> None:
    dice = random.Random(3)
    for _ in range(CASES):
        count = dice.randint(2, 8)
        yes, no = ([dice.gauss(0, 2) for _ in range(count)] for _ in range(2))
        said = [softmax([y, n])[0] for y, n in zip(yes, no, strict=True)]
        share = softmax(yes)
        for kind, wanted in (("sft", [1 - said[0], *said[1:]]), ("cl", [1 - share[0], *share[1:]])):
            found = weights(torch.tensor([yes]), torch.tensor([no]), kind)[0].tolist()  # type: ignore[arg-type]
            assert found == pytest.approx(wanted, abs=1e-5)
