"""What a document is: titles, kinds, names and dates of made-up documents."""

from collections.abc import Sequence

import pytest

from mmrank.ingest.dates import document_date
from mmrank.ingest.entities import Words, abbreviations, about, organisations, people
from mmrank.ingest.identity import identity
from mmrank.ingest.language import language_of
from mmrank.ingest.titles import document_title
from mmrank.types import BBox, Document, Element, ElementKind, Page

TITLE, HEADING, TEXT, FIGURE, TABLE, HEADER = (
    ElementKind.TITLE,
    ElementKind.HEADING,
    ElementKind.TEXT,
    ElementKind.FIGURE,
    ElementKind.TABLE,
    ElementKind.HEADER,
)
Row = tuple[ElementKind, float, float, str]
"""Kind, top and height in points, and text."""
BODY = (
    "The keeper of the harbour writes down how high the tides are and which ferries leave the old basin in the morning."
)


def document(*pages: Sequence[Row], name: str = "scan-0017.pdf", wide: bool = False, **metadata: str) -> Document:
    width, height = (960.0, 540.0) if wide else (595.0, 842.0)
    made = []
    for number, rows in enumerate(pages):
        elements = []
        for at, (kind, top, tall, text) in enumerate(rows):
            long = max(len(line) for line in text.splitlines())
            rows_of_text = text.count("\n") + 1
            broad = min(width - 80, 0.5 * long * tall / 1.2 / rows_of_text) if kind is not FIGURE else 0.9 * width
            elements.append(Element(f"p{number}e{at}", kind, number, BBox(40, top, 40 + broad, top + tall), text))
        made.append(Page(number, width, height, tuple(elements)))
    return Document("0" * 64, name, name, tuple(made), (), metadata=metadata)


def body(top: float = 300) -> list[Row]:
    return [(TEXT, top + 14 * at, 12, BODY) for at in range(6)]


FORM = [
    (HEADING, 40, 14, "UNITED STATES SECURITIES AND EXCHANGE COMMISSION"),
    (HEADING, 60, 12, "Washington, D.C. 20549"),
    (TITLE, 80, 20, "FORM 10-K"),
    (TEXT, 110, 12, "For the fiscal year ended March 31, 2021"),
    (HEADING, 150, 14, "HARBOUR LIGHTS, INC."),
    (TEXT, 168, 10, "(Exact name of registrant as specified in its charter)"),
]


