"""Where examples come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmrank.errors import InputError
from mmrank.train.data.examples import RankingExample, write_examples
from mmrank.train.trainers.example_source import ExampleSource


def test_several_files_are_read_in_turns_and_a_limit_takes_of_each(tmp_path: Path) -> None:
    files = []
    for name in ("a", "b"):
        rows = [
            RankingExample(f"{name}{i}?", (f"yes {name} {i}",), (f"no {name} {i}",), f"{name}{i}") for i in range(9)
        ]
        files.append(tmp_path / f"{name}.jsonl")
        write_examples(files[-1], rows)
    held = tmp_path / "held.jsonl"
    write_examples(held, [RankingExample("h?", ("yes h",), ("no h",), "h")])
    train, test = ExampleSource(examples=files, held_out=held, limit=6).read()
    assert sorted(example.query[0] for example in train) == ["a"] * 3 + ["b"] * 3
    assert [example.query for example in train] != [f"{name}{i}?" for i in range(3) for name in "ab"]
    assert ExampleSource(examples=files, held_out=held, limit=6).read()[0] == train
    assert len(test) == 1


@pytest.mark.parametrize("source", [ExampleSource(), ExampleSource(examples=Path("gone.jsonl"))])
def test_missing_examples_are_answered_with_the_setting_and_what_to_do(source: ExampleSource) -> None:
    with pytest.raises(InputError, match=r"^source\.examples: .*--config: source: \{examples: .*--variant small"):
        source.read()


def test_examples_without_negatives_are_left_out_unless_they_are_wanted(tmp_path: Path) -> None:
    for side in ("train", "held"):
        rows = [RankingExample("q?", (f"{side} {i}",), (), f"{side}{i}") for i in range(2)]
        rows.append(RankingExample("n?", (f"{side} n",), (f"{side} other",), f"{side}n"))
        write_examples(tmp_path / f"{side}.jsonl", rows)
    source = ExampleSource(examples=tmp_path / "train.jsonl", held_out=tmp_path / "held.jsonl")
    assert [len(side) for side in source.read()] == [1, 1]
    assert [len(side) for side in source.read(keep_without_negatives=True)] == [3, 3]
