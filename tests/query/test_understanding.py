"""Noisy questions and several at once, made into what is searched for."""

import json
from collections.abc import Sequence

import numpy as np
import pytest

from mmrank.errors import MmrankError
from mmrank.llm.protocol import Answer, Chat, LabelLogits, ModelInfo, Sampling
from mmrank.query.analysis import analyse
from mmrank.query.chatter import without_chatter
from mmrank.query.decomposition import Intent, decompose, intent_of
from mmrank.query.spelling import Speller
from mmrank.query.understanding import FORM, understand_by_model, understand_by_rules

WORDS = {
    "ferry": 12,
    "passengers": 9,
    "skerry": 4,
    "lunna": 3,
    "harbour": 7,
    "dredging": 2,
    "tender": 6,
    "kittiwake": 1,
}


@pytest.fixture
def speller() -> Speller:
    return Speller(lambda: WORDS, WORDS.__contains__)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("How mny passsengers did teh fery carry?", "How many passengers did the ferry carry?"),
        ("Who paid for the dregding of the harbuor?", "Who paid for the dredging of the harbour?"),
        ("When was the Kitiwake built?", "When was the Kittiwake built?"),
    ],
)
def test_slips_are_mended_with_the_words_of_the_collection(speller: Speller, written: str, read: str) -> None:
    text, mended = speller.mend(written)
    assert text == read and mended


@pytest.mark.parametrize(
    "question",
    [
        "What is the ROA and the capex of the ferry company?",  # figures that need not stand in a report
        "Which enzyme cleaves lactose?",  # English words that the collection lacks
        "What does error E2 of the DX-40 mean?",
        "Who wrote to pier@harbor.example about “ferrys”?",
        "What are Skerries?",  # a form of a known word
    ],
)
def test_what_is_no_slip_is_left_alone(speller: Speller, question: str) -> None:
    assert speller.mend(question) == (question, ())


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("What is on the cover apg?", "What is on the cover page?"),  # two slips in a short word that questions have
        ("How long is the Harrbuor?", "How long is the Harbour?"),  # in a name that the collection often has
        ("Who is Kutiwaks?", "Who is Kutiwaks?"),  # one that it has once may be another's
        ("What is rfid?", "What is rfid?"),
    ],
)
def test_two_slips_in_a_short_word_are_mended_where_they_are_likely(speller: Speller, written: str, read: str) -> None:
    assert speller.mend(written)[0] == read


def test_of_two_words_the_one_that_the_searched_documents_have_is_meant() -> None:
    words = {"lodge": 9, "ledge": 6}
    speller = Speller(lambda: words, words.__contains__)
    assert speller.mend("How large is the lxdge?")[0] == "How large is the lodge?"
    assert speller.within({"ledge"}.__contains__).mend("How large is the lxdge?")[0] == "How large is the ledge?"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("boq many ferries sailed?", "how many ferries sailed?"),  # two slips, but "many" follows
        ("how manny ferries sailed?", "how many ferries sailed?"),  # "manny" is a word, but a rare one
        ("who sailed in teh ferry to ghe harbour?", "who sailed in the ferry to the harbour?"),
        ("what is the quixk rstip of the ferry?", "what is the quick ratio of the ferry?"),  # the name of a figure
        ("what is on the cvrr page?", "what is on the cover page?"),
        ("how many chapterss are there?", "how many chapters are there?"),  # no plural of a plural
    ],
)
def test_a_word_is_read_by_the_words_beside_it(written: str, read: str) -> None:
    words = {**WORDS, "teh": 1, "chapters": 3, "ration": 8, "rasp": 8}
    assert Speller(lambda: words, words.__contains__).mend(written)[0] == read


@pytest.mark.parametrize("question", ["who is manny?", "how may ferries sail?", "what ate the fish?", "use sed"])
def test_a_known_word_is_left_alone_where_it_may_be_meant(speller: Speller, question: str) -> None:
    assert speller.mend(question)[0] == question


def test_a_question_without_marks_is_given_its_own(speller: Speller) -> None:
    understood = understand_by_rules("how long is the ferry write the answer in float format", speller)
    assert understood.rewritten == "how long is the ferry? write the answer in float format"
    assert analyse(understood.rewritten).text == "how long is the ferry?"
    assert understand_by_rules("who built it, and how many ferries sailed", None).parts[0].text == "who built it?"


def test_the_words_are_not_loaded_for_a_clean_question() -> None:
    def loaded() -> dict[str, int]:
        raise AssertionError("the words of the collection were loaded")

    Speller(loaded, WORDS.__contains__).mend("How many passengers did the ferry carry?")


