"""Query adapters: the arithmetic, the files that are taken and refused, and what the shipped one changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mmrank.encoders.minilm import MiniLM
from mmrank.encoders.query_adapter import QueryAdapter, load_query_adapter, metadata_of
from mmrank.errors import InputError, MmrankError
from mmrank.types import Part, PartKind, Passage, Query
from mmrank.weights import LISTWISE, shipped


@pytest.fixture(scope="module")
def encoder() -> MiniLM:
    return MiniLM(dtype="float32")


def write(path: Path, about: dict[str, str], dimension: int = 384) -> str:
    tensors = {"query.lora_A.weight": torch.zeros(2, dimension), "query.lora_B.weight": torch.zeros(dimension, 2)}
    tensors["query.lora_A.weight"][0, 0] = 1.0
    tensors["query.lora_B.weight"][1, 0] = 1.5
    save_file(tensors, path, metadata=about)
    return str(path)


def test_a_matrix_of_low_rank_is_added_and_lengths_stay_one() -> None:
    down, up = np.array([[1.0, 0.0]], np.float32), np.array([[0.0], [0.75]], np.float32)
    adapted = QueryAdapter(down, up)(np.eye(2, dtype=np.float32))
    assert adapted.tolist() == [pytest.approx([0.8, 0.6]), pytest.approx([0.0, 1.0])]
    assert adapted.dtype == np.float32


def test_a_file_says_what_the_arithmetic_is_and_how_much(encoder, tmp_path: Path) -> None:
    adapter = load_query_adapter(
        write(tmp_path / "a.safetensors", metadata_of(encoder.info) | {"scale": "0.5"}), encoder.info
    )
    assert adapter is not None
    first = np.eye(1, 384, dtype=np.float32)
    assert adapter(first)[0, :2].tolist() == pytest.approx([0.8, 0.6])  # 1 and 0.5 · 1.5, of length 1.25


def test_an_adapter_of_another_encoder_is_refused(encoder, tmp_path: Path) -> None:
    info = encoder.info
    with pytest.raises(InputError, match="was trained for questions to 'other'"):
        load_query_adapter(write(tmp_path / "b.safetensors", metadata_of(replace(info, name="other"))), info)
    with pytest.raises(InputError, match="train one for it"):
        load_query_adapter(write(tmp_path / "c.safetensors", metadata_of(replace(info, revision="0" * 64))), info)
    with pytest.raises(InputError, match="384 numbers"):
        load_query_adapter(write(tmp_path / "d.safetensors", metadata_of(info), dimension=8), info)
    with pytest.raises(InputError, match="one per token"):
        load_query_adapter(str(tmp_path / "b.safetensors"), replace(info, multi_vector=True))


def test_what_is_no_query_adapter_is_refused(encoder, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no query adapter"):
        load_query_adapter(str(shipped(LISTWISE)), encoder.info)
    with pytest.raises(MmrankError, match="cannot be read"):
        load_query_adapter(str(tmp_path / "none.safetensors"), encoder.info)


def test_the_shipped_one_is_for_the_embedded_encoder_alone(encoder) -> None:
    assert load_query_adapter("auto", encoder.info) is not None
    assert load_query_adapter("none", encoder.info) is None
    for other in ({"name": "other"}, {"revision": "0" * 64}, {"multi_vector": True}):
        assert load_query_adapter("auto", replace(encoder.info, **other)) is None


PROSE_OR_TABLE = (
    "The change in total revenue between 2019 and 2018 was due to the higher income of the services business.",
    "| | 2019 | 2018 |\n| Products | 812 | 799 |\n| Services | 640 | 347 |\n| Revenue | 1,452 | 1,146 |",
)


def test_the_shipped_one_brings_amounts_nearer_to_tables_than_to_prose_about_them(encoder) -> None:
    shown = [Passage(str(i), "", i, 0, (Part(PartKind.TEXT, t, ()),), (), ()) for i, t in enumerate(PROSE_OR_TABLE)]
    asked = encoder.encode_queries([Query("How much was the total revenue in 2019 and 2018, respectively?")])
    adapter = load_query_adapter("auto", encoder.info)
    assert adapter is not None
    prose, table = encoder.encode_passages(shown)
    before, after = asked[0], adapter(asked)[0]
    assert before @ prose > before @ table
    assert after @ table - after @ prose > before @ table - before @ prose + 0.05
