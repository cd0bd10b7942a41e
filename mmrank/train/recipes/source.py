"""Where a recipe's examples come from."""

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


class Source(BaseModel):
    """Files of examples, or the toy task of so many questions.

    Several files are read in turns, each in an order drawn once, so that a limit takes as much of each.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    examples: Path | list[Path] | None = None
    held_out: Path | list[Path] | None = None
    toy: int = Field(0, ge=0, description="questions of the toy task instead of files")
    toy_candidates: int = Field(4, ge=2)
    toy_kinds: int = Field(8, ge=1, description="things the toy task asks for; 1 where nothing is to be matched")
    limit: int | None = Field(None, ge=1, description="training examples, at most")
    held_out_limit: int = Field(400, ge=1)

    def read(self, *, alone: bool = False) -> tuple[list[RankingExample], list[RankingExample]]:
        """Examples to train on and examples held out, those without negatives left out.

        Args:
            alone: keep examples without negatives, for losses that find theirs in the batch.

        Raises:
            InputError: when neither files nor the toy task are named, or one document is in both files.
        """
        if self.toy:
            size, kinds = self.toy_candidates, self.toy_kinds
            train = toy_examples(self.toy, candidates=size, kinds=kinds)
            return train, toy_examples(self.held_out_limit, candidates=size, kinds=kinds, held_out=True)
        if self.examples is None or self.held_out is None:
            raise InputError(
                "name the training examples by the settings examples: … and held_out: … in --config, or try toy: 200"
            )
        train = [example for example in _read(self.examples) if alone or example.negatives][: self.limit]
        found = [example for example in _read(self.held_out) if alone or example.negatives]
        test = found[: self.held_out_limit]
        for path, side in ((self.examples, train), (self.held_out, test)):
            if not side:
                raise InputError(f"{path} holds no example with a negative, so there is nothing to rank; mine some")
        refuse_leakage(train, test)
        return train, test


def _read(files: Path | list[Path]) -> Iterator[RankingExample]:
    if isinstance(files, Path):
        yield from read_examples(files)
        return
    several = [list(read_examples(path)) for path in files]
    for examples in several:
        random.Random(0).shuffle(examples)
    for example in chain.from_iterable(zip_longest(*several)):
        if example is not None:
            yield example
