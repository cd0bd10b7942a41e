"""Builders: passages with neighbours, tables as text, negatives that are hard and no answers, splits without leaks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmrank.errors import InputError
from mmrank.rerankers.parsing import parse_ranking, parse_reasons
from mmrank.rerankers.protocol import AnswerStatus
from mmrank.train.data.examples import RankingExample, fingerprint, read_examples, write_examples
from mmrank.train.data.negatives import hard_negatives, word_overlap
from mmrank.train.data.reasons import listwise_example, with_reasons
from mmrank.train.data.splits import fold_of, refuse_leakage, split, without_leaks
from mmrank.train.data.squad import squad_sentences
from mmrank.train.data.tatqa import tatqa
from mmrank.train.data.toy import toy_examples


def lines(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_sentences_become_passages_with_neighbours_as_negatives(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {
            "query": f"where is thing {i}",
            "positive": f"thing {i} stands in town {i} .",
            "position": i,
            "part": "train",
        }
        for i in range(40)
    ]
    examples = list(squad_sentences(lines(tmp_path / "squad.jsonl", rows), words=14, negatives=2, around=3))
    assert len(examples) == 40
    for i, example in enumerate(examples):
        assert f"thing {i} stands" in example.positives[0]
        assert len(example.negatives) == 2
        assert all(f"thing {i} stands" not in text for text in example.negatives)


def test_a_context_gives_its_table_as_rows_and_its_other_passages_as_negatives(tmp_path: Path) -> None:
    row = {
        "context": "c1",
        "passages": [
            {"id": "table", "kind": "table", "rows": [["", "2019"], ["Sales", "44.1"]]},
            {"id": "1", "kind": "text", "text": "Sales are contracts."},
        ],
        "questions": [{"query": "What were sales in 2019?", "answer": ["44.1"], "relevant": ["table"]}],
    }
    (example,) = tatqa(lines(tmp_path / "tatqa.jsonl", [row]))
    assert example.positives == ("| | 2019 |\n| Sales | 44.1 |",)
    assert example.negatives == ("Sales are contracts.",)
    assert example.group == "c1"


@pytest.mark.parametrize("reader", [squad_sentences, tatqa, read_examples])
def test_a_broken_line_is_named(tmp_path: Path, reader: object) -> None:
    path = tmp_path / "broken.jsonl"
    path.write_text('{"query": "a"}\n', encoding="utf-8")
    with pytest.raises(InputError, match="line 1"):
        list(reader(path))  # type: ignore[operator]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.jsonl"):
        list(read_examples(tmp_path / "nowhere.jsonl"))


def test_examples_come_back_as_they_were_written(tmp_path: Path) -> None:
    examples = toy_examples(5)
    assert write_examples(tmp_path / "made" / "e.jsonl", examples) == 5
    assert list(read_examples(tmp_path / "made" / "e.jsonl")) == examples


def test_hard_negatives_are_the_best_scored_that_are_not_relevant() -> None:
    pool = ["net sales rose", "net sales fell", "the weather", "net loss", "net sales rose"]
    assert hard_negatives("net sales", pool, {0}, word_overlap, count=2) == [1, 3]


def test_passages_scored_like_an_answer_are_left_out() -> None:
    scores = {"right": 1.0, "an unlabelled answer": 0.99, "near": 0.6, "far": 0.1}
    found = hard_negatives("q", list(scores), {0}, lambda _, texts: [scores[t] for t in texts], count=3, margin=0.95)
    assert [list(scores)[i] for i in found] == ["near", "far"]


def test_a_document_is_never_on_both_sides_of_a_split() -> None:
    examples = [RankingExample(f"q{i}", ("p",), (), f"document {i % 30}") for i in range(300)]
    train, test = split(examples, folds=5, held_out=2)
    assert train and test and len(train) + len(test) == 300
    assert not {e.group for e in train} & {e.group for e in test}
    assert [fold_of("document 3", 5), fold_of("document 3", 5)] == [fold_of("document 3", 5)] * 2


def test_the_same_passage_in_training_and_evaluation_is_refused_whatever_its_spacing() -> None:
    train = [RankingExample("q", ("Net sales,  2019.",), (), "a")]
    test = [RankingExample("q", ("x",), ("net sales 2019",), "b")]
    with pytest.raises(InputError, match="word for word"):
        refuse_leakage(train, test)
    with pytest.raises(InputError, match="both"):
        refuse_leakage([RankingExample("q", ("y",), (), "b")], test)
    assert without_leaks(train, test) == []
    refuse_leakage([RankingExample("q", ("other",), (), "c")], test)


def test_fingerprints_ignore_case_and_punctuation_only() -> None:
    assert fingerprint("A b") == fingerprint("a  B!") != fingerprint("ab")


def test_a_reasoned_example_ranks_the_relevant_first_and_says_who_wrote_the_reasons() -> None:
    example = RankingExample("where is the anchor", ("the anchor is here.",), ("a bridge.", "a candle."), "d")
    made = listwise_example(example, candidates=3, seed=3)
    assert made.ranking[0] == made.relevant[0]
    assert sorted(made.ranking) == [1, 2, 3]
    assert made.candidates[made.relevant[0] - 1] == "the anchor is here."
    assert made.origin == "template"
    assert made.answer().endswith(f"<answer>[{', '.join(map(str, made.ranking))}]</answer>")
    told = listwise_example(with_reasons(example, lambda q, p, good: "because " * 90, "m"), words=5)
    assert told.origin == "teacher:m"
    assert all(len(reason.split()) == 5 for reason in told.reasons)


def test_reasoned_answers_are_complete_to_the_parser_and_earn_full_reward() -> None:
    from mmrank.train.rewards.mm_r5 import format_reward, result_reward

    for example in toy_examples(20):
        made = listwise_example(example)
        answer = made.answer()
        assert parse_ranking(answer, 4).status is AnswerStatus.COMPLETE
        assert len(parse_reasons(answer, 4)) == 4
        assert result_reward(answer, made.relevant) == format_reward(answer, 4) == 1


def test_a_chain_is_read_by_the_parser_of_chains() -> None:
    made = listwise_example(toy_examples(1)[0])
    parsed = parse_ranking(made.chain(), 4, style="chain")
    assert (parsed.order, parsed.status) == (made.ranking, AnswerStatus.COMPLETE)


def test_candidates_are_shuffled_so_that_no_place_gives_the_answer_away() -> None:
    places = [listwise_example(example).relevant[0] for example in toy_examples(80)]
    assert all(places.count(place) > 8 for place in (1, 2, 3, 4))


def test_the_toy_tasks_halves_share_no_passage() -> None:
    train, test = toy_examples(2000), toy_examples(500, held_out=True)
    refuse_leakage(train, test)
    assert {word for e in test for word in e.positives[0].split()} <= {w for e in train for w in e.positives[0].split()}


def test_template_reasons_quote_only_what_is_shown() -> None:
    example = RankingExample("Where is the anchor?", ("It rained. The anchor lies here.",), ("Sales rose.",), "g")
    made = listwise_example(example, read=lambda text: text.split(". ")[0])
    assert not any("anchor" in reason for reason in made.reasons)
