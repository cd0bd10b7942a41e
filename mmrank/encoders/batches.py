"""Many inputs of different lengths through a model: read ahead, sorted by length, in batches bounded by tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from threading import Barrier
from typing import Any, TypeVar

Input = TypeVar("Input")
Prepared = TypeVar("Prepared")
Result = TypeVar("Result")
Map = Callable[..., Iterable[Any]]


def in_batches(
    inputs: Iterable[Input],
    *,
    prepare: Callable[[Input], Prepared],
    length: Callable[[Prepared], int],
    forward: Callable[[list[Prepared]], Sequence[Result]],
    window: int,
    batch_tokens: int,
    each: Map = map,
) -> Iterator[Result]:
    """Run `forward` over all inputs; results come in the order of the inputs.

    `window` inputs are prepared at a time (tokenised, pictures rendered) in a separate thread while the previous
    window is computed, so at most two windows are in memory.

    Args:
        inputs: read lazily, in the caller's thread.
        prepare: makes the model's input of one input.
        length: its length in tokens.
        forward: a batch of prepared inputs to one result each.
        window: inputs that are sorted by length together.
        batch_tokens: a batch holds at most this many tokens with padding; a longer input goes alone.
        each: runs `forward` on the batches of a window; the `map` of an executor runs them side by side.
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
            batches = list(batched_by_length(lengths, batch_tokens))
            for rows, made in zip(
                batches, each(forward, [[here[row] for row in rows] for rows in batches]), strict=True
            ):
                results.update(zip(rows, made, strict=True))
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


def one_thread_each(workers: int) -> ThreadPoolExecutor:
    """Threads that each compute with one thread of torch: batches side by side instead of threads inside a batch.

    On a processor that other programs use too, this is many times faster: threads inside an operation wait for the
    slowest of them after each operation. The number of threads of the calling thread stays as it is.
    """
    import torch

    before = torch.get_num_threads()
    started = Barrier(workers)

    def start(_: int) -> None:
        torch.get_num_threads()  # the first call applies the default, so it must come before the setting
        torch.set_num_threads(1)
        started.wait()

    pool = ThreadPoolExecutor(workers, thread_name_prefix="mmrank-encode")
    list(pool.map(start, range(workers)))
    torch.set_num_threads(before)  # the setting above is also the default of threads to come
    return pool
