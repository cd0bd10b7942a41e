"""What a store of elsewhere or of before takes: exports and imports, repair, earlier formats."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from mmrank.errors import InputError, MmrankError
from mmrank.index import Store, verify


def test_a_collection_can_be_exported_and_imported(store, put, tmp_path, vectors_of, encoder):
    from mmrank.index import export_archive, import_archive

    documents = [put(store, f"k{at}", [f"word{at}"]) for at in range(12)]
    with store.write() as writer:
        writer.remove(documents[0].id)
    export_archive(store, tmp_path / "library.tar")
    copy = import_archive(tmp_path / "library.tar", tmp_path / "copy", encoder=encoder)
    assert verify(copy.path) == []
    for at in (1, 11):
        assert copy.snapshot().document(documents[at].id) == documents[at]
        assert copy.snapshot().search_dense(vectors_of(f"k{at}", 1)[0], 1)[0].document_id == documents[at].id
    assert copy.snapshot().search_lexical("word0", 1) == []
    put(copy, "more", ["new"])


def test_a_damaged_export_is_refused_and_leaves_nothing(store, put, tmp_path):
    from mmrank.index import export_archive, import_archive

    put(store, "a", ["x"])
    file = tmp_path / "library.tar"
    export_archive(store, file)
    data = bytearray(file.read_bytes())
    data[data.index(b"\x00__metadata__") if b"\x00__metadata__" in data else len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(MmrankError, match=r"library\.tar"):
        import_archive(file, tmp_path / "copy")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["library.mmrank", "library.tar"]


@pytest.mark.parametrize("folder", ["segments", "cache"])
def test_a_lost_folder_is_made_again_by_repair(store, put, folder):
    from mmrank.index import repair

    put(store, "a", ["x"])
    with store.write() as writer:
        writer.remove(store.snapshot().documents()[0].id)
    put(store, "b", ["y"])
    (store.path / "HEAD").unlink()
    shutil.rmtree(store.path / folder)
    report = repair(store.path)
    assert report.lost == (("b.pdf",) if folder == "segments" else ())
    assert verify(store.path) == []
    put(Store.open(store.path), "c", ["z"])


def test_an_export_shows_one_version_while_a_writer_goes_on(store, put, tmp_path):
    from mmrank.index import export_archive, import_archive

    put(store, "a", ["x"])
    snapshot = store.snapshot()
    put(store, "b", ["y"])
    snapshot.copy_catalog(tmp_path / "copy.sqlite3")
    names = sqlite3.connect(tmp_path / "copy.sqlite3").execute("SELECT name FROM documents").fetchall()
    assert names == [("a.pdf",)]
    export_archive(store, tmp_path / "library.tar")
    assert len(import_archive(tmp_path / "library.tar", Path(tmp_path / "c")).snapshot().documents()) == 2


def test_a_collection_of_an_earlier_format_is_named_and_can_be_brought_up_to_date(store, put, monkeypatch):
    from mmrank.index import catalog, repair, schema

    document = put(store, "a", ["antelope"])
    altered = schema.TABLES[schema.TABLES.index("CREATE TABLE pages") :].partition(";")[0]
    changed = altered.replace("PRIMARY KEY", "note TEXT, PRIMARY KEY")
    monkeypatch.setattr(schema, "OPTIONAL", (*schema.OPTIONAL, changed, "CREATE TABLE news (x)"))
    monkeypatch.setattr(catalog, "FORMAT", 2)
    monkeypatch.setattr(catalog, "MIGRATIONS", {1: "ALTER TABLE pages ADD COLUMN note TEXT; CREATE TABLE news (x)"})
    with pytest.raises(InputError, match=r"format 1.*mmrank repair"):
        Store.open(store.path)
    repair(store.path)
    migrated = Store.open(store.path)
    assert migrated.snapshot().documents()[0].id == document.id
    assert migrated.snapshot()._rows("SELECT count(*) FROM news") == [(0,)]
    monkeypatch.setattr(catalog, "FORMAT", 3)
    with pytest.raises(InputError, match="cannot bring up to date"):
        repair(store.path)


def test_a_collection_that_still_has_the_table_extras_is_read_written_and_repaired(store, put):
    from mmrank.index import repair

    kept = put(store, "a", ["antelope"])
    with sqlite3.connect(store.path / "catalog.sqlite3") as catalog:  # as mmrank made it until this table was dropped
        catalog.execute(
            "CREATE TABLE extras (document INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,"
            " name TEXT NOT NULL, body BLOB NOT NULL, crc INTEGER NOT NULL, PRIMARY KEY (document, name))"
        )
        catalog.execute("INSERT INTO extras SELECT number, 'note', x'00', 0 FROM documents")
    catalog.close()
    gone = put(store, "b", ["badger"])
    with store.write() as writer:
        writer.remove(gone.id)
    (store.path / "HEAD").unlink()
    assert [problem.kind for problem in repair(store.path).problems] == ["head"]
    assert verify(store.path) == []
    with Store.open(store.path) as opened, opened.snapshot() as snapshot:
        assert snapshot.document(kept.id) == kept
