"""A figure of a report comes from the report that the question names."""

from pathlib import Path

import pytest

import mmrank
from mmrank.index import Filter

SHEET = """# {name} annual report 2021

{name} runs ferries.

| | 2021 | 2020 |
| --- | --- | --- |
| Net sales | {sales} | 90 |
| Inventories | 20 | 10 |
| Total current assets | {assets} | 40 |
| Total current liabilities | 20 | 20 |
"""
PARTS = """# Notes of Kestrel Boats

Kestrel Boats buys from Hallan Mills. Its current ratio is a matter of taste.
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reports")
    for name, sales, assets in (("Hallan Mills", "120", "50"), ("Lunna Lines", "300", "80")):
        text = SHEET.format(name=name, sales=sales, assets=assets)
        (folder / f"{name.lower().replace(' ', '-')}.md").write_text(text, encoding="utf-8")
    (folder / "kestrel.md").write_text(PARTS, encoding="utf-8")
    with mmrank.Collection.create(folder / "reports.mmrank") as library:
        library.add(folder / "*.md")
    return folder / "reports.mmrank"


@pytest.mark.parametrize(
    ("question", "short"),
    [
        ("What is the current ratio of Hallan Mills in FY2021?", "2.50"),
        ("What is the current ratio of Lunna Lines in FY2021?", "4.00"),
        ("What was the revenue of Lunna Lines in 2021?", "300"),
        ("what was the revenue of lunna lines in 2021?", "300"),
        ("what is the current ratio of hallan mills in fy2021", "2.50"),
        ("What was Hallan Mills' revenue in 2021?", "120"),
    ],
)
def test_a_figure_is_that_of_the_company_asked_for(path: Path, question: str, short: str) -> None:
    with mmrank.Collection.open(path, read_only=True) as library:
        answer = library.ask(question)
    assert answer.short == short
    assert len({hit.document for sentence in answer.sentences for hit in sentence.hits}) == 1


@pytest.mark.parametrize(
    "question",
    [
        "What is the current ratio of Kestrel Boats in FY2021?",  # it has a document, without the lines
        "What is the current ratio of Orlo Shipping in FY2021?",  # nobody has a word of it
        "What was the revenue of Orlo Shipping in 2021?",
    ],
)
def test_a_figure_of_another_company_is_not_given(path: Path, question: str) -> None:
    with mmrank.Collection.open(path, read_only=True) as library:
        answer = library.ask(question)
    assert not any(sentence.computation for sentence in answer.sentences)
    assert {hit.document for sentence in answer.sentences for hit in sentence.hits} <= {"kestrel.md"}
    assert answer.short is None
    assert any("figures only from" in step.detail for step in answer.trace)


def test_a_question_without_a_name_and_documents_that_were_chosen_are_answered(path: Path) -> None:
    with mmrank.Collection.open(path, read_only=True) as library:
        assert library.ask("What is the current ratio in FY2021?").short in {"2.50", "4.00"}
        [hallan] = [record.id for record in library.documents() if record.name.startswith("hallan")]
        chosen = Filter(documents=(hallan,))
        assert library.ask("What is the current ratio of HLM in FY2021?", where=chosen).short == "2.50"
