"""Scores in groups."""

from __future__ import annotations

import pytest
import torch

pytest.importorskip("trl")


def test_groups_of_different_sizes_are_scored_in_their_places() -> None:
    from mmrank.train.trainers.grouped import grouped_mask, ungroup

    mask = grouped_mask([{"candidates": ["a", "b", "c"]}, {"candidates": ["d"]}])
    assert mask.tolist() == [[True, True, True], [True, False, False]]
    assert ungroup(torch.tensor([[1.0], [2], [3], [4]]), mask)[..., 0].tolist() == [[1, 2, 3], [4, 0, 0]]