def test_a_changed_name_is_noted(speller: Speller) -> None:
    understood = understand_by_rules("How long is the route to Skery?", speller)
    assert understood.rewritten == "How long is the route to Skerry?"
    assert ("rewrite", "read the name “Skery” as “Skerry”") in understood.notes


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        (
            "Hey! My boss needs this today. How many ferries sailed in 1994? Thanks a lot!",
            "How many ferries sailed in 1994?",
        ),
        ("How many ferries sailed? Let me know if you need more. Take your time.", "How many ferries sailed?"),
        ("who built the pier? That would be great.", "who built the pier?"),
        ("could you please tell me who built the pier", "who built the pier"),
        ("um so what is uh the fare you know to Lunna", "what is the fare to Lunna"),
        ("Do you happen to know when the pier opened, please?", "when the pier opened?"),
    ],
)
def test_chatter_is_taken_away(said: str, asked: str) -> None:
    assert without_chatter(said) == asked


@pytest.mark.parametrize(
    "question",
    [
        "How many people like the ferry so well?",
        "I live in Lunna. Which ferry do I take on 4 May?",
        "What does the captain say about wind, if it blows from the north?",
        "List the ferries, please.",
        "Thanks to whom was the pier built?",
    ],
)
def test_a_question_that_only_looks_like_chatter_keeps_its_facts(question: str) -> None:
    kept = without_chatter(question)
    assert all(word.strip(".,?") in kept for word in question.split() if word.strip(".,?") not in {"please"})


def test_two_questions_are_told_apart() -> None:
    asked = decompose("How many ferries sailed to Skerry in 1994, and what does a ticket to Lunna cost?")
    assert [part.text for part in asked] == [
        "How many ferries sailed to Skerry in 1994",
        "what does a ticket to Lunna cost?",
    ]
    assert [part.intent for part in asked] == [Intent.COUNT, Intent.LOOK_UP]


@pytest.mark.parametrize(
    "question",
    [
        "What are the width and the height of the pier?",
        "Who built the pier and the harbour?",
        "Assume that fares rise by 10 %. What would a ticket cost?",
        "How long is the pier? Give me an integer.",
        "Which of the two is longer, the pier or the quay?",
    ],
)
def test_one_question_stays_one(question: str) -> None:
    assert [part.text for part in decompose(question)] == [question]


def test_never_more_than_four_parts() -> None:
    asked = "Who is it? What is it? When is it? Where is it? Why is it?"
    assert len(decompose(asked)) == 1


def test_intents() -> None:
    assert intent_of("What is the ratio of debt to equity?") is Intent.COMPUTE
    assert intent_of("Which route has more passengers than Skerry?") is Intent.COMPARE
    assert intent_of("List the ferries.") is Intent.LIST


class Scribe:
    """A model that answers with one text, or fails."""

    info = ModelInfo("scribe", "test", 4000)

    def __init__(self, text: str | None) -> None:
        self.text = text

    def count_tokens(self, text: str) -> int:
        return len(text) // 3

    def generate(self, chats: Sequence[Chat], sampling: Sampling, *, samples: int = 1) -> list[tuple[Answer, ...]]:
        if self.text is None:
            raise MmrankError("no connection")
        return [(Answer(self.text, True, 1, 1),) for _ in chats]

    def label_logits(self, chats: Sequence[Chat], labels: Sequence[str]) -> LabelLogits:
        return LabelLogits(np.zeros((len(chats), len(labels)), np.float32), 0, 0)


ASKED = "hey how mny passsengers did the ferry carry in 1994 and who bult it"


def test_a_model_rewrites_and_tells_apart(speller: Speller) -> None:
    parts = [
        {"question": "How many passengers did the ferry carry in 1994?", "intent": "count"},
        {"question": "Who built the ferry?", "intent": "look up"},
    ]
    whole = "How many passengers did the ferry carry in 1994, and who built it?"
    answer = json.dumps({"question": whole, "parts": parts})
    assert FORM.is_complete(answer)
    understood = understand_by_model(ASKED, Scribe(f"```json\n{answer}\n```"), speller)
    assert [part.text for part in understood.parts] == [part["question"] for part in parts]
    assert understood.parts[0].intent is Intent.COUNT


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (None, "no connection"),
        ("I cannot do that.", "no JSON"),
        ('{"question": 3}', "form"),
        ('{"question": "How many?", "parts": [{"q": 1}]}', "no question"),
        ('{"question": "How many in 1995?", "parts": [{"question": "How many in 1995?"}]}', "1994"),
        ('{"question": "How many sailed in 1994 to B12?", "parts": []}', "b12"),
        ('{"question": "How', "no JSON"),
    ],
)
def test_a_broken_answer_falls_back_to_rules_and_says_so(speller: Speller, answer: str | None, why: str) -> None:
    understood = understand_by_model(ASKED, Scribe(answer), speller)
    assert "passengers" in understood.rewritten and len(understood.parts) == 2
    name, said = understood.notes[0]
    assert name == "understand" and "rules" in said and why in said
