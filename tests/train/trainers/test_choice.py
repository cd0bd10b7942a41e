"""Choosing by number: conversations of several questions, and where their decisions stand."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from mmrank.errors import MmrankError
from mmrank.train.data.examples import RankingExample
from mmrank.train.data.reasons import listwise_example
from mmrank.train.loading import run_recipe
from mmrank.train.trainers.choice import ChoiceScorer, conversations
from mmrank.train.trainers.language_models import load_causal

PASSAGES = ["the anchor lies here", "a bridge stands there", "one candle burns now", "every desert is dry"]
QUESTIONS = ["where is the anchor", "where is the bridge", "where is the candle"]


def examples(group: str = "one") -> list[RankingExample]:
    return [
        RankingExample(query, (PASSAGES[i],), tuple(p for p in PASSAGES if p != PASSAGES[i]), group)
        for i, query in enumerate(QUESTIONS)
    ]


def test_questions_of_a_document_over_the_same_passages_make_one_conversation() -> None:
    [made] = conversations(examples(), candidates=4, questions=6)
    assert sorted(made["passages"]) == sorted(PASSAGES)
    assert sorted(query for query, _ in made["asked"]) == sorted(QUESTIONS)
    for query, right in made["asked"]:
        assert made["passages"][right] == PASSAGES[QUESTIONS.index(query)]


def test_questions_of_different_documents_never_meet_and_none_is_asked_twice() -> None:
    both = [*examples("one"), *examples("two")]
    made = conversations(both, candidates=3, questions=2)
    asked = [query for conversation in made for query, _ in conversation["asked"]]
    assert sorted(asked) == sorted(2 * QUESTIONS)
    assert all(len(conversation["asked"]) <= 2 for conversation in made)
    assert all(len(conversation["passages"]) == 3 for conversation in made)


def test_a_question_without_enough_negatives_is_left_out() -> None:
    assert conversations(examples(), candidates=5, questions=6) == []


def test_a_passage_that_answers_is_never_called_wrong() -> None:
    double = RankingExample("what is here", (PASSAGES[0], PASSAGES[1]), tuple(PASSAGES[2:]), "one")
    other = RankingExample(QUESTIONS[2], (PASSAGES[2],), (PASSAGES[0], PASSAGES[1]), "one")
    for seed in range(5):
        for made in conversations([double, other], candidates=3, questions=2, seed=seed):
            for query, right in made["asked"]:
                positives = double.positives if query == double.query else other.positives
                assert made["passages"][right] in positives
                assert sum(text in positives for text in made["passages"]) == 1


def test_decisions_stand_where_the_number_comes_next_and_the_right_one_is_first() -> None:
    model, tokenizer = load_causal("tiny", [*PASSAGES, *QUESTIONS, "Passage 1 2 3 4 : Question"])
    scorer = ChoiceScorer(tokenizer, 12, 20)
    rows = [
        *conversations(examples(), candidates=4, questions=6),
        *conversations(examples(), candidates=3, questions=1),
    ]
    inputs = scorer.collate(rows)
    rights = [right for row in rows for _, right in row["asked"]]
    assert len(inputs["at"]) == len(rights)
    for (row, token), numbers, right in zip(inputs["at"].tolist(), inputs["numbers"].tolist(), rights, strict=True):
        said = inputs["input_ids"][row, token + 1].item()
        assert said == numbers[0] and tokenizer.decode([said]) == str(right + 1)
    assert inputs["mask"].sum(dim=1).tolist() == [4] * 3 + [3] * 3

    scores = scorer.scores(model, inputs)[..., 0]
    logits = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]).logits
    row, token = inputs["at"][0].tolist()
    assert torch.allclose(scores[0], logits[row, token, inputs["numbers"][0]], atol=1e-4)


def test_a_template_that_changes_earlier_turns_is_refused() -> None:
    _, tokenizer = load_causal("tiny", PASSAGES)
    tokenizer.chat_template = "{{ messages[-1]['content'] }}"
    with pytest.raises(MmrankError, match="earlier turns"):
        ChoiceScorer(tokenizer, 12, 20).collate(conversations(examples(), candidates=4, questions=6))


@pytest.mark.slow
def test_the_stage_goes_before_imitation_and_goes_on_after_a_stop(tmp_path: Path) -> None:
    report = run_recipe("mm_r5", variant="small", out=tmp_path, stages=["choice", "sft"])
    assert 0 <= report.before["choice_recall"] <= 1
    shutil.rmtree(tmp_path / "sft")
    again = run_recipe("mm_r5", variant="small", out=tmp_path, stages=["choice", "sft"], resume=True)
    assert again.before["choice_recall"] == report.before["choice_recall"]
    assert again.after == report.after


def test_reasons_are_told_as_shown_or_best_first() -> None:
    made = listwise_example(examples()[1], candidates=3, seed=1)
    shown = [int(line.split()[1][:-1]) for line in made.answer().removeprefix("<think>").split("\n")]
    ranked = [int(line.split()[1][:-1]) for line in made.answer(best_first=True).removeprefix("<think>").split("\n")]
    assert shown == [1, 2, 3]
    assert ranked == list(made.ranking)
