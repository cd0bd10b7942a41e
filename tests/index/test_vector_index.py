"""FAISS indexes of large segments: built, cached, filtered, chosen by name."""

from __future__ import annotations

import json
import types

import numpy as np
import pytest

from mmrank.errors import InputError, MmrankError
from mmrank.index import Filter, Store, repair, verify
from mmrank.index import vector_index as vector_module
from mmrank.index.vector_index import VectorIndex, build, default_factory


@pytest.fixture
def small(monkeypatch):
    """Segments of a hundred rows count as large."""
    import mmrank.index.writer

    for module in (vector_module, mmrank.index.writer):
        monkeypatch.setattr(module, "SCANNED", 100)
    for limit in ("HALVED", "GATHERED"):
        monkeypatch.setattr(vector_module, limit, 100)


def fill(store, make_document, vectors, step=10):
    with store.write() as writer:
        for begin in range(0, len(vectors), step):
            block = vectors[begin : begin + step]
            document = make_document(
                f"k{begin // step}", ["w"] * len(block), f"{begin // step % 4}/{begin // step}.pdf"
            )
            writer.put(document, block, block[:2])


@pytest.mark.parametrize(
    "factory", ["HNSW16", "IVF16,Flat", "IVF16,SQ8", "IVF16,PQ8x4", "SQ8", "PCA14,IVF8,SQ8", "Flat"]
)
def test_any_factory_finds_the_nearest_with_exact_scores_filters_and_deletes(
    tmp_path, encoder, make_document, unit_vectors, small, factory
):
    vectors = unit_vectors(3000)
    store = Store.create(tmp_path / "library", encoder=encoder, index=factory)
    fill(store, make_document, vectors)
    caches = list((store.path / "cache").glob("*.faiss"))
    assert len(caches) == (0 if factory == "Flat" else 2)
    with store.write() as writer:
        for at in range(0, 300, 3):
            writer.remove(make_document(f"k{at}", []).id)
    snapshot = store.snapshot()
    alive = np.array([at // 10 % 3 != 0 for at in range(3000)])
    inside = np.array([at // 10 % 4 == 1 for at in range(3000)])
    numbers = {make_document(f"k{at}", []).id: at for at in range(300)}
    for where, keep in ((None, alive), (Filter(folder="1"), alive & inside)):
        hits = 0
        for query in unit_vectors(40, seed=5):
            truth = np.where(keep, vectors @ query, -9)
            found = snapshot.search_dense(query, 10, where=where)
            rows = [numbers[match.document_id] * 10 + (match.position or 0) for match in found]
            assert keep[rows].all()
            assert len(set(rows)) == 10
            np.testing.assert_allclose([match.score for match in found], truth[rows], atol=1e-5)
            hits += len(set(rows) & set(np.argsort(-truth)[:10].tolist()))
        assert hits / 400 > (0.75 if "P" in factory else 0.9)
    assert verify(store.path) == []


def test_an_index_is_used_by_another_process_and_rebuilt_when_it_is_lost(
    tmp_path, encoder, make_document, unit_vectors, small
):
    vectors = unit_vectors(1000)
    store = Store.create(tmp_path / "library", encoder=encoder, index="HNSW16")
    fill(store, make_document, vectors)
    cache = next(file for file in sorted((store.path / "cache").glob("*.faiss")) if "passage" in file.name)
    again = Store.open(store.path, read_only=True)
    assert again.snapshot().search_dense(vectors[7], 1)[0].score > 0.999
    assert VectorIndex.load(cache, 1000) is not None
    cache.write_bytes(cache.read_bytes()[:-100])
    assert VectorIndex.load(cache, 1000) is None
    assert Store.open(store.path).snapshot().search_dense(vectors[7], 1)[0].score > 0.999
    assert [problem.kind for problem in verify(store.path)] == ["cache"]
    repair(store.path)
    assert verify(store.path) == []
    assert VectorIndex.load(cache, 1000) is not None


def test_a_flipped_bit_in_a_cached_index_is_found_and_repaired(tmp_path, encoder, make_document, unit_vectors, small):
    store = Store.create(tmp_path / "library", encoder=encoder, index="HNSW16")
    fill(store, make_document, unit_vectors(500))
    cache = sorted((store.path / "cache").glob("*passage*.faiss"))[0]
    data = bytearray(cache.read_bytes())
    data[len(data) // 2] ^= 1
    cache.write_bytes(data)
    assert [problem.file for problem in verify(store.path)] == [f"cache/{cache.name}"]
    repair(store.path)
    assert verify(store.path) == []


def test_compaction_can_change_the_index(tmp_path, encoder, make_document, unit_vectors, small):
    store = Store.create(tmp_path / "library", encoder=encoder, index="HNSW16")
    fill(store, make_document, unit_vectors(500))
    store.compact(index="IVF8,Flat")
    notes = [json.loads(note.read_text())["factory"] for note in (store.path / "cache").glob("*.json")]
    assert set(notes) == {"IVF8,Flat"}
    fill_more = unit_vectors(500, seed=9)
    with store.write() as writer:
        writer.put(make_document("more", ["w"] * 500), fill_more, fill_more[:1])
    assert store.snapshot().search_dense(fill_more[3], 1)[0].score > 0.999


def test_an_index_that_cannot_be_trained_is_an_error_that_names_it_and_changes_nothing(
    tmp_path, encoder, make_document, unit_vectors, small
):
    store = Store.create(tmp_path / "library", encoder=encoder, index="IVF1000,Flat")
    with pytest.raises(InputError, match="IVF1000,Flat"):
        fill(store, make_document, unit_vectors(500))
    assert store.snapshot().documents() == []
    assert verify(store.path) == []


def test_the_index_follows_the_size():
    assert default_factory(1_000, 384) == "Flat"
    assert default_factory(60_000, 384) == "SQfp16"
    assert default_factory(100_000, 384) == "HNSW32"
    assert default_factory(1_000_000, 384) == "IVF4096,SQ8"
    assert default_factory(100_000_000, 384).endswith("PQ96")


def test_the_effort_is_set_for_the_recall_that_was_asked_for(unit_vectors):
    vectors = unit_vectors(20_000, dimension=32)
    index = build(vectors, "IVF128,Flat")
    queries = unit_vectors(50, seed=3, dimension=32)
    _, found = index.search(queries, 10)
    truth = np.argsort(-(queries @ vectors.T), axis=1)[:, :10]
    recall = np.mean([len(set(a.tolist()) & set(b.tolist())) / 10 for a, b in zip(found, truth, strict=True)])
    assert 8 <= index.effort < 128
    assert recall > 0.85


class StandInForGpu:
    """FAISS's GPU functions, on the CPU: says how many GPUs there are, keeps what was copied, refuses as FAISS does."""

    KINDS = ("IndexFlat", "IndexFlatIP", "IndexIVFFlat", "IndexIVFScalarQuantizer", "IndexIVFPQ")

    def __init__(self, faiss, gpus):
        self.copies = []
        self.full = False
        self._faiss = faiss
        self._gpus = gpus

    def __getattr__(self, name):
        return getattr(self._faiss, name)

    def get_num_gpus(self):
        return self._gpus

    def GpuMultipleClonerOptions(self):  # noqa: N802 - FAISS's name
        return types.SimpleNamespace(shard=False, use_cuvs=True, useFloat16=False)

    def index_cpu_to_all_gpus(self, index, co):
        assert co.shard
        kind = type(index).__name__
        if kind not in self.KINDS or (kind == "IndexIVFPQ" and index.pq.nbits != 8):
            raise RuntimeError("This index type is not implemented on GPU.")
        if co.use_cuvs and kind == "IndexIVFScalarQuantizer":
            raise RuntimeError("this type of index is not implemented for cuVS")
        if self.full:
            raise RuntimeError("StandardGpuResources: alloc fail: out of memory")
        self.copies.append(self._faiss.clone_index(index))
        return self.copies[-1]


@pytest.fixture
def gpus(monkeypatch):
    """Two GPUs."""
    import faiss

    from mmrank.index import faiss_gpu

    stand_in = StandInForGpu(faiss, 2)
    monkeypatch.setattr(faiss_gpu, "load_faiss", lambda: stand_in)
    return stand_in


def test_the_effort_is_tuned_and_kept_where_there_are_gpus(tmp_path, unit_vectors, monkeypatch, gpus):
    """Only the way there is tested: what is built, copied and asked, not FAISS's own kernels."""
    vectors, queries = unit_vectors(5000), unit_vectors(20, seed=1)
    built = build(vectors, "IVF64,Flat")
    with monkeypatch.context() as without:
        without.setattr(gpus, "_gpus", 0)
        plain = build(vectors, "IVF64,Flat")
    assert 8 <= built.effort == plain.effort < 64
    built.save(tmp_path / "i.faiss")
    loaded = VectorIndex.load(tmp_path / "i.faiss", 5000)
    assert [copy.nprobe for copy in gpus.copies] == [plain.effort]
    for keep in (None, np.arange(5000) % 2 == 0):  # GPUs take no selector
        for expected, found in zip(plain.search(queries, 5, keep), loaded.search(queries, 5, keep), strict=True):
            np.testing.assert_array_equal(found, expected)
    loaded.effort = 3
    assert gpus.copies[-1].nprobe == loaded.effort == 3
    plain.effort = 3
    np.testing.assert_array_equal(loaded.search(queries, 5)[1], plain.search(queries, 5)[1])


@pytest.mark.parametrize(
    ("factory", "copies"),
    [
        ("Flat", 1),
        ("IVF8,Flat", 1),
        ("IVF8,SQ8", 1),
        ("IVF8,PQ8np", 1),  # "np" leaves out the ordering of centroids, which takes long and changes no answer here
        ("IVF8,PQ8x4fs", 0),
        ("IVF8,PQ8x4", 0),
        ("IVF8,FlatDedup", 0),
        ("IVF8_HNSW4,Flat", 0),
        ("PCA8,IVF8,Flat", 0),
        ("SQ8", 0),
        ("HNSW8", 0),
    ],
)
def test_kinds_without_a_gpu_form_stay_on_the_cpu(tmp_path, unit_vectors, gpus, factory, copies):
    vectors = unit_vectors(500)
    build(vectors, factory).save(tmp_path / "i.faiss")
    loaded = VectorIndex.load(tmp_path / "i.faiss", 500)
    assert len(gpus.copies) == copies
    assert loaded.search(vectors[:3], 5)[1].shape == (3, 5)


def test_the_default_index_has_a_gpu_form_at_every_size_that_wants_one(unit_vectors, gpus):
    from mmrank.index.faiss_gpu import has_gpu_form

    for rows in (1_000_000, 100_000_000):
        name = default_factory(rows, 384).partition(",")[2]
        assert has_gpu_form(gpus.downcast_index(gpus.index_factory(384, f"IVF8,{name}", gpus.METRIC_INNER_PRODUCT)))


def test_a_search_too_large_for_a_gpu_is_done_by_the_cpu(unit_vectors, gpus, monkeypatch):
    vectors = unit_vectors(3000)
    index = build(vectors, "Flat")
    index.use_gpus()
    monkeypatch.setattr(index._gpu, "search", lambda *_: pytest.fail("asked of the GPU"))
    assert index.search(vectors[:1], 2500)[1].shape == (1, 2500)


def test_an_index_that_does_not_fit_on_the_gpus_says_what_to_do(tmp_path, unit_vectors, gpus):
    build(unit_vectors(500), "IVF8,Flat").save(tmp_path / "i.faiss")
    gpus.full = True
    with pytest.raises(MmrankError, match=r"out of memory.*CUDA_VISIBLE_DEVICES"):
        VectorIndex.load(tmp_path / "i.faiss", 500)


def test_a_scan_in_half_precision_finds_what_a_whole_one_does(
    tmp_path, encoder, make_document, unit_vectors, monkeypatch
):
    monkeypatch.setattr(vector_module, "HALVED", 100)
    vectors = unit_vectors(2000)
    vectors[1500:1510] = vectors[:10]  # equal scores come in the order of the rows
    store = Store.create(tmp_path / "library", encoder=encoder)
    fill(store, make_document, vectors)
    with store.write() as writer:
        writer.remove(make_document("k3", []).id)
    store.compact()
    assert len(list((store.path / "cache").glob("*.faiss"))) == 2
    queries = [*vectors[:20], *unit_vectors(20, seed=5)]
    with store.snapshot() as snapshot:
        whole = [snapshot.search_dense(queries[0], 50)]  # the first question of a process is answered without it
    loaded = []
    load = VectorIndex.load
    monkeypatch.setattr(VectorIndex, "load", lambda *given: loaded.append(given[0]) or load(*given))
    with store.snapshot() as snapshot:
        halved = [snapshot.search_dense(query, 50) for query in queries]
    assert len(loaded) == 1
    for path in (store.path / "cache").iterdir():
        path.unlink()
    with Store.open(store.path).snapshot() as snapshot:
        whole += [snapshot.search_dense(query, 50) for query in queries]
    assert halved == whole[1:]
    assert halved[0] == whole[0]
