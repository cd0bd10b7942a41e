"""BM25 in memory, by value."""

from collections import Counter

import numpy as np
import pytest

from mmrank.lexical import InMemoryBM25


def test_bm25_has_the_value_worked_out_by_hand() -> None:
    bm25 = InMemoryBM25([Counter("aab"), Counter("bc"), Counter("d")], k1=1.2, b=0.75)
    idf = np.log(1 + (3 - 1 + 0.5) / (1 + 0.5))
    norm = 1.2 * (1 - 0.75 + 0.75 * 3 / 2)
    assert bm25.idf("a") == pytest.approx(idf)
    assert bm25.scores(["a"]) == pytest.approx([idf * 2 * 2.2 / (2 + norm), 0, 0])
    assert bm25.scores(["a", "a"]) == pytest.approx(bm25.scores(["a"]))
    assert bm25.scores(["nowhere"]).tolist() == [0, 0, 0]
