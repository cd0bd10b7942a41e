"""Encoding on a Ray cluster: one actor per GPU, each with the whole model, blocks of passages between them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import cycle, islice, pairwise
from typing import Any

import numpy as np

from mmrank.encoders.loading import AnyEncoder, load_encoder
from mmrank.encoders.protocol import EncoderInfo, Vectors
from mmrank.errors import InputError, require
from mmrank.types import Passage, Query

BLOCK = 256
"""Most passages of one task."""
LEAST = 8
"""Up to this many passages stay together: about one forward pass."""
AHEAD = 2
"""Blocks in flight per actor: the next is there when one is done, and memory stays bounded."""


class _Worker:
    """Lives in an actor and holds the model."""

    def __init__(self, name: str, options: dict[str, Any]) -> None:
        self._encoder: AnyEncoder = load_encoder(name, **options)

    def info(self) -> EncoderInfo:
        return self._encoder.info

    def passages(self, block: list[Passage]) -> Any:
        return self._encoder.encode_passages(block)

    def queries(self, block: list[Query]) -> Any:
        return self._encoder.encode_queries(block)


class RayEncoder:
    """An encoder whose work is done by Ray actors; its vectors are those of the local encoder.

    The actors take turns from one call to the next, so that many small calls keep all of them busy too.
    Where pictures are read, the PDFs must be found under the same paths on every machine.

    Args:
        name: as for `load_encoder`.
        actors: how many; by default one per GPU of the cluster, or one where there is none.
        gpus_per_actor: 0 to run on processors.
        options: keyword arguments of `load_encoder`.

    Raises:
        MissingExtraError: when Ray is not installed.
        InputError: for less than one actor.
    """

    def __init__(
        self, name: str, *, actors: int | None = None, gpus_per_actor: float | None = None, **options: Any
    ) -> None:
        ray = require("ray", "scale")
        if not ray.is_initialized():
            ray.init(log_to_driver=False, include_dashboard=False)
        gpus = int(ray.cluster_resources().get("GPU", 0))
        count = max(1, gpus) if actors is None else actors
        if count < 1:
            raise InputError(f"encoding on Ray needs at least 1 actor, got {count}")
        share = (1.0 if gpus else 0.0) if gpus_per_actor is None else gpus_per_actor
        kind = ray.remote(num_gpus=share, max_restarts=2, max_task_retries=2)(_Worker)
        self._ray = ray
        self._actors = [kind.remote(name, options) for _ in range(count)]
        self._turns = cycle(self._actors)
        self._info: EncoderInfo = ray.get(self._actors[0].info.remote())

    @property
    def info(self) -> EncoderInfo:
        """The info of the encoder in the actors."""
        return self._info

    def encode_passages(self, passages: Iterable[Passage]) -> Any:
        """Encode passages, as the encoder in the actors does."""
        blocks = list(self._ordered(passages))
        if self._info.multi_vector:
            return [rows for block in blocks for rows in block]
        return np.concatenate(blocks) if blocks else np.empty((0, self._info.dimension), np.float32)

    def encode_queries(self, queries: Sequence[Query]) -> Any:
        """Encode queries, as the encoder in the actors does."""
        return self._ray.get(next(self._turns).queries.remote(list(queries)))

    def close(self) -> None:
        """End the actors."""
        for actor in self._actors:
            self._ray.kill(actor)

    def _ordered(self, passages: Iterable[Passage]) -> Iterator[Vectors]:
        """Results of blocks in the order of the passages; at most `AHEAD` blocks per actor are in flight."""
        waiting = blocks(passages, len(self._actors))
        in_flight: list[Any] = []
        while True:
            for block in islice(waiting, AHEAD * len(self._actors) - len(in_flight)):
                in_flight.append(next(self._turns).passages.remote(block))
            if not in_flight:
                return
            yield self._ray.get(in_flight.pop(0))


def blocks(passages: Iterable[Passage], actors: int) -> Iterator[list[Passage]]:
    """Passages in order, in blocks of even size: one per actor, or fewer where each would get `LEAST` or fewer.

    At most `BLOCK` passages per actor are read ahead; more of them make another round of blocks.

    >>> [len(block) for block in blocks([...] * 50, 3)]
    [16, 17, 17]
    """
    waiting = iter(passages)
    while ahead := list(islice(waiting, BLOCK * actors)):
        count = min(actors, -(-len(ahead) // LEAST))
        cuts = [number * len(ahead) // count for number in range(count + 1)]
        yield from (ahead[start:end] for start, end in pairwise(cuts))
