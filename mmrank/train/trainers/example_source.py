"""Where the examples of a recipe come from: files, or an invented task."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import chain, zip_longest
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from mmrank.errors import InputError
from mmrank.train.data.examples import RankingExample, read_examples
from mmrank.train.data.splits import refuse_leakage
from mmrank.train.data.toy import toy_examples


class ExampleSource(BaseModel):
    """The setting `source:` of every recipe: files of examples, or questions of the invented toy task.

    A list of files is read in turns, each file in a random but fixed order, so that a limit takes equally from each.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    examples: Path | list[Path] | None = Field(None, description="files to train on")
    held_out: Path | list[Path] | None = Field(None, description="files to measure on")
    toy: int = Field(0, ge=0, description="above 0: so many questions of the toy task, and no file is read")
    toy_candidates: int = Field(4, ge=2, description="passages per question of the toy task")
    toy_kinds: int = Field(8, ge=1, description="things the toy task asks for; with 1 nothing has to be matched")
    limit: int | None = Field(None, ge=1, description="at most so many training examples")
    held_out_limit: int = Field(400, ge=1, description="at most so many held-out examples")

    def read(self, *, keep_without_negatives: bool = False) -> tuple[list[RankingExample], list[RankingExample]]:
        """Training examples and held-out examples; those without negatives are left out.

        Args:
            keep_without_negatives: keep them, for losses that take other passages of the batch as negatives.

        Raises:
            InputError: when files are not named or missing, hold nothing to rank, or share a document.
        """
        if self.toy:
            size, kinds = self.toy_candidates, self.toy_kinds
            train = toy_examples(self.toy, candidates=size, kinds=kinds)
            return train, toy_examples(self.held_out_limit, candidates=size, kinds=kinds, held_out=True)
        sides: list[list[RankingExample]] = []
        for setting, files, limit in (
            ("examples", self.examples, self.limit),
            ("held_out", self.held_out, self.held_out_limit),
        ):
            found = _read(_existing(setting, files), shuffled=isinstance(files, list))
            side = [example for example in found if keep_without_negatives or example.negatives][:limit]
            if not side:
                raise InputError(f"source.{setting}: no example in {files} has a negative, so there is nothing to rank")
            sides.append(side)
        refuse_leakage(*sides)
        return sides[0], sides[1]


def _existing(setting: str, files: Path | list[Path] | None) -> list[Path]:
    paths = [files] if isinstance(files, Path) else files or []
    missing = next((path for path in paths if not path.is_file()), None)
    if missing is not None or not paths:
        fault = "names no file" if missing is None else f"{missing} is not there"
        raise InputError(
            f"source.{setting}: {fault}. Build examples with `mmrank train data`, and name them in a YAML file for "
            "--config: source: {examples: train.jsonl, held_out: held_out.jsonl}. "
            "To try a recipe without examples, use --variant small"
        )
    return paths


def _read(files: list[Path], *, shuffled: bool) -> Iterator[RankingExample]:
    several = [list(read_examples(path)) for path in files]
    if shuffled:
        for examples in several:
            random.Random(0).shuffle(examples)
    for example in chain.from_iterable(zip_longest(*several)):
        if example is not None:
            yield example
