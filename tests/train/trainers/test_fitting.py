"""Prompts within their limit: what is shortened, scaled and left out is counted, and nothing is longer."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from mmrank.errors import InputError
from mmrank.train.data.examples import RankingExample

sys.path.append(str(Path(__file__).parent.parent))
pytest.importorskip("trl")

import shrunk
import tiny_models

from mmrank.train.data.examples import read_examples
from mmrank.train.recipes import mm_r5, rank_r1
from mmrank.train.trainers.fitting import conversation_tokens, scaled, within
from mmrank.train.trainers.vision_language import lazy_dataset


def test_long_passages_are_shortened_until_the_prompt_fits_and_what_never_fits_is_left_out() -> None:
    def row(example: tuple[int, int], words: int) -> dict[str, Any]:
        question, passage = example
        return {"tokens": question + min(words, passage), "words": words}

    rows, counts = within([(10, 20), (10, 400), (95, 30)], row, lambda made: made["tokens"], limit=100, words=300)
    assert [made["tokens"] <= 100 for made in rows] == [True, True]
    assert rows[0]["words"] == 300 and rows[1]["words"] > 60  # no more is taken away than has to be
    assert counts == {"shortened prompts": 1, "dropped prompts": 1}
    with pytest.raises(InputError, match=r"no example fits into prompt_tokens \(40\)"):
        within([(60, 1)], row, lambda made: made["tokens"], limit=40, words=300)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    made = tiny_models.tiny_tokenizer()
    made.chat_template = tiny_models.qwen_chat()
    return made


def test_prompts_of_recipes_keep_to_their_limit(tokenizer: Any) -> None:
    text = "the harbour was built of stone and the ships came in "
    examples = [RankingExample("which harbour", (text * length,), ("a bridge " * length,), "a") for length in (1, 60)]
    base = {"candidates": 2, "prompt_tokens": 700}
    for fitted in (
        lambda: mm_r5.fitted(examples, tokenizer, mm_r5.MmR5Config(**base)),
        lambda: rank_r1.fitted(examples, tokenizer, rank_r1.RankR1Config(**base), 0),
    ):
        rows, counts = fitted()
        assert len(rows) == 2 and counts == {"shortened prompts": 1, "dropped prompts": 0}
        assert all(conversation_tokens(tokenizer, row, "") <= 700 for row in rows)


def test_pictures_are_scaled_so_that_all_of_a_prompt_fits(tmp_path: Path) -> None:
    model = tiny_models.tiny_qwen2_5_vl()
    examples = read_examples(Path(shrunk.pages(tmp_path)["held_out"]))
    config = mm_r5.MmR5Config(pictures=True, candidates=3, max_pixels=100 * 784)
    rows = [mm_r5.listwise_row(example, config) for example in examples]

    def tokens(row: dict[str, Any]) -> int:
        return conversation_tokens(model.processor, row, row["sft"])

    limit = max(map(tokens, rows)) + 3 * 40
    made, counts = scaled(rows, model.processor, tokens, limit=limit, max_pixels=config.max_pixels)
    assert counts == {"prompts with scaled pictures": 4, "dropped prompts": 0}
    for row in lazy_dataset(made, model.processor, config.max_pixels):
        shown = model.processor.image_processor(row["images"], return_tensors="pt")["image_grid_thw"].prod(-1) // 4
        assert tokens(row) + int(shown.sum()) <= limit
    with pytest.raises(InputError, match="no example fits"):
        scaled(rows, model.processor, tokens, limit=min(map(tokens, rows)) + 30, max_pixels=config.max_pixels)
