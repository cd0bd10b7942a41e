"""Collections that are asked."""

import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import mmrank
from mmrank.errors import InputError
from mmrank.rerankers import Ranking
from mmrank.rerankers.protocol import RankedCandidate
from mmrank.types import Candidate, Query

NOTES = {
    "ferry.md": "# The ferry\n\nThe ferry to Lunna carries 310 passengers. It was built in 1994 by Ada Byron.\n",
    "crane.md": "# Cranes\n\nCranes fly south in October. They rest on the marsh.\n",
}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ask")
    for name, text in NOTES.items():
        (folder / name).write_text(text, encoding="utf-8")
    with mmrank.Collection.create(folder / "notes.mmrank") as library:
        assert len(library.add(folder / "*.md").added) == 2
    return folder / "notes.mmrank"


def test_an_answer_has_sentences_with_boxes(path: Path) -> None:
    with mmrank.Collection.open(path, read_only=True) as library:
        answer = library.ask("How many passengers does the ferry to Lunna carry?")
    assert answer.short == "310" and not answer.abstained and answer.text.startswith("The ferry to Lunna carries 310")
    assert answer.sentences[0].hits[0].document == "ferry.md" and answer.sentences[0].boxes
    assert [step.name for step in answer.trace] == ["search", "extract"]


def test_sentences_come_one_by_one_and_the_answer_last(path: Path) -> None:
    with mmrank.Collection.open(path, read_only=True) as library:
        stream = library.ask_stream("When do cranes fly south?")
        sentences = list(stream)
    assert sentences == list(stream.answer.sentences) and "October" in stream.answer.text


def test_slips_and_chatter_are_taken_away_and_the_trace_says_so(path: Path) -> None:
    with mmrank.Collection.open(path, read_only=True) as library:
        answer = library.ask("hey, could you tell me how many pasengers the ferrry to Lunna carries? thanks!")
        assert answer.short == "310"
        said = [step.detail for step in answer.trace if step.name == "rewrite"]
        assert "read “ferrry” as “ferry”" in said and said[-1].startswith("searched for: how many passengers")
        plain = library.ask("How many pasengers does the ferry carry?", understand="none")
    assert [step.name for step in plain.trace] == ["search", "extract"]


def test_each_of_two_questions_is_answered(path: Path) -> None:
    with mmrank.Collection.open(path, read_only=True) as library:
        answer = library.ask("When do cranes fly south, and how many passengers does the ferry to Lunna carry?")
    assert "October" in answer.text and "310" in answer.text
    assert {hit.document for sentence in answer.sentences for hit in sentence.hits} == {"crane.md", "ferry.md"}
    assert any(step.name == "decompose" for step in answer.trace)


class Backwards:
    """Puts the last candidate first, and remembers what it was asked."""

    name = "backwards"

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.shown: list[str] = []

    def rerank(self, query: Query, candidates: Sequence[Candidate]) -> Ranking:
        self.asked.append(query.text)
        self.shown = [candidate.text for candidate in candidates]
        turned = reversed(candidates)
        return Ranking(tuple(RankedCandidate(one, float(-at), "turned") for at, one in enumerate(turned)), self.name)


def test_pages_of_several_questions_are_reranked_by_the_whole_question(path: Path) -> None:
    reranker = Backwards()
    whole = "When do cranes fly south, and how many passengers does the ferry to Lunna carry?"
    with mmrank.Collection.open(path, read_only=True) as library:
        answer = library.ask(whole, rerank=reranker)
        joined = library.ask(whole, rerank="none")
        assert reranker.asked[-1] == whole and len(reranker.shown) == 2 and "310" in "".join(reranker.shown)
        assert {hit.document for hit in answer.hits} == {hit.document for hit in joined.hits}
        assert all(hit.reasoning == "turned" for hit in answer.hits)
        assert any(step.name == "rerank" and "backwards" in step.detail for step in answer.trace)
        assert not any(step.name == "rerank" for step in library.ask("Who built the ferry?", rerank=reranker).trace)


def test_both_sides_of_a_comparison_are_searched_for(path: Path) -> None:
    with mmrank.Collection.open(path, read_only=True) as library:
        answer = library.ask("Are there more passengers to Lunna or Skerry?")
    [said] = [step.detail for step in answer.trace if step.name == "rewrite"]
    assert said.endswith("Are there more passengers to Lunna?; Are there more passengers to Skerry?")


def test_what_the_documents_do_not_say_is_not_answered(path: Path) -> None:
    with mmrank.Collection.open(path, read_only=True) as library:
        answer = library.ask("Which enzyme cleaves lactose during digestion?")
    assert answer.abstained and not answer.sentences and answer.short is None
    assert ".md, page 1" in answer.text


def test_an_empty_collection_says_so(tmp_path: Path) -> None:
    with mmrank.Collection.create(tmp_path / "empty.mmrank") as library:
        answer = library.ask("Who built the ferry?")
    assert answer.abstained and "empty" in answer.text


def test_an_empty_question_is_refused(path: Path) -> None:
    with mmrank.Collection.open(path, read_only=True) as library, pytest.raises(InputError, match="empty"):
        library.ask("  ")


def test_the_command_prints_the_answer_and_where_it_stands(
    path: Path, tmp_path: Path, command_line: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    asked = ("ask", "When do cranes fly south?", "-c", path)
    shown = command_line(*asked, "--draw", "out")
    assert "October" in shown.stdout and "crane.md, page 1" in shown.stdout and "drawn:" in shown.stdout
    told = json.loads(command_line(*asked, "--json").stdout)
    assert told["sentences"][0]["hits"][0]["document"] == "crane.md" and told["abstained"] is False
    assert command_line("ask", "Which enzyme cleaves lactose?", "-c", path).returncode == 0
