"""Examples from documents: gold pages, judgements, and structure where nobody labelled."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from mmrank.errors import InputError
from mmrank.train.data.generated import generated_examples
from mmrank.train.data.labelled import Mining, document_examples, qrels_examples
from mmrank.train.data.negatives import word_overlap
from mmrank.train.data.weak import weak_examples
from mmrank.types import BBox, Document, Element, ElementKind, Page, Part, PartKind, Passage

TEXTS = (
    "Sales of apples rose to nine tons. The orchard in the north was planted anew. Pickers worked until late autumn "
    "because the first frost came late this year.",
    "Sales of pears fell to two tons. Wasps damaged much of the fruit in August. The company will plant fewer pear "
    "trees along the river from next spring.",
    "The board met four times and thanked all of the staff. A new member joined from the dairy. Minutes are kept at the"
    " office in town for everyone to read.",
)


@pytest.fixture
def document() -> Document:
    box = BBox(0, 0, 10, 10)
    pages, passages = [], []
    for page, text in enumerate(TEXTS):
        elements = [Element(f"p{page}e0", ElementKind.TEXT, page, box, text)]
        if page == 1:
            elements.append(
                Element("p1e1", ElementKind.CAPTION, 1, box, "Figure 1. Harvest of pears by month", caption_of="p1e0")
            )
        pages.append(Page(page, 100, 100, tuple(elements)))
        ids = tuple(element.id for element in elements)
        part = Part(PartKind.TEXT, "\n".join(element.text for element in elements), ids)
        heading = (f"{page + 1} Report on part {page}",)
        passages.append(Passage(f"d/{page}", "d", page, page, (part,), ids, (box,), heading))
    return Document("d", "d.pdf", "d.pdf", tuple(pages), tuple(passages))


def test_gold_pages_give_positives_and_the_best_other_pages_negatives(document: Document) -> None:
    (example,) = document_examples(
        document, [("how many tons of apples were the sales", [0])], mining=Mining(negatives=1)
    )
    assert "apples rose" in example.positives[0]
    assert len(example.negatives) == 1 and "pears fell" in example.negatives[0]
    assert example.group == "d"


def test_pages_as_pictures_are_named_by_file_and_number_and_keep_their_text(document: Document) -> None:
    mining = Mining(negatives=1, pictures=True)
    (example,) = document_examples(document, [("how many tons of apples were the sales", [0])], mining=mining)
    assert (example.positives, example.negatives) == (("d.pdf#page=1",), ("d.pdf#page=2",))
    assert "apples rose" in example.text_of("d.pdf#page=1")


def test_a_likely_unlabelled_answer_is_no_negative(document: Document) -> None:
    def score(query: str, passages: Sequence[str]) -> list[float]:
        return [1.0, 0.99, 0.2]

    (example,) = document_examples(document, [("sales", [0])], score=score, mining=Mining(margin=0.9))
    assert ["board met" in text for text in example.negatives] == [True]


def test_a_models_question_is_kept_only_where_retrieval_finds_its_passage(document: Document) -> None:
    asked = {"apples rose": "who picked the apples until late autumn?", "pears fell": "what happened?"}

    def ask(passage: str) -> str:
        return next((question for words, question in asked.items() if words in passage), "")

    (example,) = generated_examples(document, ask, "m", score=word_overlap)
    assert "apples rose" in example.positives[0]
    assert example.origin == "generated:m"


def test_a_gold_page_outside_the_document_is_refused(document: Document) -> None:
    with pytest.raises(InputError, match="3 pages"):
        list(document_examples(document, [("x", [3])]))


def test_weak_questions_come_from_headings_captions_and_gaps(document: Document) -> None:
    examples = list(weak_examples(document))
    assert {example.origin for example in examples} == {"heading", "caption", "cloze"}
    (caption,) = [example for example in examples if example.origin == "caption"]
    assert caption.query == "Harvest of pears by month"
    assert "pears fell" in caption.positives[0]


def test_what_a_weak_question_is_made_of_is_not_in_its_passage(document: Document) -> None:
    for example in weak_examples(document):
        assert example.query not in example.positives[0], example.origin


def test_judgements_pair_relevant_texts_with_what_the_run_found_instead() -> None:
    corpus = {"a": "right", "b": "wrong", "c": "judged wrong", "d": "also right"}
    (example,) = qrels_examples(
        {"q": "?", "r": "!"}, corpus, {"q": {"a": 2, "c": 0, "d": 1}}, run={"q": ["b", "a", "c"]}
    )
    assert example.positives == ("right", "also right")
    assert example.negatives == ("wrong", "judged wrong")
    with pytest.raises(InputError, match="text z"):
        list(qrels_examples({"q": "?"}, corpus, {"q": {"z": 1}}, run={}))
