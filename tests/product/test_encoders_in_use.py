"""Encoders as collections use them: token vectors, pictures as questions, documents without a passage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pymupdf
import pytest
from PIL import Image
from tiny_models import Tiny

import mmrank
from mmrank.encoders import load_encoder
from mmrank.encoders.minilm import MiniLM, MiniLMTokens
from mmrank.encoders.query_adapter import load_query_adapter
from mmrank.errors import InputError
from mmrank.index import Snapshot
from mmrank.types import ImageRef, Query

FACTS = ("Cranes fly south in October.", "The bakery opens at seven.", "Salt lowers the freezing point of water.")


def pdf(path: Path, *pages: str) -> Path:
    with pymupdf.open() as file:
        for text in pages:
            page = file.new_page()
            if text:
                page.insert_text((72, 100), text)
        file.save(path)
    return path


def test_a_blank_document_is_listed_and_costs_the_others_nothing(tmp_path: Path) -> None:
    pdf(tmp_path / "a-blank.pdf", "")
    pdf(tmp_path / "b-good.pdf", *FACTS)
    for encoder in ("minilm", "minilm-tokens"):
        with mmrank.Collection.create(tmp_path / f"{encoder}.mmrank", encoder=encoder) as library:
            report = library.add(tmp_path / "a-blank.pdf", tmp_path / "b-good.pdf")
            assert report.ok and sorted(report.added) == ["a-blank.pdf", "b-good.pdf"]
            assert [hit.document for hit in library.search("When do cranes fly south?", k=1)] == ["b-good.pdf"]
            assert len(library.rank_document("a-blank.pdf", "cranes").order()) == 1


def test_a_document_that_cannot_be_encoded_is_named_and_the_others_are_in(tmp_path: Path) -> None:
    class Picky(MiniLM):
        def encode_passages(self, passages):
            passages = list(passages)
            if any("bakery" in passage.text for passage in passages):
                raise InputError("no bakeries")
            return super().encode_passages(passages)

    (tmp_path / "a.md").write_text(FACTS[1])
    (tmp_path / "b.md").write_text(FACTS[0])
    with mmrank.Collection.create(tmp_path / "c.mmrank", encoder=Picky()) as library:
        report = library.add(tmp_path / "a.md", tmp_path / "b.md")
        assert report.added == ["b.md"] and report.failed == {"a.md": "no bakeries"}


def test_token_vectors_decide_the_score_of_a_passage(tmp_path: Path) -> None:
    pdf(tmp_path / "facts.pdf", *FACTS)
    encoder = MiniLMTokens(MiniLM())
    question = "What happens to water with salt?"
    [asked] = encoder.encode_queries([Query(question)])
    with mmrank.Collection.create(tmp_path / "c.mmrank", encoder=encoder) as library:
        library.add(tmp_path / "facts.pdf")
        ranking = library.rank_document("facts.pdf", question)
        passages = library.document("facts.pdf").passages
        exact = [float((asked @ tokens.T).max(1).mean()) for tokens in encoder.encode_passages(passages)]
        np.testing.assert_allclose(ranking.pool.similarities(ranking.question.vector), exact, atol=0.01)  # int8 stored
        assert library.search(question, k=1)[0].page == 2


def test_a_search_asks_the_store_for_token_vectors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pdf(tmp_path / "facts.pdf", *FACTS)
    asked = []
    score = Snapshot.score_tokens
    monkeypatch.setattr(
        Snapshot, "score_tokens", lambda self, query, places, **more: asked.append(places) or score(self, query, places)
    )
    with mmrank.Collection.create(tmp_path / "c.mmrank", encoder="minilm-tokens") as library:
        library.add(tmp_path / "facts.pdf")
        library.search("cranes")
    assert [len(places) for places in asked] == [3]


def test_token_pooling_stores_fewer_and_finds_the_same(tmp_path: Path) -> None:
    pdf(tmp_path / "facts.pdf", *FACTS)
    counts = []
    for factor in (1, 3):
        path = tmp_path / f"{factor}.mmrank"
        with mmrank.Collection.create(path, encoder="minilm-tokens", token_pooling=factor) as library:
            library.add(tmp_path / "facts.pdf")
            with library.store.snapshot() as snapshot:
                identifier = library.record("facts.pdf").id
                counts.append(sum(map(len, snapshot.token_vectors(identifier))))
            assert library.search("When do cranes fly south?", k=1)[0].page == 0
    assert counts[1] <= counts[0] / 2


@pytest.mark.parametrize(("merge", "vectors"), [("mean", 1), ("length", 1), ("kmeans", 2)])
def test_the_merging_is_chosen_when_a_collection_is_made(tmp_path: Path, merge: str, vectors: int) -> None:
    pdf(tmp_path / "facts.pdf", *FACTS)
    with mmrank.Collection.create(tmp_path / "c.mmrank", merge=merge, merge_vectors=2) as library:
        library.add(tmp_path / "facts.pdf")
        with library.store.snapshot() as snapshot:
            assert len(snapshot.document_vectors(library.record("facts.pdf").id)) == vectors
        assert library.search("When do cranes fly south?", k=1)[0].page == 0


def test_a_collection_opens_in_another_precision(tmp_path: Path) -> None:
    pdf(tmp_path / "facts.pdf", *FACTS)
    with mmrank.Collection.create(tmp_path / "c.mmrank", dtype="float32") as library:
        library.add(tmp_path / "facts.pdf")
        assert library.encoder.info.dtype == library.store.encoder.dtype == "float32"
    with mmrank.Collection.open(tmp_path / "c.mmrank", dtype="bfloat16") as library:
        assert library.search("When do cranes fly south?", k=1)[0].page == 0
        assert library.encoder.info.dtype == "bfloat16"


def test_a_picture_alone_is_a_question_where_the_encoder_sees(tmp_path: Path, tiny_qwen3_vl: Tiny) -> None:
    folder = tiny_qwen3_vl.save(tmp_path / "tiny")
    encoder = load_encoder(str(folder), dtype="float32", device="cpu", max_tokens=200, max_pixels=3200)
    picture = tmp_path / "red.png"
    Image.new("RGB", (64, 64), "red").save(picture)
    pdf(tmp_path / "facts.pdf", *FACTS)
    with mmrank.Collection.create(tmp_path / "c.mmrank", encoder=encoder) as library:
        library.add(tmp_path / "facts.pdf")
        hits = library.search(Query("", ImageRef(str(picture), 0)), k=3)
        assert {hit.page for hit in hits} == {0, 1, 2}
    with mmrank.Collection.create(tmp_path / "blind.mmrank") as library:
        library.add(tmp_path / "facts.pdf")
        with pytest.raises(InputError, match="reads no pictures"):
            library.search(Query("", ImageRef(str(picture), 0)))


def test_a_collection_is_asked_with_or_without_it_and_holds_the_same(library_path: Path) -> None:
    encoder = MiniLM(dtype="float32")
    text = "How much was the total revenue in 2019?"
    plain = encoder.encode_queries([Query(text)])[0]
    found = {}
    for chosen in ("auto", "none"):
        with mmrank.Collection.open(library_path, read_only=True, query_adapter=chosen, dtype="float32") as opened:
            found[chosen] = opened.understand(text).vector
    assert found["none"] == pytest.approx(plain, abs=1e-6)
    adapter = load_query_adapter("auto", encoder.info)
    assert adapter is not None
    assert found["auto"] == pytest.approx(adapter(plain[None])[0], abs=1e-6)
    assert 0.5 < found["auto"] @ found["none"] < 0.999
