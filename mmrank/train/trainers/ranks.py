"""Processes that train together: each measures its part, all learn the result, and one writes.

Each is started by torchrun or accelerate with the same command and has a rank. With one process, nothing here costs
anything.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import torch
from torch import distributed

Item = TypeVar("Item")
Result = TypeVar("Result")


def join() -> None:
    """Meet the other processes, if this one was started as one of several."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not distributed.is_initialized():
        from accelerate import PartialState

        PartialState(cpu=not torch.cuda.is_available())


def count() -> int:
    """How many processes there are."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def rank() -> int:
    """The number of this process, from 0."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def writes() -> bool:
    """Whether this process is the one that writes results."""
    return rank() == 0


def wait() -> None:
    """Go on when every process is here."""
    if count() > 1:
        distributed.barrier()


def device() -> torch.device:
    """Where this process computes: its own GPU, or the processor."""
    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    return torch.device("cpu")


def summed(values: Mapping[str, float]) -> dict[str, float]:
    """Sums over all processes, by name."""
    if count() == 1:
        return dict(values)
    total = torch.tensor(list(values.values()), dtype=torch.float64, device=device())
    distributed.all_reduce(total)
    return dict(zip(values, total.tolist(), strict=True))


def spread(items: Sequence[Item], work: Callable[[Sequence[Item]], Sequence[Result]]) -> list[Result]:
    """Results of `work`, one per item and in their order, each computed by one process and known to all.

    Every process gets as many items, the last one repeated where they do not come out even: models that are split
    over processes must be called equally often by each.

    Args:
        items: the same in every process.
        work: items → as many results, which can be pickled.
    """
    if count() == 1 or not items:
        return list(work(items))
    each = -(-len(items) // count())
    mine = [items[min(place, len(items) - 1)] for place in range(rank() * each, (rank() + 1) * each)]
    parts: list[Any] = [None] * count()
    distributed.all_gather_object(parts, list(work(mine)))
    return [result for part in parts for result in part][: len(items)]


def said_by_first(find: Callable[[], Result]) -> Result:
    """What the writing process finds, in every process."""
    if count() == 1:
        return find()
    found: list[Any] = [find() if writes() else None]
    distributed.broadcast_object_list(found, src=0)
    return found[0]


def is_split(model: Any) -> bool:
    """Whether each process holds a part of the weights only (FSDP, ZeRO-3)."""
    from torch.distributed.tensor import DTensor

    return any(isinstance(weight, DTensor) or hasattr(weight, "ds_id") for weight in model.parameters())


def whole(weight: Any) -> torch.Tensor:
    """A weight put together from all processes, on the processor; each has to ask for it."""
    from torch.distributed.tensor import DTensor

    if isinstance(weight, DTensor):
        return weight.full_tensor().detach().cpu()
    if hasattr(weight, "ds_id"):
        import deepspeed

        with deepspeed.zero.GatheredParameters([weight]):
            return weight.detach().cpu().clone()
    found: torch.Tensor = weight.detach().cpu()
    return found
