"""Many inputs of different lengths through a model: read ahead, sorted by length, in batches bounded by tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Input = TypeVar("Input")
Prepared = TypeVar("Prepared")
Result = TypeVar("Result")


def in_batches(
    inputs: Iterable[Input],
    *,
    prepare: Callable[[Input], Prepared],
    length: Callable[[Prepared], int],
    forward: Callable[[list[Prepared]], Sequence[Result]],
    window: int,
    batch_tokens: int,
) -> Iterator[Result]:
    """Run `forward` over all inputs; results come in the order of the inputs.

    `window` inputs are prepared at a time (tokenised, pictures rendered) in a thread of their own while the window
    before is computed, so at most two windows are in memory.

    Args:
        inputs: read lazily, in the caller's thread.
        prepare: makes the model's input of one input.
        length: its length in tokens.
        forward: a batch of prepared inputs to one result each.
        window: inputs that are sorted by length together.
        batch_tokens: a batch holds at most this many tokens with padding; a longer input goes alone.
    """
    waiting = iter(inputs)

    def next_window() -> Future[list[Prepared]]:
        return reader.submit(lambda read: list(map(prepare, read)), list(islice(waiting, window)))

    with ThreadPoolExecutor(1) as reader:
        coming = next_window()
        while here := coming.result():
            coming = next_window()
            lengths = list(map(length, here))
            results: dict[int, Result] = {}
            for rows in batched_by_length(lengths, batch_tokens):
                results.update(zip(rows, forward([here[row] for row in rows]), strict=True))
            yield from (results[row] for row in range(len(here)))


def batched_by_length(lengths: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
    """Positions, shortest first, in batches of at most `batch_tokens` tokens with padding.

    >>> list(batched_by_length([5, 1, 9, 2], 6))
    [[1, 3], [0], [2]]
    """
    batch: list[int] = []
    for position in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[position] > batch_tokens:
            yield batch
            batch = []
        batch.append(position)
    if batch:
        yield batch
