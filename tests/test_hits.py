"""What a search gives back: a list, a table, and what a notebook shows."""

from __future__ import annotations

import base64
import io
import pickle
import re
from dataclasses import replace
from pathlib import Path

import pymupdf
import pytest
from PIL import Image

from mmrank import BBox, Hit, Hits, MissingExtraError
from mmrank.hits import PICTURES_SHOWN
from mmrank.notebook import THUMBNAIL_BYTES, thumbnail
from mmrank.pictures import content_digest
from mmrank.types import ImageRef


@pytest.fixture
def hit(tmp_path: Path) -> Hit:
    path = tmp_path / "report.pdf"
    with pymupdf.open() as file:
        file.new_page(width=612, height=792).insert_text((72, 72), "Ferries carried 471 thousand passengers.")
        file.save(path)
    return Hit(
        document="report.pdf",
        document_id=content_digest(path),
        page=0,
        boxes=(BBox(70, 60, 300, 80),),
        score=1.25,
        stage="retrieve",
        snippet="Ferries carried 471 thousand passengers.",
        reasoning="It says “passengers”.",
        scores={"dense": 0.5},
        picture=ImageRef(str(path), 0),
    )


def pictures(html: str) -> list[Image.Image]:
    found = re.findall(r'src="data:image/png;base64,([^"]+)"', html)
    return [Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB") for data in found]


def test_hits_are_a_list_and_a_slice_of_them_is_hits(hit: Hit) -> None:
    hits = Hits([hit, replace(hit, page=1)])
    assert hits == [hit, replace(hit, page=1)]
    assert hits[0] is hit
    assert isinstance(hits[:1], Hits)
    assert hits[:1] == [hit]
    assert isinstance(pickle.loads(pickle.dumps(hits)), Hits)


def test_a_notebook_shows_the_page_with_its_box_and_says_why(hit: Hit) -> None:
    html = hit._repr_html_()
    assert "report.pdf, page 1" in html
    assert "471 thousand passengers" in html
    assert "It says “passengers”." in html
    (picture,) = pictures(html)
    zoom = picture.width / 612
    edge = [picture.getpixel((x, round(70 * zoom))) for x in range(round(70 * zoom) - 4, round(70 * zoom) + 2)]
    assert any(red > 150 and green < 120 and blue < 120 for red, green, blue in edge)


def test_text_of_documents_is_escaped(hit: Hit) -> None:
    script = "<script>alert('x')</script>"
    quote = '"><img src=x onerror=alert(1)>'
    bad = replace(
        hit,
        document=script + quote,
        snippet=script,
        reasoning=script,
        label=script,
        heading_path=(script,),
        stage=script,
    )
    for picture in (True, False):
        html = bad.to_html(picture=picture)
        assert "<script" not in html
        assert html.count("<img") == int(picture)
        assert html.count("&lt;script&gt;") >= 6


def test_a_page_whose_file_is_gone_is_a_line_that_says_so(hit: Hit) -> None:
    assert hit.picture is not None
    Path(hit.picture.path).unlink()
    html = Hits([hit])._repr_html_()
    assert pictures(html) == []
    assert "Put the file back" in html
    assert "471 thousand passengers" in html


def test_a_page_whose_file_has_changed_is_a_line_that_says_so(hit: Hit) -> None:
    assert "has changed since it was indexed" in replace(hit, document_id="0" * 32).to_html()


def test_only_the_first_hits_have_pictures(hit: Hit) -> None:
    html = Hits([hit] * (PICTURES_SHOWN + 3))._repr_html_()
    assert len(pictures(html)) == PICTURES_SHOWN
    assert html.count("report.pdf, page 1</strong>") == PICTURES_SHOWN + 3


def test_no_hits_are_said_to_be_none() -> None:
    assert "No hits" in Hits()._repr_html_()


def test_a_thumbnail_of_noise_is_small_all_the_same() -> None:
    uri = thumbnail(Image.effect_noise((400, 500), 200))
    assert uri.startswith("data:image/png;base64,")
    assert len(uri) <= THUMBNAIL_BYTES


def test_hits_become_a_table_with_one_row_each(hit: Hit) -> None:
    table = Hits([hit, replace(hit, page=4, scores={"lexical": 2.0})]).to_pandas()
    assert list(table["page_number"]) == [1, 5]
    assert list(table["document"]) == ["report.pdf", "report.pdf"]
    assert table["boxes"][0] == ((70, 60, 300, 80),)
    assert table["scores.dense"][0] == 0.5
    assert table["scores.lexical"][1] == 2.0
    assert table["scores.lexical"].isna()[0]


def test_no_hits_become_an_empty_table() -> None:
    table = Hits().to_pandas()
    assert len(table) == 0
    assert "document" in table.columns


def test_without_pandas_the_error_names_the_extra(hit: Hit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(MissingExtraError, match=r"mmrank\[notebook\]"):
        Hits([hit]).to_pandas()
