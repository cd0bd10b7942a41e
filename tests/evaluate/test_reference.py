from pathlib import Path

import numpy as np
import pymupdf
import pytest

from mmrank.errors import InputError, MmrankError
from mmrank.evaluate import evaluate
from mmrank.evaluate.mmdocir import load_mmdocir
from mmrank.evaluate.plain_text import PlainReader
from mmrank.evaluate.reference import ReferenceSystem

MMDOCIR = Path(__file__).parents[2].parent / "shared" / "mmdocir"


def scanned(path: Path, text: str) -> Path:
    """A page that is only a picture of its text."""
    with pymupdf.open() as drawn, pymupdf.open() as file:
        drawn.new_page(width=400, height=200).insert_text((30, 80), text, fontsize=22)
        page = file.new_page(width=400, height=200)
        page.insert_image(page.rect, pixmap=drawn[0].get_pixmap(dpi=150))
        file.save(path)
    return path


def test_a_page_with_a_text_layer_is_read_as_it_is(data: Path, tmp_path: Path):
    pages = PlainReader(tmp_path / "cache").read(data / "documents" / "whales.pdf")
    assert len(pages) == 3
    assert not pages[1].recognised
    assert "krill, four tonnes" in " ".join(pages[1].text.split())
    x0, y0, x1, y1 = pages[1].blocks[0].box
    assert 39 <= x0 < x1 <= 361
    assert 39 <= y0 < y1 <= 201


@pytest.mark.slow
def test_a_scanned_page_is_recognised_with_boxes_in_points(tmp_path: Path):
    (page,) = PlainReader(tmp_path / "cache").read(scanned(tmp_path / "scan.pdf", "Invoice 4711 of Bremen"))
    assert page.recognised
    assert "4711" in page.text
    x0, y0, x1, y1 = page.blocks[0].box
    assert 20 < x0 < x1 < 330
    assert 50 < y0 < 80 < y1 < 100


def test_pages_are_remembered_by_content_not_by_name(data: Path, tmp_path: Path):
    reader = PlainReader(tmp_path / "cache")
    first = reader.read(data / "documents" / "whales.pdf")
    kept = sorted((tmp_path / "cache").rglob("*.json"))
    assert len(kept) == 3
    times = [file.stat().st_mtime_ns for file in kept]
    (data / "documents" / "whales.pdf").rename(tmp_path / "renamed.pdf")
    assert PlainReader(tmp_path / "cache").read(tmp_path / "renamed.pdf") == first
    assert [file.stat().st_mtime_ns for file in kept] == times


@pytest.mark.parametrize("content", [b"", b"nothing like a PDF"])
def test_a_file_that_is_no_pdf_is_named(tmp_path: Path, content: bytes):
    (tmp_path / "bad.pdf").write_bytes(content)
    with pytest.raises(InputError, match=r"bad\.pdf is not a PDF"):
        PlainReader(tmp_path / "cache").read(tmp_path / "bad.pdf")


def test_bm25_alone_finds_the_page_that_holds_the_words(data: Path, tmp_path: Path):
    system = ReferenceSystem(tmp_path, signals=("bm25",))
    system.prepare({"w": data / "documents" / "whales.pdf"})
    ranking = system.rank("w", "giant squid")
    assert np.argmax(ranking.page_scores) == 2
    assert ranking.layouts[0].page == 2
    assert [layout.score for layout in ranking.layouts] == sorted(
        (layout.score for layout in ranking.layouts), reverse=True
    )


@pytest.mark.slow
def test_minilm_finds_the_page_that_means_it_without_its_words(data: Path, tmp_path: Path):
    system = ReferenceSystem(tmp_path, signals=("minilm",))
    system.prepare({"w": data / "documents" / "whales.pdf"})
    assert np.argmax(system.rank("w", "animals hunting cephalopods far below the surface").page_scores) == 2


@pytest.mark.slow
def test_the_reference_answers_a_whole_benchmark_and_again_from_its_cache(data: Path, tmp_path: Path):
    benchmark = load_mmdocir(data, cache=tmp_path)
    first = evaluate(ReferenceSystem(tmp_path), benchmark)
    assert first.report.by_domain["Guidebook"]["page_recall@1"].value == 1.0
    again = evaluate(ReferenceSystem(tmp_path), benchmark)
    assert [answered.ranking for answered in again.run] == [answered.ranking for answered in first.run]


@pytest.mark.slow
def test_every_way_of_finding_documents_finds_the_right_one_and_puts_unreadable_ones_last(data: Path, tmp_path: Path):
    (tmp_path / "bad.pdf").write_bytes(b"nothing")
    system = ReferenceSystem(tmp_path)
    system.prepare({"bad": tmp_path / "bad.pdf", **{path.name: path for path in (data / "documents").iterdir()}})
    for rank in system.document_rankers().values():
        assert rank("What do sperm whales hunt?") == ["whales.pdf", "Nordbank.pdf", "bad"]
        assert rank("What are the total assets of Nordbank?") == ["Nordbank.pdf", "whales.pdf", "bad"]


def test_a_document_that_cannot_be_read_fails_only_when_asked(data: Path, tmp_path: Path):
    (tmp_path / "bad.pdf").write_bytes(b"nothing")
    system = ReferenceSystem(tmp_path, signals=("bm25",))
    system.prepare({"bad": tmp_path / "bad.pdf", "w": data / "documents" / "whales.pdf"})
    assert system.rank("w", "krill").page_scores
    with pytest.raises(MmrankError, match=r"bad\.pdf"):
        system.rank("bad", "krill")


def test_a_document_that_was_not_prepared_is_named(tmp_path: Path):
    with pytest.raises(InputError, match="unknown was not prepared"):
        ReferenceSystem(tmp_path).rank("unknown", "krill")


@pytest.mark.slow
@pytest.mark.skipif(not MMDOCIR.is_dir(), reason="the MMDocIR development split is not beside the repository")
def test_bm25_finds_the_page_that_was_asked_for_in_a_real_financial_report(tmp_path: Path):
    system = ReferenceSystem(tmp_path, signals=("bm25",))
    system.prepare({"report": MMDOCIR / "documents" / "BESTBUY_2023_10K.pdf"})
    ranking = system.rank("report", "what is total current assets in FY2023 for Bestbuy? Answer in million.")
    assert len(ranking.page_scores) == 75
    assert np.argmax(ranking.page_scores) == 38
    assert any(layout.page == 38 for layout in ranking.layouts[:10])
