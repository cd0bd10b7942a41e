from __future__ import annotations

import zipfile

import pytest

from mmrank.ingest import IngestOptions, draw_page, read_document


def letters(text: str) -> str:
    return "".join(text.lower().split())


@pytest.mark.parametrize("suffix", ["png", "jpg", "tiff"])
def test_a_picture_is_a_document_of_one_page(tmp_path, lettering, suffix):
    path = tmp_path / f"scan.{suffix}"
    lettering(["Copper signal", "Willow ember"]).save(path)
    document = read_document(path)
    assert len(document.pages) == 1
    assert "coppersignal" in letters(" ".join(p.text for p in document.passages))
    assert document.page_image(0).open().width > 100


def test_a_webp_picture_that_is_named_png_is_read(tmp_path, lettering):
    path = tmp_path / "scan.png"
    lettering(["Copper signal", "Willow ember"]).save(path, "WEBP")
    assert "coppersignal" in letters(" ".join(p.text for p in read_document(path).passages))


def test_a_tiff_of_several_pages_is_a_document_of_as_many(tmp_path, lettering):
    pages = [lettering([words]) for words in ("Copper signal", "Willow ember", "Prairie orchard")]
    pages[0].save(tmp_path / "scan.tiff", save_all=True, append_images=pages[1:])
    document = read_document(tmp_path / "scan.tiff")
    found = [letters(p.text) for p in document.passages]
    assert ["coppersignal" in found[0], "willowember" in found[1], "prairieorchard" in found[2]] == [True] * 3


def test_plain_text_is_read_whole(tmp_path, prose):
    (tmp_path / "notes.txt").write_text("\n\n".join([prose] * 12))
    document = read_document(tmp_path / "notes.txt", options=IngestOptions(ocr=False))
    text = letters(" ".join(p.text for p in document.passages))
    assert text == letters(prose * 12)


def test_markdown_keeps_headings_and_lists(tmp_path, of_kind, prose):
    (tmp_path / "notes.md").write_text(
        f"# The harbour\n\n{prose}\n\n## Lanterns\n\n- one of brass\n- two of glass\n\n{prose}\n"
    )
    document = read_document(tmp_path / "notes.md", options=IngestOptions(ocr=False))
    assert document.title == "The harbour"
    assert [s.title for s in document.sections] == ["Lanterns"]
    assert len(of_kind(document, "list_item")) == 2


def svg(path):
    path.write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="300" height="90"><text x="9" y="40">granite</text></svg>'
    )


def epub(path):
    with zipfile.ZipFile(path, "w") as book:
        book.writestr("mimetype", "application/epub+zip")
        book.writestr(
            "META-INF/container.xml",
            '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0"><rootfiles>'
            '<rootfile full-path="a.opf" media-type="application/oebps-package+xml"/></rootfiles></container>',
        )
        book.writestr(
            "a.opf",
            '<package xmlns="http://www.idpf.org/2007/opf" version="2.0"><manifest><item id="a" href="a.xhtml" '
            'media-type="application/xhtml+xml"/></manifest><spine><itemref idref="a"/></spine></package>',
        )
        book.writestr("a.xhtml", '<html xmlns="http://www.w3.org/1999/xhtml"><body><p>granite</p></body></html>')


def xps(path):
    import pymupdf

    types = "application/vnd.ms-package.xps-fixed"
    schema = "http://schemas.microsoft.com/xps/2005/06"
    with zipfile.ZipFile(path, "w") as book:
        book.writestr(
            "[Content_Types].xml",
            '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Default Extension="fdseq" ContentType="{types}documentsequence+xml"/>'
            f'<Default Extension="fdoc" ContentType="{types}document+xml"/>'
            f'<Default Extension="fpage" ContentType="{types}page+xml"/>'
            '<Default Extension="ttf" ContentType="application/vnd.ms-opentype"/></Types>',
        )
        book.writestr(
            "_rels/.rels",
            '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
            f'<Relationship Id="a" Type="{schema}/fixedrepresentation" Target="/a.fdseq"/></Relationships>',
        )
        book.writestr(
            "a.fdseq",
            f'<FixedDocumentSequence xmlns="{schema}"><DocumentReference Source="/a.fdoc"/></FixedDocumentSequence>',
        )
        book.writestr("a.fdoc", f'<FixedDocument xmlns="{schema}"><PageContent Source="/a.fpage"/></FixedDocument>')
        book.writestr(
            "a.fpage",
            f'<FixedPage xmlns="{schema}" Width="400" Height="200"><Glyphs FontUri="/a.ttf" FontRenderingEmSize="20" '
            'OriginX="40" OriginY="80" UnicodeString="granite" Fill="#FF000000"/></FixedPage>',
        )
        book.writestr("a.ttf", pymupdf.Font("helv").buffer)


@pytest.mark.parametrize("make", [svg, epub, xps])
def test_what_else_the_reader_opens_works(tmp_path, make):
    path = tmp_path / f"book.{make.__name__}"
    make(path)
    document = read_document(path, options=IngestOptions(ocr=False))
    assert "granite" in document.passages[0].text
    assert document.page_image(0).open().width > 50


@pytest.mark.parametrize(("told", "day"), [("D:20190312094500+01'00'", "2019-03-12"), ("D:19000000", None)])
def test_the_day_a_pdf_was_made_is_its_date(paper, told, day):
    paper.text(60, 60, "words").file.set_metadata({"creationDate": told})
    assert paper.read().metadata.get("date") == day


def test_what_was_understood_is_drawn_over_the_page(paper, prose):
    import numpy as np

    paper.text(60, 60, "A title in large type", 24).box((60, 100, 530, 200), prose)
    document = paper.read()
    plain = np.asarray(document.page_image(0).open()).astype(int)
    drawn = np.asarray(draw_page(document, 0)).astype(int)
    assert drawn.shape == plain.shape
    changed = np.abs(drawn - plain).max(axis=2) > 20
    zoom = plain.shape[1] / document.pages[0].width
    assert changed[: int(220 * zoom)].any() and not changed[int(300 * zoom) :].any()


def test_drawing_a_page_that_is_not_there_says_which_there_are(paper):
    document = paper.text(60, 60, "words").read()
    with pytest.raises(ValueError, match="pages 1 to 1"):
        draw_page(document, 4)