@pytest.mark.parametrize(
    ("made", "title"),
    [
        (document(FORM, body()), "HARBOUR LIGHTS, INC., Form 10-K, 2021"),
        (document([(TITLE, 60, 24, "Tides of the North"), *body()], title="Word - tides.doc"), "Tides of the North"),
        (document([(TITLE, 60, 24, "Chapter One"), *body()], title="How high the tides are"), "How high the tides are"),
        (document([(TITLE, 60, 24, "Tides of the North"), *body()], title="Search engine"), "Tides of the North"),
        (
            document(
                [(TITLE, 60, 20, "Reading the sea: a benchmark for"), (HEADING, 84, 20, "ferries and pilots"), *body()]
            ),
            "Reading the sea: a benchmark for ferries and pilots",
        ),
        (
            document([(HEADING, 60, 20, "EVOKING TIDES VIA AB-"), (HEADING, 84, 20, "STRACTION"), *body()]),
            "EVOKING TIDES VIA ABSTRACTION",
        ),
        (document([(TITLE, 60, 30, "Contents"), (HEADING, 100, 20, "The old basin"), *body()]), "The old basin"),
        (document([(HEADING, 50, 26, "Harbour University"), (HEADING, 100, 20, "Report on the ferries"), *body()]),
         "Report on the ferries"),
        (document([(FIGURE, 40, 40, "LOGO"), (TEXT, 600, 10, "Recommended citation"),
                   (TEXT, 612, 10, "Harbour Institute, May 2020, “Why ferries are late.”"), *body()]),
         "Why ferries are late"),
        (document([(HEADING, 40, 20, "Superior Court of the Islands"), (TEXT, 100, 12, "ANNA FERRYMAN,"),
                   (TEXT, 120, 12, "v. HARBOUR BOARD."), *body()]),
         "ANNA FERRYMAN v. HARBOUR BOARD"),
        (document([(TITLE, 200, 40, "USER GUIDE"), (HEADING, 150, 38, "Lamp 40"), *body()]), "Lamp 40 USER GUIDE"),
        (document([(TITLE, 200, 40, "User Guide"), *body(500)], name="lantern_x2.pdf"), "lantern x2 User Guide"),
        (document([*body()]), ""),
        (document(), ""),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_the_title_is_what_the_document_is_called(made: Document, title: str) -> None:
    assert document_title(made) == title


@pytest.mark.parametrize(
    "rows",
    [
        [(TEXT, 200, 12, "Dear Ms Voss,"), (TEXT, 220, 12, "Re: The lamps of the old basin"), (TEXT, 240, 12, BODY)],
        [
            (
                TEXT,
                200,
                90,
                "Dear Ms Voss, Re: The lamps of the old basin I write about the lamps. They are dark. " + BODY,
            )
        ],
        [(TEXT, 200, 24, "To: all keepers\nSubject: The lamps of the old basin"), (TEXT, 240, 12, BODY)],
    ],
)
def test_a_letter_is_called_by_its_subject(rows: list[Row]) -> None:
    sentence = "2. The soundings below were taken by the keeper of the harbour at low water."
    assert document_title(document([*rows], [(TEXT, 60, 30, sentence), *body()])) == "The lamps of the old basin"


def test_a_sentence_is_no_title() -> None:
    sentence = "The soundings below were taken by the keeper of the harbour at low water."
    assert document_title(document([(TEXT, 60, 30, sentence), *body()])) == ""


def test_a_running_head_and_a_stamp_are_no_titles() -> None:
    stamp = Element("p0e9", HEADING, 0, BBox(10, 200, 37, 550), "arXiv:2310.06117v1  [cs.LG]  9 Oct 2023")
    made = document([(HEADER, 20, 30, "The Journal of Tides"), (TITLE, 80, 20, "Ferries at night"), *body()])
    page = Page(0, 595, 842, (stamp, *made.pages[0].elements))
    assert document_title(Document("1", "a.pdf", "", (page,), ())) == "Ferries at night"


SLIDES = [[(TITLE, 60, 40, "Ferries and tides")], *[[(TEXT, 60, 20, "Three points on ferries")]] * 4]
PAPER = [
    [(TITLE, 60, 20, "Ferries at night"), (HEADING, 120, 14, "Abstract"), *body()],
    body(),
    [(HEADING, 60, 14, "References"), *body()],
]


@pytest.mark.parametrize(
    ("made", "kind"),
    [
        (document(FORM, body()), "annual report"),
        (document([(HEADING, 40, 14, "FORM 8-K"), *body()]), "current report"),
        (document(*PAPER), "paper"),
        (document(*SLIDES, wide=True), "slides"),
        (document([(TITLE, 60, 30, "Lantern 40 User Manual"), *body()]), "manual"),
        (document([(TITLE, 60, 30, "Invoice 2020-17"), *body()]), "invoice"),
        (document([(TITLE, 60, 16, "Harbour Lights Reports Fourth Quarter Results"), *body()]), "earnings release"),
        (document([(TEXT, 60, 12, "Dear Ms Ferryman,"), *body()]), "letter"),
        (document(body(), name="brochure_2024.pdf"), "brochure"),
        (document(body()), None),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_kind_follows_from_words_and_shape(made: Document, kind: str | None) -> None:
    assert identity(made).get("kind") == kind


def test_an_identity_holds_the_form_and_only_what_is_found() -> None:
    found = identity(document(FORM, body(), created="x", date="2021-06-01"))
    assert found["form"] == "10-K" and found["period"] == "2021" and found["date"] == "2021-06-01"
    assert found["organisations"].startswith("HARBOUR LIGHTS, INC.") and found["language"] == "en"
    assert identity(document()) == {}


def test_names_and_abbreviations_are_those_the_text_defines() -> None:
    page = (
        "Harbour Lights, Inc. (NYSE: HLT) and the Board of Pilots run ferries. Documents incorporated by reference. "
        "It is an emerging growth company. ☐ Emerging Growth Company. The International Ferry Association (IFA) met."
    )
    later = (
        "Every year the Skagerrak line is late, and the Skagerrak is cold. The earnings per share (EPS) rose (see A)."
    )
    words = Words([page, later, later])
    assert organisations(words)[0] == "Harbour Lights, Inc"
    assert not {"Documents Incorporated", "Emerging Growth Company"} & set(organisations(words))
    assert set(abbreviations(words)) == {"HLT", "IFA", "EPS"} and abbreviations(words)[0] == "HLT"
    assert about(words) == ["Skagerrak"]


def test_people_are_authors_and_no_words_of_the_text() -> None:
    words = Words(["Tides\nBy Ada Ferryman and Kim Pilot\nThe Old Basin is an old basin."])
    assert people(words, ["Old Basin"]) == ["Ada Ferryman", "Kim Pilot"]
    assert people(words, ["Ines Hale"], "Ferryman, Ada") == ["Ada Ferryman", "Kim Pilot", "Ines Hale"]
    assert people(Words(["Nothing."]), [], "whitest") == []


@pytest.mark.parametrize(
    ("pages", "known", "day"),
    [
        (["FOR RELEASE JULY 30, 2020\nText of 1 May 2019."], {}, "2020-07-30"),
        (["Tides\nJune 2015"], {"created": "2016-01-01"}, "2015-06"),
        (["the year ended 31 December 2019"], {"created": "2020-02-01", "period": "2019"}, "2020-02-01"),
        (["old report"], {"created": "2023-01-08", "period": "2003"}, "2003"),
        (["FORM 10-K", "", "Date: February 3, 2020"], {"form": True, "period": "2019"}, "2020-02-03"),
        (["June 31, 2020"], {}, None),
    ],
)
def test_the_date_is_that_of_the_document(pages: list[str], known: dict[str, str], day: str | None) -> None:
    assert document_date(pages, **known) == day  # type: ignore[arg-type]


def test_the_language_is_told_from_enough_text() -> None:
    assert language_of([BODY]) == "en"
    assert (
        language_of(["Le port est derrière la digue et la marée monte deux fois par jour dans le vieux bassin."])
        == "fr"
    )
    assert language_of(["Hafen 12"]) is None
