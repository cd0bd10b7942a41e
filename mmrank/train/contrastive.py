"""Contrastive training of a vision-language encoder: each query against all passages of its batch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch

from mmrank.encoders.vision import VisionEncoder
from mmrank.encoders.vision_inputs import Features
from mmrank.errors import InputError, MmrankError
from mmrank.train.objectives.contrastive import info_nce
from mmrank.types import Passage, Query

Pair = tuple[Query, Passage]
"""A question and the passage that answers it."""


@dataclass(frozen=True, slots=True)
class ContrastiveOptions:
    """How to train. The learning rate rises over `warmup` of the steps and falls to 0 along a cosine.

    `keep_inputs` holds rendered and tokenised inputs in memory: for sets that fit.
    """

    steps: int = 1000
    batch: int = 32
    learning_rate: float = 1e-4
    weight_decay: float = 0.01
    warmup: float = 0.05
    temperature: float = 0.05
    clip: float = 1.0
    seed: int = 0
    keep_inputs: bool = False


def train_contrastive(
    encoder: VisionEncoder,
    pairs: Sequence[Pair],
    options: ContrastiveOptions,
    *,
    after_step: Callable[[int, float], None] | None = None,
) -> list[float]:
    """Train `encoder` in place on pairs with in-batch negatives; returns the loss of each step.

    Two pairs of one batch with the same passage are not each other's negatives.

    Args:
        encoder: left in eval mode; parameters that do not require gradients stay as they are (LoRA, frozen vision).
        pairs: at least `options.batch` of them.
        options: how to train.
        after_step: called with the step (from 0) and its loss.

    Raises:
        InputError: for fewer pairs than one batch.
        MmrankError: when the loss is no longer finite.
    """
    if len(pairs) < options.batch:
        raise InputError(f"a batch of {options.batch} needs as many pairs, got {len(pairs)}")
    model = encoder.model
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=options.learning_rate, weight_decay=options.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, options))
    prepared = _Prepared(encoder, keep=options.keep_inputs)
    losses: list[float] = []
    model.train()
    try:
        for step, chosen in enumerate(_shuffled(len(pairs), options)):
            here = [pairs[position] for position in chosen]
            queries = encoder.embed([prepared.query(query) for query, _ in here])
            passages = encoder.embed([prepared.passage(passage) for _, passage in here])
            loss = info_nce(queries, passages, temperature=options.temperature, excluded=_twins(here, queries.device))
            if not torch.isfinite(loss):
                raise MmrankError(f"the loss became {loss.item()} at step {step}; lower the learning rate")
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(trained, options.clip)
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
            if after_step is not None:
                after_step(step, losses[-1])
    finally:
        model.eval()
    return losses


class _Prepared:
    """Features of queries and passages, made when asked for."""

    def __init__(self, encoder: VisionEncoder, *, keep: bool) -> None:
        self._inputs, self._keep = encoder.inputs, keep
        self._made: dict[Query | str, Features] = {}

    def query(self, query: Query) -> Features:
        return self._get(query, lambda: self._inputs.query(query))

    def passage(self, passage: Passage) -> Features:
        return self._get(passage.id, lambda: self._inputs.passage(passage))

    def _get(self, key: Query | str, make: Callable[[], Features]) -> Features:
        if not self._keep:
            return make()
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]


def _rate(step: int, options: ContrastiveOptions) -> float:
    rising = max(1, round(options.warmup * options.steps))
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, options.steps - rising)))


def _shuffled(count: int, options: ContrastiveOptions) -> Iterator[list[int]]:
    """Batches of positions: every pair once before any comes again."""
    generator = torch.Generator().manual_seed(options.seed)
    order: list[int] = []
    for _ in range(options.steps):
        if len(order) < options.batch:
            order = torch.randperm(count, generator=generator).tolist()
        yield order[: options.batch]
        order = order[options.batch :]


def _twins(pairs: Sequence[Pair], device: torch.device) -> torch.Tensor:
    """(b, b), True where the passage of another pair is the same passage."""
    numbers = {passage.id: number for number, (_, passage) in enumerate(pairs)}
    ids = torch.tensor([numbers[passage.id] for _, passage in pairs], device=device)
    return (ids[:, None] == ids) & ~torch.eye(len(pairs), dtype=torch.bool, device=device)
