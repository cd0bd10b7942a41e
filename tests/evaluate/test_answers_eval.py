"""How answers are scored, and noise is made."""

import random
from pathlib import Path

import pytest

import mmrank
from mmrank.evaluate.answers_eval import AnswerQuestion, evaluate_answers
from mmrank.evaluate.answers_match import correctness, exact, held, is_short, numeric, right, token_f1
from mmrank.evaluate.collection_data import CollectionQuestion
from mmrank.evaluate.noise import NOISES, evaluate_noise, join_pairs


@pytest.mark.parametrize(
    ("short", "text", "reference", "is_right"),
    [
        ("18.4 %", "", "18.40%", True),
        ("0.227", "", "22.7%", True),
        ("13", "", "12", False),
        ("(35)", "", "35", True),
        ("$1.58 billion", "", "1577", True),
        ("2019", "", "2020", False),
        ("three", "", "3", True),
        (None, "It was built by Ada Byron in 1994.", "Ada Byron", True),
        (None, "It was built by Ada Lovelace.", "Ada Byron", False),
        (None, "Radio, the newspaper and television.", "['Radio', 'Newspaper']", True),
        (None, "Radio and television.", "['Radio', 'Newspaper']", False),
    ],
)
def test_what_is_right(short: str | None, text: str, reference: str, is_right: bool) -> None:
    assert right(short, text, reference) is is_right


def test_measures_are_strict_about_what_they_name() -> None:
    assert exact("the Gannet", "Gannet") and not exact("the Gannet and more", "Gannet")
    assert numeric("12.0", "12") and not numeric("a ferry", "12")
    assert held("There were 12.", "12") and not held("There were 120.", "12")
    assert is_short("12 ferries") and not is_short("['a', 'b']") and not is_short("word " * 12)
    assert token_f1("a blue ferry", "red ferry") == pytest.approx(0.5)


def test_correctness_has_four_steps() -> None:
    assert correctness("12", "There were 12.", "12", False) == 2
    assert correctness(None, "There were 12. " + "It rained. " * 20, "12", False) == 1
    assert correctness(None, "", "12", True) == 0
    assert correctness("13", "There were 13.", "12", False) == -1


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> mmrank.Collection:
    import pymupdf

    folder: Path = tmp_path_factory.mktemp("answers")
    for name, text in (
        ("ferry.pdf", "The ferry to Lunna carries 310 passengers. It was built in 1994."),
        ("crane.pdf", "Cranes fly south in October. They rest on the marsh near Hallan."),
    ):
        with pymupdf.open() as file:
            file.new_page().insert_text((72, 100), text)
            file.save(folder / name)
    library = mmrank.Collection.create(folder / "notes.mmrank", ocr=False)
    library.add(folder / "*.pdf")
    return library


def test_answers_are_scored_against_the_file(library: mmrank.Collection) -> None:
    questions = [
        AnswerQuestion("How many passengers does the ferry carry?", "ferry.pdf", frozenset({0}), "310", True, True),
        AnswerQuestion("When do cranes fly south?", "crane.pdf", frozenset({0}), "October", True, False),
        AnswerQuestion("Which enzyme cleaves lactose?", "crane.pdf", frozenset({0}), "lactase", None, False),
    ]
    report = evaluate_answers(library, "notes", questions)
    everything = report.figures["all"]
    assert everything["answered"].value == pytest.approx(2 / 3)
    assert everything["right"].value == pytest.approx(2 / 3)
    assert everything["of answers, first citation on a gold page"].value == 1
    assert everything["of sentences, supported by their boxes"].value == 1
    assert everything["risk at coverage 0.5"].value == 0
    assert report.figures["short answers from text or tables"]["right"].value == 1


def test_noise_is_made_by_the_seed_and_changes_the_question() -> None:
    asked = "How many passengers does the ferry to Lunna carry?"
    for noise in NOISES.values():
        assert noise(asked, random.Random(3)) == noise(asked, random.Random(3)) != asked


def test_noise_and_joined_questions_are_measured(library: mmrank.Collection) -> None:
    questions = [
        CollectionQuestion("0", "How many passengers does the ferry to Lunna carry?", frozenset({("ferry.pdf", 0)})),
        CollectionQuestion("1", "When do cranes fly south?", frozenset({("crane.pdf", 0)})),
    ]
    [(text, first, second)] = join_pairs(questions, 1)
    assert first.text.rstrip("?") in text and second.text[1:] in text
    steps: list[tuple[int, int]] = []
    report = evaluate_noise(
        library, "notes", questions, seed=1, progress=lambda done, total: steps.append((done, total))
    )
    assert [done for done, _ in steps] == list(range(1, steps[0][1] + 1)) and len({total for _, total in steps}) == 1
    assert report.figures["clean, page recall@5"]["as shipped"].value == 1
    assert report.figures["two joined, both in the first 10"]["as shipped"].value == 1
    assert set(report.figures["chat, page recall@5"]) == {
        "as asked",
        "as shipped",
        "without spelling",
        "without taking chatter away",
        "without decomposition",
    }
