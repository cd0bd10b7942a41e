import io
import json
import sys
from pathlib import Path

import pymupdf
import pytest
from PIL import Image, ImageDraw

from mmrank.errors import InputError, MissingExtraError
from mmrank.evaluate.mmdocir import load_mmdocir

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

SIZES = {"a.pdf": [[300, 400], [300, 400], [400, 300]], "b.pdf": [[612, 792]]}
SENTENCE = "The quick ratio of the year was 1.7, above that of the year before."


def picture(colour: str, size: list[int]) -> bytes:
    image = Image.new("RGB", (size[0], size[1]), "white")
    ImageDraw.Draw(image).rectangle((10, 10, 60, 60), fill=colour)
    held = io.BytesIO()
    image.save(held, "JPEG", quality=95)
    return held.getvalue()


def write(folder: Path, *, without: str | None = None) -> Path:
    """The official files, small: two documents, four pages, and a layout on each page but one."""
    pages, layouts = [], []
    for name, sizes in SIZES.items():
        for number, size in enumerate(sizes):
            pages.append(
                {
                    "doc_name": name,
                    "domain": "Laws",
                    "passage_id": str(number),
                    "image_path": f"{name}_{number}.jpg",
                    "image_binary": picture(["red", "lime", "blue"][number], size),
                    "ocr_text": "recognised",
                    "vlm_text": "described",
                }
            )
            if (name, number) != ("a.pdf", 1):
                layouts.append(
                    {
                        "doc_name": name,
                        "domain": "Laws",
                        "type": "text" if number == 0 else "table",
                        "layout_id": len(layouts),
                        "page_id": number,
                        "image_path": "",
                        "image_binary": b"",
                        "text": SENTENCE if number == 0 else "",
                        "ocr_text": "" if number == 0 else "Fuß 12.5 | Zürich – 14",
                        "vlm_text": "",
                        "bbox": [100, 200, 260, 280],
                        "page_size": [float(edge) for edge in size],
                    }
                )
    for file, rows in (("MMDocIR_pages.parquet", pages), ("MMDocIR_layouts.parquet", layouts)):
        kept = [{key: value for key, value in row.items() if key != without} for row in rows]
        parquet.write_table(pyarrow.Table.from_pylist(kept), folder / file, row_group_size=2)
    lines = [
        {
            "doc_name": name,
            "domain": "Laws",
            "page_indices": [0, len(sizes) - 1],
            "questions": [
                {"Q": "What is it?", "A": "", "page_id": [0], "type": "['Table']", "layout_mapping": []},
            ],
        }
        for name, sizes in SIZES.items()
    ]
    (folder / "MMDocIR_annotations.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return folder


def test_pdfs_are_made_with_the_pages_pictures_and_sizes(tmp_path: Path):
    benchmark = load_mmdocir(write(tmp_path), cache=tmp_path / "cache")
    assert [paper.page_sizes for paper in benchmark.papers] == [
        tuple(tuple(map(float, size)) for size in sizes) for sizes in SIZES.values()
    ]
    with pymupdf.open(benchmark.papers[0].path) as file:
        shown = [file[number].get_pixmap().pixel(30, 30) for number in range(3)]
    for number, channel in enumerate((0, 1, 2)):
        assert shown[number][channel] > 240
        assert sum(shown[number]) < 300


def test_the_text_of_a_layout_lies_unseen_inside_its_box(tmp_path: Path):
    benchmark = load_mmdocir(write(tmp_path), cache=tmp_path / "cache")
    with pymupdf.open(benchmark.papers[0].path) as file:
        page = file[0]
        assert " ".join(page.get_text().split()) == SENTENCE
        boxes = [pymupdf.Rect(block[:4]) for block in page.get_text("blocks") if block[6] == 0]
        assert all(box in pymupdf.Rect(98, 198, 262, 282) for box in boxes)
        assert set(page.get_pixmap(clip=(100, 200, 260, 280)).samples) == {255}
        assert file[1].get_text().strip() == ""
        assert " ".join(file[2].get_text().split()) == "Fuß 12.5 | Zürich – 14"


def test_a_text_that_cannot_fit_its_box_is_kept_all_the_same(tmp_path: Path):
    folder = write(tmp_path)
    table = parquet.read_table(folder / "MMDocIR_layouts.parquet").to_pylist()
    table[0]["text"], table[0]["bbox"] = "far too much text " * 20 + "end", [100, 200, 110, 203]
    parquet.write_table(pyarrow.Table.from_pylist(table), folder / "MMDocIR_layouts.parquet")
    benchmark = load_mmdocir(folder, cache=tmp_path / "cache")
    with pymupdf.open(benchmark.papers[0].path) as file:
        assert file[0].get_text().split().count("much") == 20


def test_pdfs_are_made_once(tmp_path: Path):
    folder = write(tmp_path)
    first = load_mmdocir(folder, cache=tmp_path / "cache").papers[0].path
    made = first.stat().st_mtime_ns
    assert load_mmdocir(folder, cache=tmp_path / "cache").papers[0].path.stat().st_mtime_ns == made


def test_pdfs_that_are_there_are_preferred(tmp_path: Path):
    folder = write(tmp_path)
    (folder / "doc_pdfs").mkdir()
    with pymupdf.open() as file:
        file.new_page(width=50, height=60)
        file.save(folder / "doc_pdfs" / "b.pdf")
    sizes = {paper.name: paper.page_sizes for paper in load_mmdocir(folder, cache=tmp_path / "c").papers}
    assert sizes["b.pdf"] == ((50.0, 60.0),)
    assert len(sizes["a.pdf"]) == 3


@pytest.mark.parametrize("column", ["image_binary", "doc_name", "bbox"])
def test_a_missing_column_is_named(tmp_path: Path, column: str):
    with pytest.raises(InputError, match=f"lacks the column {column}"):
        load_mmdocir(write(tmp_path, without=column), cache=tmp_path / "cache")


def test_a_document_without_pages_is_named(tmp_path: Path):
    folder = write(tmp_path)
    with (folder / "MMDocIR_annotations.jsonl").open("a") as file:
        file.write("\n" + json.dumps({"doc_name": "c.pdf", "domain": "Laws", "questions": []}))
    with pytest.raises(InputError, match=r"no pages of c\.pdf"):
        load_mmdocir(folder, cache=tmp_path / "cache")


def test_a_file_that_is_not_parquet_is_named(tmp_path: Path):
    folder = write(tmp_path)
    (folder / "MMDocIR_pages.parquet").write_bytes(b"nothing of the kind")
    with pytest.raises(InputError, match=r"MMDocIR_pages\.parquet is not a parquet file"):
        load_mmdocir(folder, cache=tmp_path / "cache")


def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = write(tmp_path)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(MissingExtraError, match=r"mmrank\[eval\]"):
        load_mmdocir(folder, cache=tmp_path / "cache")
