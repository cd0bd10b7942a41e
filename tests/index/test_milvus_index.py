"""A collection in Milvus is given another index: the same hits, and nothing lost where it is cut off."""

from __future__ import annotations

import pytest

from mmrank.errors import InputError
from mmrank.index import MilvusStore, milvus_index


def kind(store: MilvusStore) -> str:
    """What Milvus says."""
    name = f"{store._server.name}_passages"
    [index] = store._server.call("list_indexes", name, "vector")
    return str(store._server.call("describe_index", name, index)["index_type"])


def best(store: MilvusStore, vectors_of) -> list[tuple[str, int]]:
    with store.snapshot() as snapshot:
        return [(match.document_id, match.position) for match in snapshot.search_dense(vectors_of("camel", 1)[0], 18)]


def test_compaction_changes_the_index(shared, tmp_path, vectors_of):
    before = best(shared, vectors_of)
    shared.compact("IVF_FLAT")
    assert kind(shared) == "IVF_FLAT"
    assert best(shared, vectors_of) == before
    with MilvusStore.attach(tmp_path / "far", uri=shared.uri, name=shared._server.name) as far:
        assert far.snapshot().index_factory() == shared.snapshot().index_factory() == "IVF_FLAT"
        far.compact("auto")
        assert far.snapshot().index_factory() == "AUTOINDEX"


def test_an_index_that_milvus_does_not_know_changes_nothing(shared, vectors_of):
    before = best(shared, vectors_of)
    with pytest.raises(InputError, match="is no index of Milvus"):
        shared.compact("IVF8,Flat")
    if not shared.uri.endswith(".db"):  # Milvus Lite takes any name
        with pytest.raises(InputError, match="keeps the index it has"):
            shared.compact("NOSUCH")
    assert kind(shared) == "FLAT" and best(shared, vectors_of) == before
    assert not shared._server.call("has_collection", f"{shared._server.name}_{milvus_index.TRIAL}")


def test_a_change_that_was_cut_off_is_finished_by_whoever_opens_it(shared, monkeypatch, vectors_of):
    before = best(shared, vectors_of)

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(milvus_index, "put_index", fail)
        with pytest.raises(KeyboardInterrupt):
            shared.compact("IVF_FLAT")
    with MilvusStore.open(shared.path) as again:
        assert kind(again) == "IVF_FLAT" and best(again, vectors_of) == before
        assert not again._server.said(milvus_index.REINDEXING)
