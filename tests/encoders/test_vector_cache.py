"""A run that was cut goes on where it stopped."""

import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mmrank.encoders import load_encoder
from mmrank.encoders.minilm import MiniLM
from mmrank.encoders.minilm_weights import WEIGHTS_SHA256
from mmrank.encoders.vector_cache import WINDOW, VectorCache, cached, passage_key
from mmrank.encoders.vision import OPTIONS_FILE
from mmrank.errors import MmrankError
from mmrank.types import Passage


class Counting(MiniLM):
    """Counts what it is asked for, and stops when told to."""

    def __init__(self, stop_after: int | None = None) -> None:
        super().__init__(device="cpu")
        self.asked: list[Passage] = []
        self.stop_after = stop_after

    def encode_passages(self, passages):
        passages = list(passages)
        if self.stop_after is not None and len(self.asked) >= self.stop_after:
            raise KeyboardInterrupt
        self.asked += passages
        return super().encode_passages(passages)


@pytest.fixture(scope="module")
def many(passage) -> list[Passage]:
    return [passage(f"passage {number}", position=number) for number in range(WINDOW + 40)]


def test_what_was_encoded_is_not_encoded_again(tmp_path: Path, many) -> None:
    first, second = Counting(), Counting()
    once = cached(first, tmp_path / "v.sqlite").encode_passages(many)
    again = cached(second, tmp_path / "v.sqlite").encode_passages(many)
    np.testing.assert_array_equal(once, again)
    assert (len(first.asked), len(second.asked)) == (len(many), 0)


def test_a_run_that_was_cut_goes_on_where_it_stopped(tmp_path: Path, many) -> None:
    with pytest.raises(KeyboardInterrupt):
        cached(Counting(stop_after=WINDOW), tmp_path / "v.sqlite").encode_passages(many)
    rest = Counting()
    vectors = cached(rest, tmp_path / "v.sqlite").encode_passages(many)
    assert [one.id for one in rest.asked] == [one.id for one in many[WINDOW:]]
    np.testing.assert_allclose(vectors, MiniLM(device="cpu").encode_passages(many), atol=3e-3)


def test_equal_passages_are_encoded_once(tmp_path: Path, passage) -> None:
    counting = Counting()
    vectors = cached(counting, tmp_path / "v.sqlite").encode_passages([passage("same", position=n) for n in range(5)])
    assert len(counting.asked) == 1
    assert vectors.shape == (5, 384)


def test_damaged_vectors_are_made_anew(tmp_path: Path, many) -> None:
    path = tmp_path / "v.sqlite"
    whole = cached(Counting(), path).encode_passages(many[:3])
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE vectors SET data = zeroblob(length(data)) WHERE rowid = 1")
    repaired = Counting()
    np.testing.assert_allclose(cached(repaired, path).encode_passages(many[:3]), whole, atol=3e-3)
    assert len(repaired.asked) == 1


def test_token_vectors_are_kept_too(tmp_path: Path, many) -> None:
    path = tmp_path / "t.sqlite"
    encoder = load_encoder("minilm-tokens", device="cpu", cache=path)
    once = encoder.encode_passages(many[:5])
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM vectors").fetchone() == (5,)
    for one, other in zip(once, encoder.encode_passages(many[:5]), strict=True):
        np.testing.assert_array_equal(one, other)


def test_arrays_without_vectors_are_made_anew(tmp_path: Path, passage) -> None:
    encoder = load_encoder("minilm-tokens", device="cpu", cache=tmp_path / "t.sqlite")
    wordless = passage("")
    VectorCache(tmp_path / "t.sqlite").put({passage_key(encoder.info, wordless): np.empty((0, 384), np.float32)})
    assert encoder.encode_passages([wordless])[0].shape == (2, 384)


def test_the_key_changes_with_content_and_encoder_but_not_with_place(passage) -> None:
    info = MiniLM(device="cpu").info
    base = passage("text", 0)
    key = passage_key(info, base)
    moved = replace(base.parts[1], image=replace(base.parts[1].image, path="elsewhere.pdf"))
    assert passage_key(info, replace(base, parts=(base.parts[0], moved))) == key
    assert passage_key(replace(info, dtype="other"), base) == key
    others = [
        passage_key(replace(info, revision="other"), base),
        passage_key(replace(info, calling="other"), base),
        passage_key(info, passage("text", 1)),
        passage_key(info, passage("texts", 0)),
        passage_key(info, passage("text", 0, heading=("Title",))),
        passage_key(info, replace(base, document_id="other")),
    ]
    assert len({key, *others}) == 7


def test_vectors_of_the_embedded_encoder_keep_their_key(passage) -> None:
    info = MiniLM(device="cpu").info
    assert (info.name, info.revision) == ("minilm", WEIGHTS_SHA256)
    assert passage_key(info, passage("text")).hex().startswith("e5328367858f80b9")


def test_vectors_made_under_another_instruction_are_not_served(tiny_qwen3_vl, tmp_path: Path, passage) -> None:
    folder = tiny_qwen3_vl.save(tmp_path / "model")

    def encode(instruction: str, cache: Path | None) -> np.ndarray:
        (folder / OPTIONS_FILE).write_text(json.dumps({"passage_instruction": instruction}))
        encoder = load_encoder(str(folder), device="cpu", dtype="float32", cache=cache)
        return encoder.encode_passages([passage("a circle")])

    encode("Represent the text.", tmp_path / "v.sqlite")
    np.testing.assert_array_equal(encode("Sing it.", tmp_path / "v.sqlite"), encode("Sing it.", None))


def test_another_kind_of_file_is_named_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but somebody's notes " * 50)
    with pytest.raises(MmrankError, match=r"notes\.txt is not a cache"):
        VectorCache(path)
    assert path.read_text().startswith("not a database")
