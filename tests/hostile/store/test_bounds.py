"""What is stored costs a bounded amount, and files that change under a reader do not end it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest

from mmrank.errors import InputError, MmrankError
from mmrank.index import EncoderIdentity, Store, repair, verify
from mmrank.index import vector_index as vector_module
from mmrank.index.vector_index import VectorIndex, build

BOMB = zlib.compress(b" " * (256 << 20))


@pytest.mark.parametrize("table", ["documents", "pages", "passages"])
def test_a_body_that_unpacks_to_gigabytes_is_refused(collection, change, read, table):
    change(collection, (f"UPDATE {table} SET body = ?", (BOMB,)))
    with pytest.raises(MmrankError, match="unpacks to more than"):
        read(collection)


def test_a_segment_that_is_cut_while_it_is_mapped_is_named_by_the_next_search(collection):
    with Store.open(collection, read_only=True) as store:
        store.snapshot().search_lexical("word1", 5)
        for place in (collection / "segments").iterdir():
            os.truncate(place, 100)
        with pytest.raises(MmrankError, match="was cut while it was in use"):
            store.snapshot()


def test_segments_that_are_read_can_be_cut_at_any_moment(collection):
    code = (
        "import os, sys, numpy as np\nfrom pathlib import Path\nfrom mmrank.index import Store\n"
        "store = Store.open(sys.argv[1], read_only=True)\nstore.mapped = False\n"
        "snapshot = store.snapshot()\n"
        "for place in Path(sys.argv[1], 'segments').iterdir(): os.truncate(place, 10)\n"
        "assert snapshot.search_lexical('word1', 5)\n"
        "assert snapshot.search_dense(np.ones(16, np.float32), 5)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(collection)], capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr


def test_a_catalog_that_is_cut_under_a_reader_is_an_error(collection):
    with Store.open(collection, read_only=True) as store, store.snapshot() as snapshot:
        os.truncate(collection / "catalog.sqlite3", 8192)
        with pytest.raises(MmrankError):
            snapshot.documents()


@pytest.mark.parametrize("harm", ["byte", "note", "link", "folder", "another"])
def test_an_index_that_was_changed_is_not_read(tmp_path, monkeypatch, harm):
    monkeypatch.setenv("MMRANK_CACHE", str(tmp_path / "account"))
    vectors = np.random.default_rng(0).normal(size=(500, 16)).astype(np.float32)
    place = tmp_path / "00000001-passage-00000000.faiss"
    build(vectors, "HNSW8").save(place)
    assert VectorIndex.load(place, 500) is not None
    data = bytearray(place.read_bytes())
    if harm in ("byte", "note"):
        data[len(data) // 2] ^= 1
        place.write_bytes(data)
    if harm == "note":  # with a note that fits it
        note = json.loads(place.with_suffix(".json").read_text())
        note["sha256"] = hashlib.sha256(data).hexdigest()
        place.with_suffix(".json").write_text(json.dumps(note))
    if harm == "link":
        place.rename(tmp_path / "elsewhere")
        place.symlink_to(tmp_path / "elsewhere")
    if harm == "folder":
        place.unlink()
        place.mkdir()
    if harm == "another":
        monkeypatch.setenv("MMRANK_CACHE", str(tmp_path / "another account"))
    monkeypatch.setattr(vector_module, "load_faiss", None)  # not even looked at
    assert VectorIndex.load(place, 500) is None
    assert harm in ("byte", "link", "folder") or VectorIndex.factory_of(place) is None


def test_writing_an_index_follows_no_link(tmp_path):
    vectors = np.random.default_rng(0).normal(size=(100, 16)).astype(np.float32)
    (tmp_path / "letter.txt").write_text("dear")
    place = tmp_path / "00000001-passage-00000000.faiss"
    for kind in (".faiss", ".json"):
        place.with_suffix(kind).symlink_to(tmp_path / "letter.txt")
    build(vectors, "HNSW8").save(place)
    assert (tmp_path / "letter.txt").read_text() == "dear"
    assert not place.is_symlink() and not place.with_suffix(".json").is_symlink()


@pytest.mark.parametrize("now", [float("nan"), float("inf"), -5.0, 9e11])
def test_a_clock_that_is_wrong_is_one_sentence(collection, add, monkeypatch, now):
    monkeypatch.setattr(time, "time", lambda: now)
    with pytest.raises(MmrankError, match="the clock of this machine"):
        add(collection, "new")
    monkeypatch.undo()
    assert verify(collection) == []


@pytest.mark.parametrize("wait", [float("nan"), -1.0])
def test_a_wait_that_is_no_time_is_refused(collection, wait):
    with pytest.raises(InputError, match="a wait is"), Store.open(collection).write(wait=wait):
        pass


def test_a_wait_for_ever_is_a_long_one(collection):
    with Store.open(collection).write(wait=float("inf")):
        pass


def test_segments_whose_numbers_lead_nowhere_are_named(tmp_path, collection, refused, change):
    """Every number in every segment is set to extremes, with checksums that fit."""
    import shutil

    for value in (-1, 2**31 - 1):
        for place in sorted((collection / "segments").iterdir()):
            trial = Path(shutil.copytree(collection, tmp_path / "trial"))
            file = trial / "segments" / place.name
            data = bytearray(file.read_bytes())
            header = json.loads(data[8:1024])
            for name, entry in header.items():
                if name not in ("vectors", "terms", "__metadata__"):
                    begin, end = (1024 + at for at in entry["data_offsets"])
                    width = {"I64": 8, "I32": 4, "U16": 2, "F32": 4}[entry["dtype"]]
                    filler = (value & (256**width - 1)).to_bytes(width, "little")
                    data[begin:end] = filler * ((end - begin) // width)
            checksum = hashlib.sha256(data[1024:]).hexdigest()
            header["__metadata__"]["sha256"] = checksum
            data[8:1024] = json.dumps(header, separators=(",", ":")).encode().ljust(1016)
            file.write_bytes(data)
            change(trial, ("UPDATE segments SET checksum = ? WHERE file = ?", (checksum, place.name)))
            said = refused(trial)
            assert said["verify"], place.name
            assert verify(trial) == [] or repair(trial)
            shutil.rmtree(trial)


def test_vectors_of_another_dimension_than_the_encoders_are_named(collection, change, read):
    import dataclasses

    encoder = dataclasses.asdict(EncoderIdentity("tiny", "0123456789abcdef", 8))
    text = json.dumps(encoder, sort_keys=True)
    crc = zlib.crc32(f"encoder={text}".encode())
    change(collection, ("UPDATE properties SET value = ?, crc = ? WHERE key = 'encoder'", (text, crc)))
    with pytest.raises(MmrankError, match="contradicts the rest"):
        read(collection)


def test_prepared_arrays_that_lead_outside_themselves_are_not_used() -> None:
    from mmrank.retrieve.array_checks import fit_together
    from mmrank.retrieve.prepared import prepare
    from mmrank.types import BBox, Document, Element, ElementKind, Page

    box = BBox(0, 0, 1, 1)
    page = Page(0, 10, 10, (Element("p0e0", ElementKind.TEXT, 0, box, "net sales of 2019"),))
    arrays = prepare(Document(id="a", name="a", path="a", pages=(page,), passages=()))
    assert fit_together(arrays)
    for name, array in arrays.items():
        if array.dtype.kind in "iu" and name not in ("texts", "labels", "handles", "vocabulary", "keys", "kinds"):
            if name in ("page_frequency", "passage_counts", "passage_lengths") or not len(array):
                continue
            assert not fit_together({**arrays, name: np.full(len(array), -7, np.int64)}), name
        assert not fit_together({key: held for key, held in arrays.items() if key != "kinds"})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labels", "[]"),
        ("labels", "[7]"),
        ("labels", '{"0": "1"}'),
        ("labels", "[" * 100_000),
        ("labels", '["\\u0031"'),
        ("handles", "[]"),
        ("handles", '{"figure 1": "p0e0"}'),
        ("handles", '{"figure 1": [0]}'),
        ("vocabulary", "one\nword\ntoo\nmany\nfor\nthe\nkeys"),
    ],
)
def test_prepared_text_of_another_form_is_not_used(name: str, text: str) -> None:
    from mmrank.retrieve.array_checks import fit_together
    from mmrank.retrieve.prepared import prepare
    from mmrank.types import BBox, Document, Element, ElementKind, Page

    page = Page(0, 10, 10, (Element("p0e0", ElementKind.TEXT, 0, BBox(0, 0, 1, 1), "net sales"),))
    arrays = prepare(Document(id="a", name="a", path="a", pages=(page,), passages=()))
    assert not fit_together({**arrays, name: np.frombuffer(text.encode(), np.uint8)})
    assert not fit_together({**arrays, name: np.array([255, 255], np.uint8)})


def test_a_prepared_page_text_that_does_not_unpack_is_an_error_in_words() -> None:
    from mmrank.retrieve.document_arrays import DocumentArrays
    from mmrank.retrieve.prepared import prepare
    from mmrank.types import BBox, Document, Element, ElementKind, Page

    page = Page(0, 10, 10, (Element("p0e0", ElementKind.TEXT, 0, BBox(0, 0, 1, 1), "net sales"),))
    arrays = prepare(Document(id="a", name="a", path="a", pages=(page,), passages=()))
    spoilt = DocumentArrays({**arrays, "texts": np.zeros_like(arrays["texts"])})
    with pytest.raises(MmrankError, match="page 1 is damaged"):
        spoilt.text(0)
