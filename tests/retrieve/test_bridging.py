"""Words that no page has find the page that says them otherwise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmrank.retrieve.bridging import bridged
from mmrank.retrieve.pages import rank_pages


class Words:
    """A vocabulary in which "web" and "site" stand side by side."""

    def __init__(self, held):
        self.held = held

    def known(self, words):
        return [word in self.held for word in words]

    def beginning(self, letter):
        return {word for word in self.held if word.isalpha() and word[0] == letter}

    def side_by_side(self, pairs):
        return [{left, right} <= self.held and (left, right) == ("web", "site") for left, right in pairs]


@pytest.mark.parametrize(
    ("asked", "known", "found"),
    [
        (["website"], {"web", "site"}, ("web", "site")),
        (["websites"], {"web", "site"}, ("web", "site")),
        (["web", "site"], {"website"}, ("website",)),
        (["percentage"], {"percent", "age"}, ("percentage",)),
        (["harbuor"], {"harbour", "labour"}, ("harbour",)),
        (["requiremnt"], {"requirement"}, ("requirement",)),
        (["list"], {"last"}, ("list",)),
        (["whizz", "frost"], {"whizz"}, ("whizz", "frost")),
        (["1234"], {"1235"}, ("1234",)),
    ],
)
def test_words_that_no_page_has_are_bridged(asked, known, found):
    assert bridged(asked, Words(known)) == found


def test_a_german_word_is_found_in_another_case():
    assert bridged(["umsätzen"], Words({"umsätze", "umfrage"}), "de") == ("umsätze",)


@given(st.lists(st.text(max_size=12), max_size=8), st.sets(st.text(max_size=12), max_size=8))
def test_known_words_are_kept_and_none_is_lost(asked, known):
    found = bridged(asked, Words(known))
    assert {word for word in asked if word in known} <= set(found)
    assert bool(found) == bool(asked)


def test_a_misspelled_word_leads_to_the_page_that_has_it(pool_of, ask):
    pool = pool_of(
        [("text", "Pilots take ships through the strait")], [("text", "Dues of the harbour are paid by sail")]
    )
    for written in ("harbuor", "harbours", "har bour"):
        ranking = rank_pages(ask(f"What about {written} dues?"), pool)
        assert ranking.order()[0] == 1
        assert "harbour" in ranking.question.words


def test_a_pool_without_documents_knows_no_word(ask):
    from mmrank.retrieve.pool import Pool

    assert Pool([]).page_words.known(["harbour"]) == [False]
