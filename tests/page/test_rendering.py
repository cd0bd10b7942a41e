"""What the server writes: addresses, answers while they are found, documents in large collections."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import mmrank
from mmrank.answer import Answer, AnswerSentence
from mmrank.answer.asking import AnswerStream
from mmrank.serve.drawing import Drawn
from mmrank.serve.page.address import Address, read_boxes
from mmrank.serve.page.answering import AnswerView
from mmrank.serve.page.rendering import rendered
from mmrank.serve.page.view import Kept, View
from mmrank.types import BBox


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[mmrank.Collection]:
    with mmrank.Collection.create(tmp_path / "empty") as made:
        yield made


def context(view: View) -> dict[str, object]:
    return {
        "view": view,
        "address": view.address,
        "names": ["library"],
        "read_only": False,
        "removed": "",
        "saved": "",
        "unfinished": list,
        "writers": [],
        "signed": "",
    }


def test_an_address_says_everything_and_no_more() -> None:
    pairs = [
        *(("q", "Who? "), ("mode", "ask"), ("doc", "b"), ("doc", "a"), ("doc", "a"), ("m.kind", "letter"), ("m.x", "")),
        *(
            ("since", "2024"),
            ("until", ""),
            ("open", "a"),
            ("page", "3"),
            ("boxes", "1-2-3-4_5-6-7-8"),
            ("zoom", "200"),
        ),
    ]
    address = Address.parse(pairs)
    assert address.url() == (
        "/?q=Who%3F&mode=ask&doc=b&doc=a&m.kind=letter&since=2024&open=a&page=3&boxes=1-2-3-4_5-6-7-8&zoom=200"
    )
    assert address.boxes == (BBox(1, 2, 3, 4), BBox(5, 6, 7, 8))
    assert address.where is not None and address.where.metadata == {"kind": "letter"}
    assert Address.parse([("page", "-1"), ("zoom", "17"), ("start", "x"), ("boxes", "1-1-1-1_inf-0-1-1")]) == Address()
    assert len(read_boxes("_".join(["1-2-3-4"] * 500))) == 30
    with pytest.raises(mmrank.InputError, match="q has 5,000 characters"):
        Address.parse([("q", "x" * 5000)])


def test_sentences_are_sent_as_they_are_found(empty: mmrank.Collection) -> None:
    found: list[str] = []

    def sentences() -> Iterator[AnswerSentence | Answer]:
        for text in ("First.", "Second."):
            found.append(text)
            yield AnswerSentence(text, ())
        yield Answer("Who?", "First. Second.", (AnswerSentence("First.", ()), AnswerSentence("Second.", ())))

    address = Address(question="Who?", asks=True)
    view = View(empty, address, Kept(Drawn()))
    view.answer = AnswerView(lambda: AnswerStream(sentences()), lambda _: None, address)
    pieces = rendered("page.html", context(view))
    assert "Who?" in next(pieces) and found == []
    assert "First." in next(pieces) and found == ["First."]
    assert "Second." in next(pieces)
    assert "quoted and computed" in next(pieces)
    assert next(pieces, None) is None


def test_an_answer_that_cannot_be_begun_is_told(empty: mmrank.Collection) -> None:
    address = Address(question="Who?", asks=True, writer="smollm2")
    text = "".join(rendered("page.html", context(View(empty, address, Kept(Drawn())))))
    assert "smollm2 is too small to write answers" in text


def test_an_empty_collection_says_what_to_do(empty: mmrank.Collection) -> None:
    text = "".join(rendered("page.html", context(View(empty, Address(), Kept(Drawn())))))
    assert "Nothing is here yet" in text and "Drop PDFs" in text
    text = "".join(rendered("page.html", context(View(empty, Address(question="Who?"), Kept(Drawn())))))
    assert "The collection is empty" in text


def test_many_documents_are_listed_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmrank.serve.page.view.LISTED", 2)
    for at in range(3):
        (tmp_path / f"note-{at}.txt").write_text(f"Note {at} is about topic {at}.")
    with mmrank.Collection.create(tmp_path / "many", workers=1) as many:
        many.add(*tmp_path.glob("*.txt"))
        kept = Kept(Drawn())
        view = View(many, Address(), kept)
        assert len(view.listed) == 2 and view.before is None and view.after is not None
        last = View(many, view.after, kept)
        assert len(last.listed) == 1 and last.after is None and last.before == Address()
        assert "3–3 of 3" in "".join(rendered("library.html", context(last)))
        assert [one.name for one in View(many, Address(named="NOTE-1"), kept).listed] == ["note-1.txt"]
        many.remove("note-1.txt")
        assert View(many, Address(named="note-1"), kept).listed == []
