"""On Ray the vectors are those of the local encoder."""

import numpy as np
import pytest

from mmrank.encoders import load_encoder
from mmrank.encoders.ray_encoder import BLOCK, RayEncoder
from mmrank.errors import InputError

pytest.importorskip("ray")


@pytest.mark.slow
def test_two_actors_give_the_vectors_of_the_local_encoder_in_order(passage) -> None:
    import ray

    passages = [passage(f"passage number {number} of a report", position=number) for number in range(2 * BLOCK + 30)]
    with ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False):
        spread = RayEncoder("minilm", actors=2, dtype="float32", device="cpu")
        vectors = spread.encode_passages(iter(passages))
        assert spread.encode_passages([]).shape == (0, 384)
        with pytest.raises(InputError, match="at least 1 actor"):
            RayEncoder("minilm", actors=0)
        spread.close()
    local = load_encoder("minilm", dtype="float32", device="cpu").encode_passages(passages)
    np.testing.assert_allclose(vectors, local, atol=1e-5)
