"""When the text of a file is taken, and when its look is read instead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mmrank import Collection
from mmrank.config import load_settings
from mmrank.errors import InputError
from mmrank.ingest import IngestOptions, read_document
from mmrank.ingest.ocr import Recogniser, installed_languages
from mmrank.ingest.trust import usual_pairs
from mmrank.types import Document

SAID = ["The pilot waits for the ferry on the western pier.", "No lantern is lit before the evening bell has rung.",
        "Every skipper pays the same dues in winter as in summer."]  # fmt: skip


def words(document: Document) -> str:
    return " ".join(" ".join(passage.text for passage in document.passages).split())


def read(path: Path, ocr: str, recogniser: Recogniser | None = None) -> Document:
    return read_document(path, options=IngestOptions(ocr=ocr), recogniser=recogniser)


class Watching(Recogniser):
    """A recogniser that counts what it looks at."""

    def __init__(self) -> None:
        super().__init__()
        self.looked = 0

    def _recognise(self, picture: Any) -> list[list[Any]]:
        self.looked += 1
        return super()._recognise(picture)


def with_map(paper, change) -> Path:
    """A page whose font says that each letter is another one."""
    paper.text(72, 100, "x")
    body = " ".join(f"BT /helv 12 Tf 72 {620 - 20 * at} Td ({line}) Tj ET" for at, line in enumerate(SAID))
    paper.file.update_stream(paper.page.get_contents()[0], body.encode())
    pairs = "\n".join(f"<{code:02X}> <{change(code):04X}>" for code in range(33, 127))
    cmap = (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /Y def /CMapType 2 def "
        f"1 begincodespacerange <00> <FF> endcodespacerange 94 beginbfchar\n{pairs}\nendbfchar endcmap end end"
    )
    stream = paper.file.get_new_xref()
    paper.file.update_object(stream, "<<>>")
    paper.file.update_stream(stream, cmap.encode())
    paper.file.xref_set_key(paper.page.get_fonts()[0][0], "ToUnicode", f"{stream} 0 R")
    return paper.save()


@pytest.mark.parametrize(
    "change",
    [
        lambda code: code + 3,
        lambda code: max(code - 29, 3),
        lambda code: 219 - code if 97 <= code <= 122 else code,
    ],
)
def test_a_font_that_gives_other_letters_than_it_shows_is_read_by_its_look(paper, change):
    text = words(read(with_map(paper, change), "auto"))
    assert all(word in text for word in ("pilot", "western", "lantern", "skipper"))


def test_text_that_is_no_language_but_what_the_page_shows_is_kept(paper):
    codes = ["XKQZ-774-WVB", "JQXV-112-KZZ", "BVXW-901-QQJ", "ZKXJ-345-VVW", "QXZK-678-JBV", "WQJX-210-ZKB"]
    for at, code in enumerate(codes * 4):
        paper.text(72, 100 + 16 * at, f"{code} {code[::-1]}")
    document = read(paper.save(), "auto")
    assert all(code in words(document) for code in codes)
    assert all(element.ocr_confidence is None for element in document.pages[0].elements)


def test_languages_look_like_languages():
    for text in (
        "Der Lotse wartet am westlichen Pier auf die Fähre.",
        "Le pilote attend le ferry sur le quai ouest.",
        "Lotsi odottaa lauttaa läntisellä laiturilla.",
        "El práctico espera el transbordador en el muelle.",
    ):
        assert usual_pairs(text)[0] > 0.5


def searchable(paper, lettering, held: list[str]) -> Path:
    """A scan of SAID with a layer of unpainted text."""
    paper.picture((0, 0, 595, 842), lettering(SAID, size=(1190, 1684), height=34))
    for at, line in enumerate(held):
        paper.page.insert_text((20, 15 + 34 * at + 14), line, fontsize=17, render_mode=3)
    return paper.save()


def test_a_complete_layer_over_a_scan_is_used_and_nothing_is_recognised(paper, lettering):
    recogniser = Watching()
    text = words(read(searchable(paper, lettering, SAID), "auto", recogniser))
    assert all(text.count(line) == 1 for line in SAID)
    assert recogniser.looked == 0


def test_what_a_layer_leaves_out_is_recognised(paper, lettering):
    text = words(read(searchable(paper, lettering, SAID[:1]), "auto"))
    assert text.count(SAID[0]) == 1 and "lantern" in text and "skipper" in text


def test_always_reads_the_look_and_never_the_file(paper):
    paper.text(72, 100, SAID[0], 14).new_page().text(72, 100, SAID[1], 14)
    path = paper.save()
    seen = {mode: [page.elements[0].ocr_confidence is not None for page in read(path, mode).pages]
            for mode in ("auto", "always", "never", "always:2", "always;never:1")}  # fmt: skip
    assert seen == {"auto": [False, False], "always": [True, True], "never": [False, False], "always:2": [False, True],
                    "always;never:1": [False, True]}  # fmt: skip
    assert "pilot waits" in words(read(path, "always"))


@pytest.mark.parametrize("wrong", ["sometimes", "always:", "always:x", "never:3-", "auto:1;always", 7])
def test_a_mode_that_is_none_is_named_with_what_is_taken(wrong):
    with pytest.raises(InputError, match="auto, always or never"):
        IngestOptions(ocr=wrong)


def test_true_and_false_are_modes_and_settings_of_earlier_collections_are_read():
    assert (IngestOptions(ocr=True).ocr, IngestOptions(ocr=False).ocr) == ("auto", "never")
    assert (load_settings(ocr=True).ocr, load_settings(ocr="false").ocr) == ("auto", "never")


def test_a_file_is_read_again_as_its_text_is_asked_for(tmp_path, paper):
    path = with_map(paper, lambda code: code + 1 if 48 <= code <= 57 else code)
    with Collection.create(tmp_path / "c.mmrank", ocr=False, workers=1) as library:
        library.add(path)
        assert library.add(path).unchanged == ["paper.pdf"]
        report = library.add(path, ocr="always:1")
        assert report.replaced == ["paper.pdf"] and len(library) == 1
        assert library.document("paper.pdf").pages[0].elements[0].ocr_confidence is not None


def test_a_language_without_a_model_is_refused_with_those_that_are_there(tmp_path, paper):
    assert "default" in installed_languages()
    paper.text(72, 100, SAID[0])
    with (
        Collection.create(tmp_path / "c.mmrank", ocr_language="klingon", workers=1) as library,
        pytest.raises(InputError, match=r"klingon.*default"),
    ):
        library.add(paper.save())


def test_another_language_is_recognised_by_its_own_model(tmp_path, monkeypatch, paper, lettering):
    import shutil

    from mmrank.ingest import ocr

    model = tmp_path / "latin_PP-OCRv5_rec_mobile.onnx"
    shutil.copy(installed_languages()["default"], model)
    known = {**installed_languages(), "latin": model}
    monkeypatch.setattr(ocr, "installed_languages", lambda: known)
    paper.picture((0, 0, 595, 255), lettering(["Lanterns of the north"]))
    document = read_document(paper.save(), options=IngestOptions(ocr_language="latin"))
    assert "lanterns" in words(document).lower()
