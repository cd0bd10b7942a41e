"""Batches side by side leave the threads of everybody else alone."""

import threading

import pytest
import torch

from mmrank.encoders.batches import one_thread_each
from mmrank.encoders.minilm import MiniLM


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_each_worker_computes_with_one_thread_and_the_caller_keeps_its_own(two_threads) -> None:
    with one_thread_each(3) as pool:
        assert list(pool.map(lambda _: torch.get_num_threads(), range(6))) == [1] * 6
    seen = []
    other = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
    other.start()
    other.join()
    assert (torch.get_num_threads(), seen) == (2, [2])


def test_side_by_side_gives_the_vectors_of_one_after_the_other(two_threads, passage) -> None:
    passages = [passage("a word " * (number % 50 + 1), position=number) for number in range(120)]
    parallel = MiniLM(device="cpu", dtype="float32").encode_passages(passages)
    torch.set_num_threads(1)
    serial = MiniLM(device="cpu", dtype="float32").encode_passages(passages)
    assert abs(parallel - serial).max() < 1e-5
