import numpy as np
import pytest

from mmrank.errors import InputError
from mmrank.evaluate.bootstrap import Sample


def test_micro_is_the_mean_over_questions_and_macro_over_domains():
    sample = Sample(["a", "a", "a", "b"], ["law", "law", "law", "news"])
    values = [1.0, 0.5, 0.0, 0.1]
    assert sample.micro(values).value == pytest.approx(0.4)
    assert sample.macro(values).value == pytest.approx((0.5 + 0.1) / 2)


def test_equal_seeds_give_equal_intervals():
    documents, values = list("abcdefgh"), [0.13, 0.2, 0.91, 0.87, 0.5, 0.44, 0.3, 0.02]
    first, second = (Sample(documents, ["x"] * 8, seed=7).micro(values) for _ in range(2))
    assert first == second
    assert Sample(documents, ["x"] * 8, seed=8).micro(values) != first


def test_the_interval_holds_the_mean_and_has_no_width_without_variation():
    figure = Sample(list("abcdef"), ["x"] * 6).micro([0.3] * 6)
    assert (figure.low, figure.value, figure.high) == pytest.approx((0.3, 0.3, 0.3))
    wide = Sample(list("abcdef"), ["x"] * 6).micro([0, 1, 0, 1, 0, 1])
    assert wide.low < wide.value < wide.high


def test_the_interval_is_that_of_the_normal_theory_for_many_documents():
    rng = np.random.default_rng(0)
    values = rng.random(400)
    figure = Sample([str(i) for i in range(400)], ["x"] * 400).micro(values)
    expected = 1.96 * values.std() / 20
    assert figure.high - figure.value == pytest.approx(expected, rel=0.1)
    assert figure.value - figure.low == pytest.approx(expected, rel=0.1)


def test_documents_are_drawn_so_questions_of_one_document_widen_the_interval():
    values = [1.0] * 20 + [0.0] * 20
    apart = Sample([str(i) for i in range(40)], ["x"] * 40).micro(values)
    together = Sample(["a"] * 10 + ["b"] * 10 + ["c"] * 10 + ["d"] * 10, ["x"] * 40).micro(values)
    assert together.high - together.low > 2 * (apart.high - apart.low)


def test_values_of_another_length_are_refused():
    with pytest.raises(InputError, match="2 values were given for 3 questions"):
        Sample(list("abc"), ["x"] * 3).micro([1.0, 0.0])
