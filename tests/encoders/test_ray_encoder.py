"""On Ray the vectors are those of the local encoder, and every actor has its share of the work."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from mmrank.encoders import load_encoder, ray_encoder
from mmrank.encoders.ray_encoder import BLOCK, LEAST, RayEncoder, blocks
from mmrank.errors import InputError
from mmrank.types import Passage, Query


@pytest.fixture
def cluster() -> Iterator[Any]:
    ray = pytest.importorskip("ray")
    with ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False):
        yield ray


def numbered(passage, count: int) -> list[Passage]:
    return [passage(f"passage number {number} of a report", position=number) for number in range(count)]


@pytest.mark.parametrize("count", [0, 1, LEAST, 2 * LEAST + 1, 50, 3 * BLOCK, 7 * BLOCK + 5])
@pytest.mark.parametrize("actors", [1, 3])
def test_blocks_keep_the_order_and_give_every_actor_work(passage, count: int, actors: int) -> None:
    passages = numbered(passage, count)
    made = list(blocks(iter(passages), actors))
    assert [one for block in made for one in block] == passages
    assert all(0 < len(block) <= min(BLOCK, max(LEAST, -(-count // actors))) for block in made)
    if count > LEAST * (actors - 1):
        assert len(made) >= actors


def test_a_few_passages_stay_together(passage) -> None:
    assert [len(block) for block in blocks(numbered(passage, LEAST), 3)] == [LEAST]


def test_no_more_passages_are_read_ahead_than_a_block_an_actor(passage) -> None:
    waiting = iter(numbered(passage, 3 * BLOCK))
    next(blocks(waiting, 2))
    assert len(list(waiting)) == BLOCK


@pytest.mark.slow
def test_two_actors_give_the_vectors_of_the_local_encoder_in_order(passage, cluster) -> None:
    passages = numbered(passage, 2 * BLOCK + 30)
    spread = RayEncoder("minilm", actors=2, dtype="float32", device="cpu")
    vectors = spread.encode_passages(iter(passages))
    assert spread.encode_passages([]).shape == (0, 384)
    with pytest.raises(InputError, match="at least 1 actor"):
        RayEncoder("minilm", actors=0)
    spread.close()
    local = load_encoder("minilm", dtype="float32", device="cpu").encode_passages(passages)
    np.testing.assert_allclose(vectors, local, atol=1e-5)


@pytest.mark.slow
def test_all_actors_work_for_one_document_and_take_turns_over_many(passage, cluster, monkeypatch) -> None:
    class Recording(ray_encoder._Worker):
        """Remembers the sizes of its blocks."""

        def passages(self, block: list[Passage]) -> Any:
            self.sizes = [*getattr(self, "sizes", []), len(block)]
            return super().passages(block)

        def seen(self) -> list[int]:
            return getattr(self, "sizes", [])

    monkeypatch.setattr(ray_encoder, "_Worker", Recording)
    spread = RayEncoder("minilm", actors=2, dtype="float32", device="cpu")

    def seen() -> list[list[int]]:
        return cluster.get([actor.seen.remote() for actor in spread._actors])

    spread.encode_passages(numbered(passage, 40))
    assert seen() == [[20], [20]]
    for _ in range(4):
        spread.encode_passages(numbered(passage, 3))
    assert seen() == [[20, 3, 3], [20, 3, 3]]
    assert spread.encode_queries([Query("report")]).shape == (1, 384)
    spread.close()
