"""Which documents a question names."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mmrank.index import DocumentRecord
from mmrank.retrieve.identities import KIND_NAMED, Identities


def record(name: str, title: str = "", **metadata: str) -> DocumentRecord:
    return DocumentRecord(name, name, name, title, 3, 9, datetime(2026, 1, 1, tzinfo=UTC), "", metadata)


FERRIES = [
    record("a.pdf", organisations="Northern & Northern Ferries, Inc · Harbour Bank", kind="annual report", form="10-K"),
    record("b.pdf", title="South Bakery", abbreviations="SBKY · EPS", kind="current report", form="8-K"),
    record("GREENMILLS_2019_10K.pdf", kind="annual report"),
    record("c.pdf", people="Ada Lovelace", kind="paper"),
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What did the Northern Ferries earn?", "a.pdf"),
        ("How is JnJ, no, NnN doing?", "a.pdf"),
        ("How is N&N doing?", "a.pdf"),
        ("What is the price of SBKY?", "b.pdf"),
        ("What does Green Mills sell?", "GREENMILLS_2019_10K.pdf"),
        ("What did Lovelace show?", "c.pdf"),
    ],
)
def test_a_document_is_named_by_everything_it_goes_by(text: str, expected: str) -> None:
    identities = Identities(FERRIES)
    named = identities.named(text)
    assert named[identities.place(expected)] == 1
    assert (named == 1).sum() == 1


@pytest.mark.parametrize(
    ("written", "expected"), [("lovelase", ["c.pdf"]), ("nothern", ["a.pdf"]), ("mother", []), ("xylophonist", [])]
)
def test_an_unknown_word_may_be_a_misspelled_name(written: str, expected: list[str]) -> None:
    identities = Identities(FERRIES)
    named = identities.named(f"What did {written} show?", [written])
    assert [name for name in identities.ids if named[identities.place(name)]] == expected
    assert not identities.named(f"What did {written} show?").any()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What does chapter 2 say?", ["chapter 1.pdf", "chapter-2.pdf"]),
        ("What is in manual 2.0?", ["manual-1.0.pdf", "manual-2.0.pdf"]),
        ("What stands on page 2?", []),
        ("Which contract is worth 2.5 billion?", []),
        ("Which contract is worth $2,001,200?", []),
        ("What does form 990 ask?", ["form 990.pdf"]),
    ],
)
def test_numbers_name_a_document_beside_a_word_of_its_name(text: str, expected: list[str]) -> None:
    names = ["chapter 1.pdf", "chapter-2.pdf", "n2.pdf", "2.pdf", "001.pdf", "form 990.pdf"]
    identities = Identities([record(name) for name in [*names, "manual-1.0.pdf", "manual-2.0.pdf"]])
    named = identities.named(text)
    assert [name for name in identities.ids if named[identities.place(name)]] == expected
    assert not expected or identities.ids[named.argmax()] == expected[-1]


def test_initials_and_the_abbreviation_are_one_name() -> None:
    identities = Identities([*FERRIES, record("d.pdf", abbreviations="NNN")])
    named = identities.named("How is NnN doing?")
    assert [name for name in identities.ids if named[identities.place(name)] == 1] == ["a.pdf", "d.pdf"]


def test_what_is_left_of_a_possessive_names_nothing() -> None:
    identities = Identities([record("a.pdf", title="Annex S"), record("b.pdf", title="Annex T")])
    assert not identities.named("What is Ada's view?").any()
    assert identities.named("What does annex S say?")[identities.place("a.pdf")] == 1


def test_a_question_without_names_names_nothing() -> None:
    assert not Identities(FERRIES).named("what is the revenue in 2019").any()


def test_rare_names_tell_more_than_common_ones() -> None:
    identities = Identities([record(f"{at}.pdf", organisations="Acme Bank") for at in range(5)] + [record("zebra.pdf")])
    named = identities.named("Does Acme Bank own the Zebra?")
    assert named[identities.place("zebra.pdf")] == 1
    assert 0 < named[identities.place("0.pdf")] < 0.5


def test_forms_fit_better_than_kinds() -> None:
    identities = Identities(FERRIES)
    assert identities.kinds("what does the 8k filing say").tolist() == [0, 1, 0, 0]
    assert identities.kinds("what do the annual reports say").tolist() == [KIND_NAMED, 0, KIND_NAMED, 0]
    assert not identities.kinds("what do they say").any()


def test_the_latest_is_the_newest_of_those_that_are_named() -> None:
    identities = Identities(
        [
            record("old.pdf", "Northern Ferries", period="2021"),
            record("new.pdf", "Northern Ferries", period="2023-Q2"),
            record("other.pdf", "South Bakery", period="2024"),
        ]
    )
    text = "What does the latest report of Northern Ferries say?"
    assert identities.latest(text, identities.named(text)).tolist() == [0, 1, 0]
    assert not identities.latest("Northern Ferries", identities.named("Northern Ferries")).any()
    dated = "the latest of Northern Ferries in 2021"
    assert not identities.latest(dated, identities.named(dated)).any()


def test_unchanged_documents_are_taken_from_the_version_before() -> None:
    before = Identities(FERRIES)
    changed = [*FERRIES[1:], record("a.pdf", title="Quiet Harbour")]
    after = Identities(changed, before)
    assert after.named("quiet harbour")[after.place("a.pdf")] == 1
    assert not after.named("northern ferries")[after.place("a.pdf")]
    assert after.named("SBKY")[after.place("b.pdf")] == 1
