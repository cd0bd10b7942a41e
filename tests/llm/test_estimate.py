from __future__ import annotations

import random

import pytest

from mmrank.llm.estimate import estimated_tokens
from mmrank.llm.http import ModelServer
from mmrank.llm.openai_engine import OpenAIChat

DICE = random.Random(0)
SALES = "Net sales\n" + "\n".join(
    f"| {year} | {DICE.randint(1000, 99999):,} | ({DICE.randint(10, 9999):,}) | {DICE.random() * 100:.1f}% |"
    for year in range(1960, 2024)
)
TEXTS = {
    "a table of net sales": SALES,
    "numbers alone": " ".join(str(DICE.randint(100_000, 999_999)) for _ in range(300)),
    "English": "The company's net sales rose by a tenth, mainly because markets abroad (Asia, Europe) had recovered. "
    * 5,
    "capitals": "CONSOLIDATED STATEMENTS OF COMPREHENSIVE INCOME AND SHAREHOLDERS' EQUITY " * 5,
    "French": "L'entreprise a réalisé un chiffre d'affaires élevé grâce à l'activité étrangère. " * 5,
    "Russian": "Чистая выручка компании выросла на десять процентов. " * 5,
    "Chinese": "公司本年度净销售额增长了百分之十，主要由于海外市场的需求。" * 5,
    "formulas": "∑_{i=1}^{n} x_i² ≤ ∫ f(x) dx → α β γ ± ∞ ≠ √2 " * 5,
    "code": "def count(self, text: str) -> int:\n    return len(self._tokens[text].ids)\n" * 5,
    "an entry of contents": "Results ............................. 12\n" * 5,
}


@pytest.mark.parametrize("name", TEXTS)
def test_no_ordinary_text_takes_more_tokens_than_estimated(smollm2_torch, name) -> None:
    assert smollm2_torch.count_tokens(TEXTS[name]) <= estimated_tokens(TEXTS[name])


def test_the_estimate_of_english_prose_stays_below_twice_its_tokens(smollm2_torch) -> None:
    assert estimated_tokens(TEXTS["English"]) < 2 * smollm2_torch.count_tokens(TEXTS["English"])


def test_a_server_counts_a_table_of_net_sales_no_shorter_than_it_is(smollm2_torch) -> None:
    served = OpenAIChat(ModelServer("http://127.0.0.1:9/v1"), "m")
    assert served.count_tokens(SALES) >= smollm2_torch.count_tokens(SALES) > 2 * len(SALES) / 3
